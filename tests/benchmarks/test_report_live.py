from __future__ import annotations

from typing import Any

import pytest
from benchmarks.report import Lines

from benchmarks import report_live


def line(recipe: str = "live", seed: int = 0, date: str = "2026-01-02", commit: str = "abc", **dice: float):
    scores: dict[str, Any] = {mark.removeprefix("at_"): value for mark, value in dice.items()}
    return {
        "set": "monuseg",
        "recipe": recipe,
        "seed": seed,
        "minutes": 1.0,
        "commit": commit,
        "date": date,
        "dice": scores,
    }


def cells(lines: list[dict[str, Any]]) -> list[str]:
    text = report_live.section(Lines(lines), {"monuseg": 0.8})
    (row,) = [row for row in text.splitlines() if row.startswith("| monuseg")]
    return row.strip("| ").split(" | ")


LIVE = {"at_10": 0.6, "at_30": 0.65, "at_60": 0.7}


def test_nothing_measured_gives_no_section() -> None:
    assert report_live.section(Lines([]), {}) == ""


def test_scores_stand_beside_the_forest_and_the_aims() -> None:
    found = cells([line(**LIVE), line("forest", forest=0.6), line("scratch", at_10=0.5)])
    assert found == [
        "monuseg, nuclei",
        "0.600",
        "0.500",
        "0.600 (0.595)",
        "0.650 (0.640)",
        "0.700 (0.670)",
        "0.800",
        "abc",
    ]


def test_the_median_of_the_seeds_of_the_newest_commit_counts() -> None:
    old = line(seed=3, date="2026-01-01", commit="old", at_10=0.9, at_30=0.9, at_60=0.9)
    new = [line(seed=seed, at_10=0.1 * seed, at_30=0.5, at_60=0.5) for seed in (1, 2, 6)]
    assert cells([*new, old])[3].startswith("0.200")
    assert "median of 3 seeds" in report_live.section(Lines([*new, old]), {})


@pytest.mark.parametrize("mark", ["10", "30", "60"])
def test_without_a_forest_there_is_no_aim(mark: str) -> None:
    assert report_live.aim(mark, None, 0.8) is None


def test_without_full_annotation_only_the_forest_is_aimed_at() -> None:
    assert report_live.aim("10", 0.6, None) == pytest.approx(0.595)
    assert report_live.aim("30", 0.6, None) is None

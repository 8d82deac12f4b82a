from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.accuracy.lines import append_line
from benchmarks.accuracy.scoring import contingency, overlap_scores
from benchmarks.accuracy.sets import SETS

from benchmarks import report


def line(name: str, recipe: str, minutes: float, dice: float, **more: Any) -> dict[str, Any]:
    measured = SETS[name]
    n = len(measured.classes)
    scores = overlap_scores(measured, contingency(*[_diagonal(n)] * 2, n))
    scores["dice"] = dict.fromkeys(scores["dice"], dice)
    if measured.cells is not None:
        scores["rand_f"] = {"mean": dice / 2}
    return {
        "set": name,
        "recipe": recipe,
        "minutes": minutes,
        "seed": 0,
        "commit": "abc",
        "date": "2026-01-02T03:04:05+00:00",
        "machine": {"cpu": "a processor", "cores": 2},
        "versions": {"python": "3.11.0"},
        "training_seconds": 60 * minutes,
        "prediction_seconds": 2.0,
        "facts": {"steps": 100, "parameters": 2_000_000},
        "scores": scores,
    } | more


def _diagonal(n: int) -> Any:
    import numpy as np

    return np.arange(n)[None]


def row(page: str, *starts: str) -> list[str]:
    """Cells of the first table row that begins with these."""
    for text in page.splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if cells[: len(starts)] == list(starts):
            return cells
    raise AssertionError(f"no row {starts}")


def test_aims_are_compared_with_twenty_minutes() -> None:
    lines = [
        line("chase", "ours", 5.0, 0.9),
        line("chase", "ours", 20.0, 0.79),
        line("monuseg", "ours", 20.0, 0.8),
    ]
    page = report.page(report.Lines(lines))
    assert row(page, "chase", "vessels Dice")[2:] == ["–", "0.900", "0.790", "0.8", "missed"]
    assert row(page, "monuseg", "foreground Dice")[-1] == "reached"
    assert row(page, "isbi2012", "Rand F")[-1] == "–"


def test_the_best_at_five_minutes_is_bold() -> None:
    lines = [line("chase", "ours", 5.0, 0.8), line("chase", "forest", 5.0, 0.7)]
    page = report.page(report.Lines(lines)).split("## Five minutes")[1]
    cells = row(page, "chase", "vessels Dice")
    assert "**0.800**" in cells
    assert "0.700" in cells


def test_what_ran_on_another_processor_is_marked() -> None:
    lines = [
        line("chase", "ours", 5.0, 0.8),
        line("chase", "forest", 5.0, 0.7),
        line("chase", "otsu", 5.0, 0.6, machine={"cpu": "an older one", "cores": 2}),
    ]
    page = report.page(report.Lines(lines)).split("## Five minutes")[1]
    cells = row(page, "chase", "vessels Dice")
    assert "0.700" in cells
    assert "0.600 ⁎" in cells


def test_the_ablation_is_compared_with_ours_on_its_own_processor() -> None:
    other = {"machine": {"cpu": "a newer one", "cores": 2}, "date": "2026-02-02T03:04:05+00:00"}
    lines = [
        line("chase", "ours", 5.0, 0.5),
        line("chase", "no_skips", 5.0, 0.4),
        line("chase", "ours", 5.0, 0.8, **other),
    ]
    page = report.page(report.Lines(lines)).split("## One thing changed")[1]
    assert "0.500" in row(page, "as it is (width 16, depth 4)")


def test_the_newest_commit_counts_and_its_seeds_are_averaged() -> None:
    newer = {"commit": "def", "date": "2026-02-02T03:04:05+00:00"}
    lines = [
        line("chase", "ours", 20.0, 0.5, **newer),
        line("chase", "ours", 20.0, 0.7, **newer, seed=1),
        line("chase", "ours", 20.0, 0.1),
        line("chase", "ours", 20.0, 0.1, seed=2),
    ]
    assert row(report.page(report.Lines(lines)), "chase", "vessels Dice")[4] == "0.600"


def test_the_ablation_is_compared_with_ours() -> None:
    lines = [line("isbi2012", recipe, 5.0, dice) for recipe, dice in (("ours", 0.8), ("no_skips", 0.6))]
    page = report.page(report.Lines(lines))
    assert row(page, "as it is (width 16, depth 4)")[1:4] == ["0.800", "1.000", "0.400"]
    assert row(page, "no skip connections")[1] == "0.600"
    assert row(page, "no skip connections")[-4:] == ["2.00 M", "100", "300", "2.0"]
    assert "width 32" not in page  # was not measured


def test_nothing_measured_is_a_page_too() -> None:
    assert "Nothing has been measured yet" in report.page(report.Lines([]))


def test_page_and_plot_are_the_same_for_the_same_lines(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for one in (line("chase", "ours", 5.0, 0.8), line("chase", "otsu", 5.0, 0.2)):
        append_line(tmp_path / "lines.jsonl", one)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        report.main(["--results", str(tmp_path / "lines.jsonl"), "--page", str(tmp_path / name / "page.md")])
        plot = tmp_path / name / report.PLOT
        written.append((plot.read_bytes(), (tmp_path / name / "page.md").read_text()))
    assert written[0] == written[1]
    assert b"<svg" in written[0][0]

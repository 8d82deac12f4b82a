from __future__ import annotations

from typing import Any

from benchmarks import report_objects


def line(recipe: str = "distances", date: str = "2026-01-02", f1: float = 0.9, **more: Any) -> dict[str, Any]:
    scores = {"ap_50": 0.8, "f1_50": f1, "ap_50_95": 0.7, "pq": 0.6, "labelled": 10, "predicted": 11}
    common = {"set": "bbbc039", "minutes": 30.0, "seed": 0, "commit": "abc", "scores": scores}
    return common | {"recipe": recipe, "date": date} | more


def rows(lines: list[dict[str, Any]]) -> list[list[str]]:
    text = report_objects.section(lines).splitlines()
    return [row.strip("| ").split(" | ") for row in text if row.startswith("| bbbc039")]


def test_nothing_measured_gives_no_section() -> None:
    assert report_objects.section([]) == ""


def test_scores_stand_beside_the_rival_and_the_aim() -> None:
    ours, rival = rows([line("stardist", f1=0.85), line()])
    assert ours[:4] == ["bbbc039", "napari-unet, distances", "30", "0.900"]
    assert ours[7:9] == ["11 / 10", "F1 at 0.5 0.96, AP 0.5 to 0.95 0.80"]
    assert rival[1:4] == ["StarDist 2D", "30", "0.850"]
    assert rival[8] == "–"


def test_the_newest_line_of_a_kind_counts() -> None:
    (only,) = rows([line(date="2026-01-03", f1=0.5), line(date="2026-01-02", f1=0.4)])
    assert only[3] == "0.500"


def test_other_minutes_are_not_compared_with_the_aim() -> None:
    (only,) = rows([line(minutes=5.0)])
    assert only[2] == "5"
    assert only[8] == "–"

"""The section on objects of docs/benchmarks.md, from the lines of ``benchmarks/results/objects.jsonl``."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.accuracy.lines import Line
from benchmarks.markdown import MISSING, number, table
from benchmarks.objects import SETS

TITLES = {
    "flows": "napari-unet, flows",
    "borders": "napari-unet, borders",
    "distances": "napari-unet, distances",
    "weights": "napari-unet, weights",
    "stardist": "StarDist 2D",
}
SCORES = {"f1_50": "F1 at 0.5", "ap_50": "AP at 0.5", "ap_50_95": "AP 0.5 to 0.95", "pq": "panoptic quality"}

HEAD = """## Objects

By `python -m benchmarks.objects`: every object of the test folders matched with those predicted; means over images
(over volumes for bbbc050, whose objects are linked through the slices). Minutes are those of training, from scratch
for everybody, on the same images and cores. StarDist has the settings of its documentation.
"""


def section(lines: Sequence[Line]) -> str:
    """Text and table; empty if nothing has been measured."""
    newest: dict[tuple[str, str, float], Line] = {}
    for line in sorted(lines, key=lambda line: line["date"]):
        newest[line["set"], line["recipe"], line["minutes"]] = line
    rows = []
    for name, measured in SETS.items():
        aims = ", ".join(f"{SCORES[score]} {bar:.2f}" for score, bar in measured.bars.items())
        for recipe, title in TITLES.items():
            for (_, _, minutes), line in sorted(
                item for item in newest.items() if item[0][:2] == (name, recipe)
            ):
                counts = f"{line['scores']['predicted']} / {line['scores']['labelled']}"
                scores = [number(line["scores"][score]) for score in SCORES]
                aim = aims if minutes == measured.minutes and recipe != "stardist" else MISSING
                rows.append([name, title, f"{minutes:g}", *scores, counts, aim, line["commit"]])
    titles = ["set", "", "minutes", *SCORES.values(), "objects predicted / labelled", "aim", "commit"]
    return "\n\n".join([HEAD.strip(), table(titles, rows)]) if rows else ""

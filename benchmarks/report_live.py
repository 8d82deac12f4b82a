"""The section on Live of docs/benchmarks.md, from the lines of ``benchmarks/results/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.accuracy.lines import Line
from benchmarks.markdown import number, table
from benchmarks.scribbles import MARKS, SUBJECTS

if TYPE_CHECKING:
    from benchmarks.report import Lines

BELOW = 0.005
"""How far below the forest is still as good, after 10 s."""

CLOSED = {"30": 0.2, "60": 0.35}
"""Parts of the way from the forest to full annotation that are aimed at."""

HEAD = """## Live

By `python -m benchmarks.scribbles`: strokes of about 1000 pixels, made from the truth of one training image; Dice on
the test images after so many seconds of painting and learning, the median of {seeds} seeds, each with an image and
strokes of its own. Beside it a random forest on scikit-image's multi-scale features that learnt from the same
strokes, and 20 minutes of training on all training images, fully annotated. In brackets what is aimed at: the forest,
less 0.005, after 10 s; a fifth and 35% of the way from the forest to full annotation after 30 and 60 s.
"""


def section(lines: Lines, full: Mapping[str, float | None]) -> str:
    """Text and table; empty if nothing has been measured.

    Parameters
    ----------
    lines : Lines
        Of ``scribbles.jsonl``.
    full : mapping of str to float or None
        For every set the Dice of full annotation.
    """
    minutes = MARKS[-1] / 60
    rows, seeds = [], 0
    for name, subject in SUBJECTS.items():
        live, forest = (lines.of(name, recipe, minutes) for recipe in ("live", "forest"))
        if not live:
            continue
        seeds = max(seeds, len(live))
        base, most = _median(forest, "forest"), full.get(name)
        cells = [
            f"{number(_median(live, mark))} ({number(aim(mark, base, most))})"
            for mark in (f"{seconds:g}" for seconds in MARKS)
        ]
        without = number(_median(lines.of(name, "scratch", minutes), "10"))
        commits = ", ".join(sorted({line["commit"] for line in live}))
        rows.append([f"{name}, {subject.title}", number(base), without, *cells, number(most), commits])
    titles = ["set", "forest", "10 s, no starter", *(f"{mark:g} s" for mark in MARKS), "full", "commit"]
    return "\n\n".join([HEAD.format(seeds=seeds).strip(), table(titles, rows)]) if rows else ""


def aim(mark: str, forest: float | None, full: float | None) -> float | None:
    """What is to be reached after so many seconds; ``None`` where the rest was not measured."""
    if forest is None:
        return None
    if mark not in CLOSED:
        return forest - BELOW
    return None if full is None else forest + CLOSED[mark] * (full - forest)


def _median(lines: Sequence[Line], mark: str) -> float | None:
    return median(line["dice"][mark] for line in lines) if lines else None

"""Scores as rows, CSV, JSON and a table for the terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from napari_unet.labels import AnnotationKind
from napari_unet.scores.comparison import Comparison, Position, Score, class_score, foreground_score
from napari_unet.scores.confusion import Confusion

ALL = "all"
MEAN = "mean"
FOREGROUND = "foreground"

COLUMNS = (
    "image", "slice", "class", "name", "dice", "iou", "labelled_pixels", "predicted_pixels", "overlap_pixels",
)  # fmt: skip


@dataclass(frozen=True)
class ScoreRow:
    """One line of a score table.

    Attributes
    ----------
    label : str
        Class value, ``"mean"`` or ``"foreground"``.
    name : str
        Name of the class, if known.
    dice, iou : float
        ``nan`` where undefined.
    score : Score or None
        The pixels behind them; ``None`` for the mean.
    """

    label: str
    name: str
    dice: float
    iou: float
    score: Score | None


def score_rows(
    kind: AnnotationKind, values: tuple[int, ...], counts: Confusion, names: Mapping[int, str] | None = None
) -> list[ScoreRow]:
    """Classes, mean and foreground of some counts; of objects the foreground only.

    The foreground of scribbles is left out: with label 0 ignored, nothing can be wrong about it but a miss.
    """
    names = names or {}
    rows = []
    if kind != "objects":
        for index, value in enumerate(values):
            score = class_score(counts, index)
            rows.append(ScoreRow(str(value), names.get(value, ""), score.dice, score.iou, score))
        rows.append(ScoreRow(MEAN, "", counts.mean_dice(), counts.mean_iou(), None))
    if kind != "scribbles":
        score = foreground_score(values, counts)
        rows.append(ScoreRow(FOREGROUND, "", score.dice, score.iou, score))
    return rows


def score_json(kind: AnnotationKind, values: tuple[int, ...], counts: Confusion) -> dict[str, Any]:
    """``classes`` by value, ``foreground`` and ``mean``; ``None`` where undefined."""
    classes = {} if kind == "objects" else {str(v): class_score(counts, i) for i, v in enumerate(values)}
    foreground = foreground_score(values, counts)
    mean = (math.nan, math.nan) if kind == "objects" else (counts.mean_dice(), counts.mean_iou())
    return {
        "classes": {value: _pair(score.dice, score.iou) for value, score in classes.items()},
        "foreground": _pair(foreground.dice, foreground.iou),
        "mean": _pair(*mean),
    }


def to_csv(
    comparisons: Mapping[str, Comparison],
    total: Comparison | None = None,
    names: Mapping[int, str] | None = None,
) -> str:
    """Scores per class, per slice, per image and over all, a line each; an undefined score is an empty cell.

    Parameters
    ----------
    comparisons : mapping of str to Comparison
        By image.
    total : Comparison, optional
        Pooled over all images.
    names : mapping of int to str, optional
        Class names by value.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image, comparison in comparisons.items():
        if comparison.slices.keys() != {()}:
            for position, counts in comparison.slices.items():
                writer.writerows(_csv_rows(image, slice_name(position), comparison, counts, names))
        writer.writerows(_csv_rows(image, ALL, comparison, comparison.total, names))
    if total is not None:
        writer.writerows(_csv_rows(ALL, ALL, total, total.total, names))
    return text.getvalue()


def slice_name(position: Position) -> str:
    """Index of a slice along the leading axes, ``"3"`` or ``"0, 12"``."""
    return ", ".join(map(str, position))


def table(rows: Iterable[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """Columns padded to equal width, the first left, the others right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def shown(score: float) -> str:
    """Three decimals, or a dash where undefined."""
    return "–" if math.isnan(score) else f"{score:.3f}"


def _csv_rows(
    image: str, where: str, comparison: Comparison, counts: Confusion, names: Mapping[int, str] | None
) -> Iterator[tuple[str, ...]]:
    for row in score_rows(comparison.kind, comparison.values, counts, names):
        pixels = ("", "", "") if row.score is None else (
            str(row.score.labelled), str(row.score.predicted), str(row.score.overlap)
        )  # fmt: skip
        yield (image, where, row.label, row.name, _cell(row.dice), _cell(row.iou), *pixels)


def _cell(score: float) -> str:
    return "" if math.isnan(score) else f"{score:.6f}"


def _pair(dice: float, iou: float) -> dict[str, float | None]:
    return {"dice": None if math.isnan(dice) else dice, "iou": None if math.isnan(iou) else iou}

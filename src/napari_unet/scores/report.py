"""Scores as rows, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from napari_unet.labels import AnnotationKind
from napari_unet.scores.comparison import Comparison, Score, class_score, foreground_score
from napari_unet.scores.confusion import Confusion
from napari_unet.scores.object_report import COLUMNS as OBJECT_COLUMNS
from napari_unet.scores.object_report import csv_lines, summary_cells
from napari_unet.scores.objects import ObjectComparison
from napari_unet.scores.text import defined, exact, slice_name

ALL = "all"
MEAN = "mean"
FOREGROUND = "foreground"
OBJECTS = "objects"

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
    objects: Mapping[str, ObjectComparison] | None = None,
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
    objects : mapping of str to ObjectComparison, optional
        Scores of objects by image: lines of class ``objects``, and columns of their own.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    objects = objects or {}
    more = OBJECT_COLUMNS if objects else ()
    writer.writerow((*COLUMNS, *more))

    def write(image: str, where: str, comparison: Comparison, counts: Confusion) -> None:
        lines = _csv_rows(image, where, comparison, counts, names)
        writer.writerows((*line, *[""] * len(more)) for line in lines)

    for image, comparison in comparisons.items():
        if comparison.slices.keys() != {()}:
            for position, counts in comparison.slices.items():
                write(image, slice_name(position), comparison, counts)
        write(image, ALL, comparison, comparison.total)
    if total is not None:
        write(ALL, ALL, total, total.total)
    for image, where, summary in csv_lines(objects) if objects else ():
        writer.writerow((image, where, OBJECTS, *[""] * (len(COLUMNS) - 3), *summary_cells(summary)))
    return text.getvalue()


def _csv_rows(
    image: str, where: str, comparison: Comparison, counts: Confusion, names: Mapping[int, str] | None
) -> Iterator[tuple[str, ...]]:
    for row in score_rows(comparison.kind, comparison.values, counts, names):
        pixels = ("", "", "") if row.score is None else (
            str(row.score.labelled), str(row.score.predicted), str(row.score.overlap)
        )  # fmt: skip
        yield (image, where, row.label, row.name, exact(row.dice), exact(row.iou), *pixels)


def _pair(dice: float, iou: float) -> dict[str, float | None]:
    return {"dice": defined(dice), "iou": defined(iou)}

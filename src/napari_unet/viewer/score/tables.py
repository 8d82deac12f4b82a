"""What the tables of the Scores dock hold: classes, slices, confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from napari_unet.labels import Annotation, AnnotationKind, default_color
from napari_unet.scores import Comparison, Score
from napari_unet.scores.report import FOREGROUND, MEAN, score_rows
from napari_unet.scores.text import shown, slice_name
from napari_unet.viewer.score.cells import Cell, CellModel

UNDEFINED = "Undefined: the class is neither in the labels nor in the prediction."


@dataclass(frozen=True)
class ClassLooks:
    """Names and colours of class values."""

    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: AnnotationKind, annotations: Sequence[Annotation], values: Sequence[int]) -> ClassLooks:
        """From the first annotation that knows a class, otherwise ``class 2`` in its default colour."""
        names: dict[int, str] = {}
        colors: dict[int, str] = {}
        for annotation in annotations:
            for c in annotation.classes:
                names.setdefault(c.value, c.name)
                colors.setdefault(c.value, c.color)
        single = kind != "scribbles" and [v for v in values if v > 0] == [1]
        usual = {0: "background"} | ({1: "foreground"} if single else {})
        for value in values:
            names.setdefault(value, usual.get(value, f"class {value}"))
            colors.setdefault(value, default_color(value))
        return cls(names, colors)


def class_table(comparison: Comparison, looks: ClassLooks) -> CellModel:
    """One row per class, then the mean and the foreground."""
    counts = comparison.total
    cells = []
    for row in score_rows(comparison.kind, comparison.values, counts, looks.names):
        if row.label == FOREGROUND and [v for v in comparison.values if v > 0] == [1]:
            row = replace(row, label="1", name=looks.names[1])
            if comparison.kind == "masks":
                continue  # the only class above 0 has a row already
        if row.label in (MEAN, FOREGROUND):
            first = Cell(row.label, _SUMMARIES[row.label])
        else:
            first = Cell(row.name, f"Value {row.label}", looks.colors[int(row.label)])
        cells.append((first, _score(row.dice), _score(row.iou), _pixels(row.score)))
    columns = (
        Cell("Class"),
        Cell("Dice", "2 overlap / (labelled + predicted): 0 to 1"),
        Cell("IoU", "Overlap / (labelled or predicted): 0 to 1"),
        Cell("Pixels", "Labelled pixels of the class"),
    )
    return CellModel(columns, len(cells), lambda row, column: cells[row][column])


def slice_table(comparison: Comparison, looks: ClassLooks, measure: str) -> CellModel:
    """One row per slice, a column per class that occurs; ``measure`` is ``"dice"`` or ``"iou"``."""
    positions = list(comparison.slices)
    objects = comparison.kind == "objects"
    occurs = ~np.isnan(comparison.total.dice())
    shown_classes = [1] if objects else [int(i) for i in np.flatnonzero(occurs)]

    def cell(row: int, column: int) -> Cell:
        counts = comparison.slices[positions[row]]
        if column == 0:
            return Cell(slice_name(positions[row]), "Choose to show this slice in the viewer")
        if column == 1 and not objects:
            return _score(counts.mean_dice() if measure == "dice" else counts.mean_iou())
        scores = counts.dice() if measure == "dice" else counts.iou()
        return _score(float(scores[shown_classes[column - 1 - (not objects)]]))

    columns = [Cell("Slice", "Position along the leading axes, from 0")]
    columns += [] if objects else [Cell("mean", "Mean of the defined classes")]
    columns += [
        Cell(looks.names[comparison.values[i]], f"Value {comparison.values[i]}") for i in shown_classes
    ]
    return CellModel(columns, len(positions), cell)


def matrix_table(comparison: Comparison, looks: ClassLooks) -> CellModel:
    """Share of every labelled class that was predicted as each class; pixels in the tooltips."""
    counts = comparison.total
    names = [looks.names[v] for v in comparison.values]
    predicted = [*names, *(["no class"] if counts.unmatched.any() else [])]

    def cell(row: int, column: int) -> Cell:
        if column == 0:
            return Cell(names[row], "Labelled as", looks.colors.get(comparison.values[row], ""))
        column -= 1
        pixels = int(counts.matrix[row, column] if column < len(names) else counts.unmatched[row])
        of = int(counts.pixels[row])
        tip = f"{pixels:,} of {of:,} pixels labelled {names[row]} are predicted as {predicted[column]}"
        return Cell(f"{pixels / of:.1%}", tip, shade=pixels / of) if of else Cell("–", tip)

    columns = [Cell("Labelled", "What the pixels are labelled as")]
    columns += [Cell(name, f"Predicted as {name}") for name in predicted]
    return CellModel(columns, len(names), cell)


def headline(comparison: Comparison) -> str:
    """The result in one line."""
    counts = comparison.total
    if comparison.kind == "objects":
        score = comparison.foreground(counts)
        return f"Foreground Dice {shown(score.dice)}, IoU {shown(score.iou)}"
    return f"Mean Dice {shown(counts.mean_dice())}, IoU {shown(counts.mean_iou())}"


_SUMMARIES = {
    MEAN: "Mean of the classes, undefined ones left out",
    FOREGROUND: "Everything labelled above 0 against everything predicted above 0",
}


def _pixels(score: Score | None) -> Cell:
    if score is None:
        return Cell("")
    tip = f"{score.labelled:,} labelled, {score.predicted:,} predicted, {score.overlap:,} both"
    return Cell(f"{score.labelled:,}", tip)


def _score(score: float) -> Cell:
    return Cell(shown(score), UNDEFINED if math.isnan(score) else f"{score:.6f}")

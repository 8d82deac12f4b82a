"""A prediction against an annotation: counts per slice, read block by block so that any size fits."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import AnnotationError, InputError, ShapeMismatchError
from napari_unet.events import Box
from napari_unet.images.image import ArrayLike
from napari_unet.labels import AnnotationKind
from napari_unet.scores.confusion import Confusion

PIXELS_AT_ONCE = 1 << 20
"""Pixels read into memory at a time, from each of the two."""

MAX_CLASSES = 256

Result = TypeVar("Result")

Position = tuple[int, ...]
"""Index of a slice along the leading axes; empty for a single 2D image."""


@dataclass(frozen=True)
class Score:
    """Dice and IoU of one class from its pixels; ``nan`` if it is in neither prediction nor labels.

    Attributes
    ----------
    overlap, labelled, predicted : int
        Pixels in both, in the labels, in the prediction (pixels without label left out).
    """

    overlap: int
    labelled: int
    predicted: int

    @property
    def dice(self) -> float:
        """``2 overlap / (labelled + predicted)``."""
        both = self.labelled + self.predicted
        return 2 * self.overlap / both if both else float("nan")

    @property
    def iou(self) -> float:
        """``overlap / (labelled + predicted - overlap)``."""
        either = self.labelled + self.predicted - self.overlap
        return self.overlap / either if either else float("nan")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Counts of one prediction against one annotation.

    Attributes
    ----------
    kind : {"scribbles", "masks", "objects"}
        How the annotation was read.
    values : tuple of int
        Class values in the order of the matrices; for objects 0 (background) and 1 (foreground).
    slices : dict of Position to Confusion
        Counts of every YX slice, in order.
    """

    kind: AnnotationKind
    values: tuple[int, ...]
    slices: dict[Position, Confusion]

    @cached_property
    def total(self) -> Confusion:
        """Counts over all slices."""
        return sum_counts(self.slices.values(), len(self.values))

    def foreground(self, counts: Confusion) -> Score:
        """Label > 0 against prediction > 0, from counts of this comparison."""
        return foreground_score(self.values, counts)


def foreground_score(values: tuple[int, ...], counts: Confusion) -> Score:
    """Label > 0 against prediction > 0, whatever the classes; pixels that were ignored stay so."""
    above = np.asarray(values) > 0
    return Score(
        overlap=int(counts.matrix[np.ix_(above, above)].sum()),
        labelled=int(counts.pixels[above].sum()),
        predicted=int(counts.matrix[:, above].sum()),
    )


def class_score(counts: Confusion, index: int) -> Score:
    """Score of one class."""
    return Score(
        overlap=int(counts.matrix[index, index]),
        labelled=int(counts.pixels[index]),
        predicted=int(counts.matrix[:, index].sum()),
    )


def sum_counts(counts: Iterable[Confusion], n_classes: int) -> Confusion:
    """Pool counts over all their pixels."""
    return sum(counts, start=Confusion(n_classes))


def compare(
    prediction: ArrayLike,
    labels: ArrayLike,
    kind: AnnotationKind,
    *,
    values: Iterable[int] = (),
    complete: bool = False,
) -> Comparison:
    """Count a prediction against an annotation.

    Parameters
    ----------
    prediction, labels : array-like of int or bool
        Class values as painted, of equal shape, ``YX`` last. Negative labels are ignored.
    kind : {"scribbles", "masks", "objects"}
        masks: every value, 0 included, is a class. scribbles: pixels with label 0 are ignored. objects:
        everything above 0 is foreground, in both.
    values : iterable of int
        Classes to score beside those that occur.
    complete : bool
        Whether ``values`` are all classes: nobody looks which occur, and any other prediction is wrong.

    Raises
    ------
    ShapeMismatchError
        If the shapes differ.
    InputError
        If either is no label image.
    AnnotationError
        If there are more than 256 different values where values are classes.
    """
    return finish(compare_steps(prediction, labels, kind, values=values, complete=complete))


def finish(steps: Generator[float, None, Result]) -> Result:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def compare_steps(
    prediction: ArrayLike,
    labels: ArrayLike,
    kind: AnnotationKind,
    *,
    values: Iterable[int] = (),
    complete: bool = False,
) -> Generator[float, None, Comparison]:
    """Do as :func:`compare` does, in short steps.

    Yields
    ------
    float
        Fraction done. Close the generator to cancel.
    """
    check_comparable(prediction, labels)
    found, done = set(values), 0.0
    if kind != "objects" and not complete:
        for array in (labels, prediction):
            for fraction, block in _blocks(array):
                found |= distinct_values(block)
                yield done + fraction * 0.25
            done += 0.25
    classes = (0, 1) if kind == "objects" else class_values(found, kind)
    slices: dict[Position, Confusion] = {}
    boxes = list(block_boxes(labels.shape))
    for number, box in enumerate(boxes, start=1):
        position = tuple(start for start, _ in box[:-2])
        counts = slices.setdefault(position, Confusion(len(classes)))
        target, predicted = read_block(labels, box), read_block(prediction, box)
        counts.add(prediction_indices(predicted, classes, kind), target_indices(target, classes, kind))
        yield done + (1 - done) * number / len(boxes)
    return Comparison(kind, classes, slices)


def check_comparable(prediction: ArrayLike, labels: ArrayLike) -> None:
    """Raise a ShapeMismatchError or InputError unless both are label images of the same shape."""
    if tuple(prediction.shape) != tuple(labels.shape):
        raise ShapeMismatchError(
            f"The prediction has the shape {tuple(prediction.shape)}, the labels have {tuple(labels.shape)}.",
            "Compare label images of the same image.",
        )
    if len(labels.shape) < 2 or 0 in labels.shape:
        raise InputError(f"The labels are empty or no image: their shape is {tuple(labels.shape)}.")
    for what, array in (("prediction", prediction), ("labels", labels)):
        if np.dtype(array.dtype).kind not in "biu":
            raise InputError(f"The {what} hold {array.dtype} values.", "Compare whole numbers.")


def class_values(found: Iterable[int], kind: AnnotationKind) -> tuple[int, ...]:
    """Class values in order: 0 always is one in masks and never in scribbles.

    Raises
    ------
    AnnotationError
        If there are none, more than 256, or one that 63 bits cannot hold.
    """
    values = {int(value) for value in found if value > 0} | ({0} if kind == "masks" else set())
    if not values:
        raise AnnotationError("Nothing is labelled.", "Choose labels that hold scribbles.")
    if max(values) > np.iinfo(np.int64).max:
        raise AnnotationError(
            f"The value {max(values)} is too large for a class.",
            "If every value is one object, say that the labels are objects.",
        )
    if len(values) > MAX_CLASSES:
        raise AnnotationError(
            f"There are {len(values)} different values, too many to be classes.",
            "If every value is one object, say that the labels are objects.",
        )
    return tuple(sorted(values))


def distinct_values(block: NDArray[Any]) -> set[int]:
    """All values of a block; counted rather than sorted where they are small."""
    if block.size and block.dtype.kind == "u" and block.dtype.itemsize <= 2:
        return {int(v) for v in np.flatnonzero(np.bincount(block.reshape(-1)))}
    if block.size and block.dtype.kind in "iu" and block.min() >= 0 and block.max() < 1 << 16:
        return {int(v) for v in np.flatnonzero(np.bincount(block.reshape(-1).astype(np.intp)))}
    return {int(v) for v in np.unique(block)}


def target_indices(block: NDArray[Any], values: tuple[int, ...], kind: AnnotationKind) -> NDArray[np.int16]:
    """Class index of every annotated pixel, -1 where the annotation says nothing."""
    if kind == "objects":
        return np.asarray(np.where(block < 0, -1, block > 0), np.int16)
    return _indices(block, values)


def prediction_indices(
    block: NDArray[Any], values: tuple[int, ...], kind: AnnotationKind
) -> NDArray[np.int16]:
    """Class index of every predicted pixel, -1 where it is none of the classes."""
    if kind == "objects":
        return (block > 0).astype(np.int16)
    return _indices(block, values)


def _indices(block: NDArray[Any], values: tuple[int, ...]) -> NDArray[np.int16]:
    known = np.asarray(values, np.int64)

    def look_up(of: NDArray[Any]) -> NDArray[np.int16]:
        place = np.minimum(np.searchsorted(known, of), len(known) - 1)
        return np.asarray(np.where(known[place] == of, place, -1), np.int16)

    block = block.astype(np.uint8) if block.dtype.kind == "b" else block
    largest = int(block.max(initial=0))
    if int(block.min(initial=0)) >= 0 and largest < 1 << 16:  # a table is ten times as fast as a search
        return np.asarray(look_up(np.arange(largest + 1))[block])
    return look_up(block.astype(np.int64))


def block_boxes(shape: tuple[int, ...], at_once: int | None = None) -> Iterator[Box]:
    """Regions of whole rows of one slice each, together the whole, of a bounded number of pixels."""
    *leading, height, width = (int(n) for n in shape)
    rows = max(1, (at_once or PIXELS_AT_ONCE) // max(1, width))
    for position in product(*(range(n) for n in leading)):
        for top in range(0, height, rows):
            yield (*((i, i + 1) for i in position), (top, min(top + rows, height)), (0, width))


def read_block(array: ArrayLike, box: Box) -> NDArray[Any]:
    """Read the YX block of a box as NumPy."""
    *leading, rows, columns = box
    return np.asarray(array[(*(start for start, _ in leading), slice(*rows), slice(*columns))])


def _blocks(array: ArrayLike) -> Iterator[tuple[float, NDArray[Any]]]:
    """Every block with the fraction done after it."""
    total, done = prod(array.shape), 0
    for box in block_boxes(array.shape):
        block = read_block(array, box)
        done += block.size
        yield done / total, block

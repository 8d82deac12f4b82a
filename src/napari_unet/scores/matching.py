"""Which object of a prediction is which object of the labels: pixels in common, and a one-to-one matching by IoU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unet.errors import InputError
from napari_unet.images.image import ArrayLike
from napari_unet.scores.comparison import block_boxes, check_comparable, read_block
from napari_unet.scores.reading import whole_numbers

_PARTS = 64
"""Blocks whose pairs are kept apart before they are added up: bounds the memory of large volumes."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of a label image, in the order of their ids; pixels without label left out.

    Attributes
    ----------
    ids : ndarray of int, shape (n,)
        Values above 0, in the type of the label image.
    sizes : ndarray of int64, shape (n,)
        Pixels.
    centroids : ndarray of float64, shape (n, ndim)
        Mean position, in pixels along the axes of the image.
    """

    ids: NDArray[Any]
    sizes: NDArray[np.int64]
    centroids: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Overlap:
    """Every pair of a labelled and a predicted object that share pixels: a sparse table.

    Attributes
    ----------
    labelled, predicted : Objects
        All objects of the labels and of the prediction. Predicted objects of which more than half lies where the
        label is negative are left out.
    rows, columns : ndarray of intp, shape (k,)
        Of each pair, where its objects stand in ``labelled`` and in ``predicted``.
    pixels : ndarray of int64, shape (k,)
        Pixels they share.
    """

    labelled: Objects
    predicted: Objects
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    pixels: NDArray[np.int64]

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair."""
        either = self.labelled.sizes[self.rows] + self.predicted.sizes[self.columns] - self.pixels
        return np.asarray(self.pixels / either, np.float64)


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of objects, each object in one pair at most.

    Attributes
    ----------
    rows, columns : ndarray of intp, shape (k,)
        Where the objects of each pair stand in :attr:`Overlap.labelled` and :attr:`Overlap.predicted`.
    iou : ndarray of float64, shape (k,)
        Of each pair.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    iou: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


class OverlapCounts:
    """Collects the overlap of two label images block by block.

    Rows of labels are runs of equal pairs of values; only the runs are sorted and summed, so that the cost hardly
    depends on the number of objects and not at all on their ids.
    """

    def __init__(self) -> None:
        self._parts: list[_Pairs] = []

    def add(self, prediction: NDArray[Any], labels: NDArray[Any], corner: tuple[int, ...]) -> None:
        """Count a block.

        Parameters
        ----------
        prediction, labels : ndarray of int or bool, shape (rows, width)
            Negative labels are ignored; negative predictions are background.
        corner : tuple of int
            Where the block begins: its position along the leading axes of the image, then its first row. Blocks
            span the whole width.
        """
        self._parts.append(_pairs(_numbers(prediction), _numbers(labels), corner))
        if len(self._parts) >= _PARTS:
            self._parts = [_sum(self._parts)]

    def overlap(self, ndim: int) -> Overlap:
        """Everything counted so far, of an image with ``ndim`` axes."""
        if not self._parts:
            none = np.zeros(0, np.int64)
            self._parts = [_Pairs(none, none, np.zeros((0, 1 + ndim)))]
        pairs = _sum(self._parts)
        ignored, pixels = pairs.labels < 0, pairs.amounts[:, 0]
        _, which = np.unique(pairs.prediction, return_inverse=True)
        hidden, whole = np.bincount(which, pixels * ignored), np.bincount(which, pixels)
        kept = ~ignored
        labels, amounts = pairs.labels[kept], pairs.amounts[kept]
        left_out = (2 * hidden > whole)[which][kept]
        prediction = np.where(left_out, 0, pairs.prediction[kept]).astype(pairs.prediction.dtype)
        labelled, rows = _objects(labels, amounts)
        predicted, columns = _objects(prediction, amounts)
        both = (labels > 0) & (prediction > 0)
        return Overlap(labelled, predicted, rows[both], columns[both], amounts[both, 0].astype(np.int64))


def overlap(prediction: ArrayLike, labels: ArrayLike) -> Overlap:
    """Count the pixels that the objects of two label images share.

    Parameters
    ----------
    prediction, labels : array-like of int, bool, or float with whole numbers
        Equal shape, at least two axes, taken as one image or volume. 0 is background, every other positive value
        an object, of any size and number. Where a label is negative, nothing counts.

    Raises
    ------
    ShapeMismatchError
        If the shapes differ.
    InputError
        If either is no label image.
    """
    prediction, labels = whole_numbers(prediction, "prediction"), whole_numbers(labels, "labels")
    check_comparable(prediction, labels)
    counts = OverlapCounts()
    for box in block_boxes(tuple(labels.shape)):
        counts.add(read_block(prediction, box), read_block(labels, box), tuple(a for a, _ in box[:-1]))
    return counts.overlap(len(labels.shape))


def match(overlap: Overlap, threshold: float = 0.5) -> Matching:
    """Match objects one to one: as many pairs as possible, and of these the largest sum of IoU.

    Parameters
    ----------
    overlap : Overlap
        From :func:`overlap`.
    threshold : float
        Pairs have at least this IoU; above 0 and at most 1. Above 0.5 no object has a choice. At 0.5 and below,
        objects that compete for each other are assigned by Jonker and Volgenant's algorithm (scipy), each
        connected group for itself.

    Raises
    ------
    InputError
        If the threshold is out of bounds.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"An IoU threshold lies above 0 and is at most 1; this is {threshold}.")
    good = np.flatnonzero(overlap.iou >= threshold)
    rows, columns, iou = overlap.rows[good], overlap.columns[good], overlap.iou[good]
    if len(good):
        contested = (np.bincount(rows)[rows] > 1) | (np.bincount(columns)[columns] > 1)
        if contested.any():
            chosen = ~contested
            fought = np.flatnonzero(contested)
            chosen[fought[_assign(rows[fought], columns[fought], iou[fought])]] = True
            rows, columns, iou = rows[chosen], columns[chosen], iou[chosen]
    return Matching(rows, columns, iou)


def _assign(rows: NDArray[np.intp], columns: NDArray[np.intp], iou: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of the pairs that are chosen, group by group."""
    _, rows = np.unique(rows, return_inverse=True)
    _, columns = np.unique(columns, return_inverse=True)
    n_rows, n = int(rows.max()) + 1, int(rows.max()) + int(columns.max()) + 2
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns + n_rows)), shape=(n, n))
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group[rows], kind="stable")
    ends = np.flatnonzero(np.diff(group[rows][order])) + 1
    chosen = []
    for members in np.split(order, ends):
        _, row = np.unique(rows[members], return_inverse=True)
        _, column = np.unique(columns[members], return_inverse=True)
        worth = np.zeros((row.max() + 1, column.max() + 1))
        worth[row, column] = 1 + iou[members] / (1 + min(worth.shape))  # one more pair beats any gain of IoU
        place = np.full(worth.shape, -1, np.intp)
        place[row, column] = members
        chosen.append(place[linear_sum_assignment(worth, maximize=True)])
    found = np.concatenate(chosen)
    return found[found >= 0]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pixels (column 0 of ``amounts``) and sums of their coordinates (the others) by pair of values."""

    labels: NDArray[Any]
    prediction: NDArray[Any]
    amounts: NDArray[np.float64]


def _pairs(prediction: NDArray[Any], labels: NDArray[Any], corner: tuple[int, ...]) -> _Pairs:
    starts = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=starts[:, 1:])
    starts[:, 1:] |= prediction[:, 1:] != prediction[:, :-1]
    first = np.flatnonzero(starts)
    length = np.diff(first, append=labels.size)
    label, predicted = labels.reshape(-1)[first], prediction.reshape(-1)[first]
    seen = (label > 0) | (predicted > 0)
    first, length, label, predicted = first[seen], length[seen], label[seen], predicted[seen]
    y, x = np.divmod(first, labels.shape[1])
    *leading, top = corner
    amounts = np.empty((len(first), 3 + len(leading)))
    amounts[:, 0] = length
    for column, position in enumerate(leading, start=1):
        amounts[:, column] = position * length
    amounts[:, -2] = (y + top) * length
    amounts[:, -1] = x * length + length * (length - 1) / 2
    return _sum([_Pairs(label, np.where(predicted > 0, predicted, 0).astype(predicted.dtype), amounts)])


def _sum(parts: list[_Pairs]) -> _Pairs:
    labels = np.concatenate([part.labels for part in parts])
    prediction = np.concatenate([part.prediction for part in parts])
    amounts = np.concatenate([part.amounts for part in parts])
    if not len(labels):
        return _Pairs(labels, prediction, amounts)
    order = np.lexsort((prediction, labels))
    labels, prediction = labels[order], prediction[order]
    new = np.r_[True, (labels[1:] != labels[:-1]) | (prediction[1:] != prediction[:-1])]
    first = np.flatnonzero(new)
    return _Pairs(labels[first], prediction[first], np.add.reduceat(amounts[order], first, axis=0))


def _objects(values: NDArray[Any], amounts: NDArray[np.float64]) -> tuple[Objects, NDArray[np.intp]]:
    """The objects among the values, and where each value stands among them (meaningless for background)."""
    ids = np.unique(values[values > 0])
    where = np.minimum(np.searchsorted(ids, values), max(0, len(ids) - 1))
    inside = values > 0
    sums = [np.bincount(where[inside], column[inside], minlength=len(ids)) for column in amounts.T]
    sizes = sums[0]
    return Objects(ids, sizes.astype(np.int64), np.stack([s / sizes for s in sums[1:]], axis=1)), where


def _numbers(block: NDArray[Any]) -> NDArray[Any]:
    return block.astype(np.uint8) if block.dtype.kind == "b" else block

"""What became of every object: matched, missed, spurious, split or merged.

A labelled object is *split* if two or more predicted objects lie in it, each with more than half of its own pixels. A
predicted object is *merged* if two or more labelled objects lie in it in the same way. Specks do not count: what
shares less than a tenth of the pixels that the largest of these objects shares. The parts of a split and the members of
a merge have no rows of their own. Of the others, pairs with an IoU of at least 0.5 are *matched*; what is left is
*missed* if labelled, *spurious* if predicted. So every object is in a row, and in two at most: one part of a split may
be merged with a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unet.scores.matching import Matching, Objects, Overlap

State = Literal["merged", "split", "missed", "spurious", "matched"]
STATES: tuple[State, ...] = ("merged", "split", "missed", "spurious", "matched")
"""Errors first."""

SPECK = 10
"""What shares less than one part in so many of the largest share is no part of a split and no member of a merge."""


@dataclass(frozen=True)
class ObjectRow:
    """One row of the table of objects.

    Attributes
    ----------
    state : {"merged", "split", "missed", "spurious", "matched"}
        What became of it.
    labelled, predicted : tuple of int
        Ids in the labels and in the prediction: several where it is merged or split, none where there is none.
    iou : float
        The largest with any object on the other side; 0 if nothing overlaps.
    pixels : int
        Size of the labelled object; of the predicted one if merged or spurious.
    centroid : tuple of float
        Of the same object, in pixels along the axes of the image.
    """

    state: State
    labelled: tuple[int, ...]
    predicted: tuple[int, ...]
    iou: float
    pixels: int
    centroid: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """What became of the objects of one image, as positions in the tables of objects of an overlap.

    Attributes
    ----------
    merged, spurious : ndarray of intp
        Predicted objects.
    split, missed, matched : ndarray of intp
        Labelled objects.
    """

    overlap: Overlap
    merged: NDArray[np.intp]
    split: NDArray[np.intp]
    missed: NDArray[np.intp]
    spurious: NDArray[np.intp]
    matched: NDArray[np.intp]
    _members: tuple[NDArray[np.intp], NDArray[np.intp]]
    _parts: tuple[NDArray[np.intp], NDArray[np.intp]]
    _pairs: tuple[NDArray[np.intp], NDArray[np.intp]]

    def objects(self, state: State) -> Objects:
        """The table in which the objects of a state stand."""
        return self.overlap.predicted if state in ("merged", "spurious") else self.overlap.labelled

    def ids(self, state: State) -> NDArray[np.int64]:
        """Ids of the objects of a state, in the labels or (merged, spurious) in the prediction."""
        return np.asarray(self.objects(state).ids[getattr(self, state)])

    def rows(self) -> Iterator[ObjectRow]:
        """One row per finding, errors first; pairs with the smallest IoU before the others."""
        labelled, predicted = self.overlap.labelled, self.overlap.predicted
        best_labelled = _best(self.overlap.rows, self.overlap.iou, len(labelled))
        best_predicted = _best(self.overlap.columns, self.overlap.iou, len(predicted))
        partners = {
            "merged": _grouped(*self._members, labelled.ids),
            "split": _grouped(*self._parts, predicted.ids),
            "matched": _grouped(*self._pairs, predicted.ids),
        }
        for state in STATES:
            objects = self.objects(state)
            mine = objects is predicted
            best = best_predicted if mine else best_labelled
            where = getattr(self, state)
            for i in where[np.argsort(best[where], kind="stable")] if state == "matched" else where:
                own, others = (int(objects.ids[i]),), partners.get(state, {}).get(int(i), ())
                yield ObjectRow(
                    state,
                    labelled=others if mine else own,
                    predicted=own if mine else others,
                    iou=float(best[i]),
                    pixels=int(objects.sizes[i]),
                    centroid=tuple(objects.centroids[i].tolist()),
                )


def find(overlap: Overlap, matching: Matching) -> Found:
    """Tell what became of every object.

    Parameters
    ----------
    overlap : Overlap
        Of one image or volume.
    matching : Matching
        Of the same at IoU 0.5.
    """
    rows, columns = overlap.rows, overlap.columns
    parts = _several(overlap.pixels, overlap.predicted.sizes[columns], rows)
    members = _several(overlap.pixels, overlap.labelled.sizes[rows], columns)
    labelled_done = _marked(len(overlap.labelled), rows[parts], rows[members])
    predicted_done = _marked(len(overlap.predicted), columns[parts], columns[members])
    lonely = ~labelled_done[matching.rows] & ~predicted_done[matching.columns]
    pairs = matching.rows[lonely], matching.columns[lonely]
    return Found(
        overlap,
        merged=np.unique(columns[members]),
        split=np.unique(rows[parts]),
        missed=np.flatnonzero(~labelled_done & ~_marked(len(labelled_done), matching.rows)),
        spurious=np.flatnonzero(~predicted_done & ~_marked(len(predicted_done), matching.columns)),
        matched=np.sort(pairs[0]),
        _members=(columns[members], rows[members]),
        _parts=(rows[parts], columns[parts]),
        _pairs=pairs,
    )


def _several(
    shared: NDArray[np.int64], sizes: NDArray[np.int64], wholes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The pairs in which an object of this size lies mostly in a whole, where there are several such in that whole."""
    inside = np.flatnonzero(2 * shared > sizes)
    if not len(inside):
        return inside
    largest = np.zeros(wholes.max() + 1, np.int64)
    np.maximum.at(largest, wholes[inside], shared[inside])
    inside = inside[SPECK * shared[inside] >= largest[wholes[inside]]]
    return np.asarray(inside[np.bincount(wholes[inside])[wholes[inside]] > 1])


def _marked(n: int, *places: NDArray[np.intp]) -> NDArray[np.bool_]:
    marks = np.zeros(n, bool)
    for where in places:
        marks[where] = True
    return marks


def _best(places: NDArray[np.intp], iou: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    best = np.zeros(n)
    np.maximum.at(best, places, iou)
    return best


def _grouped(
    owners: NDArray[np.intp], others: NDArray[np.intp], ids: NDArray[np.int64]
) -> dict[int, tuple[int, ...]]:
    """Ids of the others by owner."""
    groups: dict[int, list[int]] = {}
    for owner, other in zip(owners.tolist(), ids[others].tolist(), strict=True):
        groups.setdefault(owner, []).append(other)
    return {owner: tuple(several) for owner, several in groups.items()}

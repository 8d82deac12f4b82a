"""The same object, the same number, from frame to frame of a time series: linked by overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images.image import ArrayLike
from napari_unet.objects.overlap import NumberedObjects, best_partner, number_objects, shared_pixels

LARGEST_ID = 2**31 - 1
"""Results are int32."""

FRAME_OVERLAP = 0.25
"""The same for frames: a disc may move by 0.63 of its diameter. Reasoned, not measured: no annotated series is here."""


class FrameLinker:
    """Keeps the ids of objects from frame to frame, so that their colours stay.

    Every object is compared with the object it overlaps most in the frame before, and takes its id if it is the only
    one or the best by IoU. After a division, where several have more than half of their pixels in it, the largest
    takes the id; the others get new ones. An id that disappeared is not used again.

    Parameters
    ----------
    least_overlap : float
        Of the smaller of two objects, the fraction that the other one covers; above 0 and at most 1.

    Raises
    ------
    InputError
        If it is out of bounds.

    Examples
    --------
    >>> linker = FrameLinker()
    >>> [linker.add(frame).tolist() for frame in [[[4, 4, 4, 0]], [[1, 2, 2, 0]], [[0, 8, 8, 9]]]]
    [[[1, 1, 1, 0]], [[2, 1, 1, 0]], [[0, 1, 1, 3]]]
    """

    def __init__(self, *, least_overlap: float = FRAME_OVERLAP) -> None:
        check_overlap(least_overlap)
        self._least_overlap = least_overlap
        self._last: tuple[NumberedObjects, NDArray[np.int32]] | None = None
        self._n_ids = 0

    def add(self, frame: Any) -> NDArray[np.int32]:
        """Take the next frame.

        Parameters
        ----------
        frame : array of int or bool, shape (Y, X) or (Z, Y, X)
            Its objects; ids need to tell apart objects of this frame only.

        Returns
        -------
        ndarray of int32
            The frame with its final ids; those of the first frame are 1..n in the order of what they were.

        Raises
        ------
        ShapeMismatchError
            If it differs in shape from the frames before.
        InputError
            If it holds no whole numbers.
        """
        objects = number_objects(frame)
        given = np.zeros(len(objects) + 1, np.int32)
        if self._last is not None:
            before, ids = self._last
            check_shape(objects, before, "frame")
            first, second = self._successors(before, objects)
            given[second] = ids[first]
        new = np.flatnonzero(given[1:] == 0) + 1
        check_ids(self._n_ids + len(new))
        given[new] = np.arange(self._n_ids + 1, self._n_ids + len(new) + 1, dtype=np.int32)
        self._n_ids += len(new)
        self._last = objects, given
        return np.asarray(given[objects.numbers])

    def _successors(
        self, before: NumberedObjects, objects: NumberedObjects
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of objects that are the same one; each is in one pair at most."""
        pairs = shared_pixels(before, objects)
        pairs = pairs.where(pairs.containment >= self._least_overlap)
        origin = best_partner(pairs.second, (pairs.pixels, pairs.iou), len(objects))[pairs.second]
        pairs = pairs.where(origin == np.arange(len(pairs)))
        size = objects.sizes[pairs.second]
        daughter = 2 * pairs.pixels > size
        ranks = (daughter, np.where(daughter, size, pairs.iou), pairs.pixels)
        heir = best_partner(pairs.first, ranks, len(before))
        heir = heir[heir >= 0]
        return pairs.first[heir], pairs.second[heir]


def link_frames(
    series: ArrayLike, *, least_overlap: float = FRAME_OVERLAP, out: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """Keep the ids of objects from frame to frame.

    Parameters
    ----------
    series : array of int or bool, shape (T, Y, X) or (T, Z, Y, X)
        Objects found frame by frame; read frame by frame.
    least_overlap : float
        As for :class:`FrameLinker`.
    out : ndarray of int32, optional
        Where to write the result, a memory-mapped file for example; may be ``series`` itself.

    Returns
    -------
    ndarray of int32
        In the shape of the series, 0 background.

    Raises
    ------
    ShapeMismatchError
        If it is no time series.
    InputError
        If it holds no whole numbers, or the setting is out of bounds.
    """
    shape = tuple(int(n) for n in series.shape)
    if len(shape) not in (3, 4):
        raise ShapeMismatchError(f"A time series has the axes TYX or TZYX; this has the shape {shape}.")
    linker = FrameLinker(least_overlap=least_overlap)
    result = result_array(shape, out)
    for t in range(shape[0]):
        result[t] = linker.add(series[t])
    return result


def result_array(shape: tuple[int, ...], out: NDArray[np.int32] | None) -> NDArray[np.int32]:
    """Where a result is written: ``out`` if it fits, or a new array."""
    if out is None:
        return np.zeros(shape, np.int32)
    if tuple(out.shape) != shape or out.dtype != np.int32:
        raise ShapeMismatchError(
            f"The result needs int32 numbers of the shape {shape}, not {out.dtype} of {tuple(out.shape)}."
        )
    return out


def check_overlap(least_overlap: float) -> None:
    """Raise an InputError unless this is a fraction above 0."""
    if not 0 < least_overlap <= 1:
        raise InputError(f"The least overlap is {least_overlap}.", "It is a fraction: above 0 and at most 1.")


def check_shape(objects: NumberedObjects, before: NumberedObjects, what: str) -> None:
    """Raise a ShapeMismatchError unless a plane has the shape of the one before."""
    if objects.numbers.shape != before.numbers.shape:
        raise ShapeMismatchError(
            f"A {what} of the shape {objects.numbers.shape} follows one of {before.numbers.shape}.",
            f"All of them need the same shape: one {what} after the other, of one image.",
        )


def check_ids(n: int) -> None:
    """Raise an InputError if int32 cannot hold so many ids."""
    if n > LARGEST_ID:
        raise InputError(f"There are more than {LARGEST_ID} objects.", "Link a part of the images at a time.")

"""Which objects of two label images share pixels: a sparse table, made in time linear in the labelled pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from napari_unet.errors import InputError


@dataclass(frozen=True, eq=False)
class NumberedObjects:
    """A label image whose objects are numbered 1..n.

    Attributes
    ----------
    numbers : ndarray of int32
        0 is background; numbers ascend with the ids.
    ids : ndarray of int, shape (n,)
        What each object was called, ascending, in the type of the label image.
    sizes : ndarray of int64, shape (n + 1,)
        Pixels of each number; those of the background first.
    """

    numbers: NDArray[np.int32]
    ids: NDArray[Any]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


def check_labels(labels: Any, what: str = "labels") -> NDArray[Any]:
    """Return a block of labels as whole numbers of NumPy; values below 0 are for the caller to leave out.

    Raises
    ------
    InputError
        If it holds something else.
    """
    block = np.asarray(labels)
    if block.dtype.kind == "b":
        return block.astype(np.uint8)
    if block.dtype.kind not in "iu":
        raise InputError(
            f"The {what} hold {block.dtype} values.",
            "Labels must be whole numbers: convert them to integers.",
        )
    return block


def number_objects(labels: Any) -> NumberedObjects:
    """Number the objects of a label image 1..n, whatever their ids are.

    Parameters
    ----------
    labels : array of int or bool
        Any shape. Values of 0 and below are background.

    Raises
    ------
    InputError
        If these are no whole numbers.
    """
    block = check_labels(labels)
    if block.size == 0:
        return NumberedObjects(np.zeros(block.shape, np.int32), block.reshape(-1), np.zeros(1, np.int64))
    low, high = int(block.min()), int(block.max())
    if low >= 0 and high <= max(1 << 16, 4 * block.size):  # few enough values for a table of all of them
        values = block.astype(np.intp, copy=False)
        counts = np.bincount(values.reshape(-1), minlength=1)
        present = np.flatnonzero(counts[1:]) + 1
        table = np.zeros(len(counts), np.int32)
        table[present] = np.arange(1, len(present) + 1, dtype=np.int32)
        sizes = np.concatenate([counts[:1], counts[present]])
        return NumberedObjects(table[values], present.astype(block.dtype), sizes.astype(np.int64))
    inside = block > 0
    ids, found = np.unique(block[inside], return_inverse=True)
    numbers = np.zeros(block.shape, np.int32)
    numbers[inside] = found.reshape(-1) + 1
    return NumberedObjects(numbers, ids, np.bincount(numbers.reshape(-1), minlength=len(ids) + 1))


def centres_of_mass(objects: NumberedObjects) -> NDArray[np.float64]:
    """Of the objects of a plane ``(Y, X)``, in pixels: ``(n, 2)``, the first object first."""
    rows, columns = np.nonzero(objects.numbers)
    numbers = objects.numbers[rows, columns]
    n = len(objects) + 1
    sums = [np.bincount(numbers, at, minlength=n)[1:n] for at in (rows, columns)]
    return np.asarray(np.stack(sums, axis=1) / objects.sizes[1:, None])


@dataclass(frozen=True, eq=False)
class SharedPixels:
    """Every pair of objects of two images that share pixels.

    Attributes
    ----------
    first, second : ndarray of intp, shape (k,)
        Numbers of the objects of each pair.
    pixels : ndarray of int64, shape (k,)
        Pixels they share.
    iou : ndarray of float64, shape (k,)
        Intersection over union.
    containment : ndarray of float64, shape (k,)
        Shared pixels as a fraction of the smaller of the two.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    pixels: NDArray[np.int64]
    iou: NDArray[np.float64]
    containment: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pixels)

    def where(self, kept: NDArray[np.bool_]) -> SharedPixels:
        """Only some of the pairs."""
        return SharedPixels(
            self.first[kept], self.second[kept], self.pixels[kept], self.iou[kept], self.containment[kept]
        )


def shared_pixels(
    first: NumberedObjects,
    second: NumberedObjects,
    chosen: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> SharedPixels:
    """Count the pixels that the objects of two images of equal shape share.

    Parameters
    ----------
    first, second : NumberedObjects
        The objects.
    chosen : tuple of ndarray of bool, shape (n + 1,), optional
        By number whether an object of the first, and of the second, is of interest.
    """
    a, b = first.numbers.reshape(-1), second.numbers.reshape(-1)
    begins = np.ones(len(a), bool)  # of runs of equal pairs, of which there are far fewer than pixels
    begins[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=len(a))
    a, b = a[starts], b[starts]
    both = (a > 0) & (b > 0)
    if chosen is not None:
        both &= chosen[0][a] & chosen[1][b]
    table = coo_array((lengths[both], (a[both], b[both])), shape=(len(first) + 1, len(second) + 1)).tocsr()
    table = table.tocoo()
    rows, columns, pixels = table.row.astype(np.intp), table.col.astype(np.intp), table.data
    sizes = first.sizes[rows], second.sizes[columns]
    return SharedPixels(
        rows, columns, pixels, pixels / (sizes[0] + sizes[1] - pixels), pixels / np.minimum(*sizes)
    )


def best_partner(objects: NDArray[np.intp], ranks: tuple[NDArray[Any], ...], n: int) -> NDArray[np.intp]:
    """Which pair ranks highest for each object.

    Parameters
    ----------
    objects : ndarray of int, shape (k,)
        The object of each pair.
    ranks : tuple of ndarray, shape (k,)
        What to compare pairs by, the most important first. Of equal pairs the last one counts.
    n : int
        Largest number of an object.

    Returns
    -------
    ndarray of intp, shape (n + 1,)
        Position of the pair; -1 for an object without one.
    """
    order = np.lexsort(ranks[::-1])
    best = np.full(n + 1, -1, np.intp)
    best[objects[order]] = order  # the last one written stays
    return best


def mutual_best(
    pairs: SharedPixels, ranks: tuple[NDArray[Any], ...], n_first: int, n_second: int
) -> NDArray[np.bool_]:
    """Whether each pair is the best one for both of its objects; no object is in two such pairs."""
    here = np.arange(len(pairs))
    forward = best_partner(pairs.first, ranks, n_first)[pairs.first]
    backward = best_partner(pairs.second, ranks, n_second)[pairs.second]
    return np.asarray((forward == here) & (backward == here))

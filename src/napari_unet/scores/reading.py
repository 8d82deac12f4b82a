"""Label images read as images of objects: whole numbers, volumes or slices, connected components numbered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.images.image import ArrayLike

CONTINUED = 0.85
"""Objects go on through a stack if at least this fraction of what is labelled in two neighbouring slices agrees. In
bbbc050 and plantseg (training parts) it is 0.92 to 0.996; with every slice numbered anew, 0.46 to 0.79: few objects in
a slice often get the same numbers in the next."""

NEIGHBOURS = 32
"""Pairs of neighbouring slices that are looked at, to tell a volume from a stack of slices."""


def whole_numbers(array: ArrayLike, what: str) -> ArrayLike:
    """Return labels saved as floats as integers, anything else as it is.

    Parameters
    ----------
    array : ArrayLike
        Floats are read at once.
    what : str
        What to call them, ``"prediction"`` or ``"labels"``.

    Raises
    ------
    InputError
        If a float is no whole number: such an image holds probabilities or intensities; or if it is 2**63 or more.
    """
    if np.dtype(array.dtype).kind != "f":
        return array
    values = np.asarray(array[...])
    wrong = ~(np.isfinite(values) & (values == np.trunc(values)))
    if wrong.any():
        raise InputError(
            f"The {what} hold values that are no whole numbers, {values[wrong].flat[0]:g} for example.",
            "Labels are whole numbers; probabilities have to be made into labels first.",
        )
    large = np.abs(values) >= 2.0**63
    if large.any():
        raise InputError(
            f"The {what} hold {values[large].flat[0]:g}, too large for a label that is saved as a float.",
            "Save them as integers.",
        )
    return values.astype(np.int64)


def is_volume(labels: ArrayLike) -> bool:
    """Tell whether the objects of a stack go on from slice to slice.

    They do if, of the pixels that are labelled both in a slice and in the next one along the third last axis, at
    least 85 % hold the same number in both. Looked at are at most 32 such pairs of slices, evenly spread. A 2D image
    is no volume, nor is a stack without such pixels.

    Parameters
    ----------
    labels : array-like of int, bool, or float with whole numbers
        ``YX`` last.
    """
    shape = tuple(int(n) for n in labels.shape)
    if len(shape) < 3 or 0 in shape or shape[-3] < 2:
        return False
    leading = (*shape[:-3], shape[-3] - 1)
    n_pairs = int(np.prod(leading))
    same = both = 0
    for number in sorted({round(i) for i in np.linspace(0, n_pairs - 1, min(n_pairs, NEIGHBOURS))}):
        *position, z = (int(i) for i in np.unravel_index(number, leading))
        first, second = np.asarray(labels[(*position, slice(z, z + 2))])
        labelled = (first > 0) & (second > 0)
        both += int(np.count_nonzero(labelled))
        same += int(np.count_nonzero(labelled & (first == second)))
    return both > 0 and same >= CONTINUED * both


def number_components(labels: ArrayLike, *, volume: bool) -> NDArray[np.int32]:
    """Give every connected piece of equal value above 0 a number of its own.

    Pieces are connected along the axes, not across corners. Objects with a number each stay apart where they touch,
    so it does no harm to them.

    Parameters
    ----------
    labels : array-like of int, bool, or float with whole numbers
        ``YX`` last; read volume by volume or slice by slice. Negative values stay negative.
    volume : bool
        Whether pieces go through the slices; of no meaning in 2D.

    Returns
    -------
    ndarray of int32
        Numbered from 1 in each volume or slice.
    """
    from skimage.measure import label  # slow to import, and not needed to open a dock

    shape = tuple(int(n) for n in labels.shape)
    numbered = np.empty(shape, np.int32)
    for position in np.ndindex(*image_positions(shape, volume=volume)):
        block = np.asarray(labels[position])
        block = block.astype(np.uint8) if block.dtype.kind == "b" else block
        numbered[position] = label(_small(block), background=0, connectivity=1)
        numbered[position][block < 0] = -1
    return numbered


def image_positions(shape: tuple[int, ...], *, volume: bool) -> tuple[int, ...]:
    """Size of the axes along which an array holds images (slices) or volumes of their own."""
    return shape[:-3] if volume and len(shape) > 2 else shape[:-2]


def _small(block: NDArray[Any]) -> NDArray[Any]:
    """Values above 0 as numbers that scikit-image can hold, equal where they were equal; 0 elsewhere."""
    inside = np.where(block > 0, block, 0)
    if block.dtype.itemsize <= 4 and block.dtype != np.uint32:
        return inside
    _, numbers = np.unique(inside, return_inverse=True)
    return np.asarray(numbers.reshape(block.shape) + (0 if (inside == 0).any() else 1), np.int64)

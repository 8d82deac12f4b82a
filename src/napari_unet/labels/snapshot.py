"""A copy of an annotation that later painting does not change; small where little is painted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import ShapeMismatchError
from napari_unet.events import Box

WHOLE = 32 * 2**20
"""Up to this many bytes a plain copy is quicker than looking for the painted blocks."""
BLOCK = 512
"""Side of a block along the last two axes, in pixels; blocks are 1 thick along every other axis."""


@dataclass(frozen=True, eq=False)
class LabelBlocks:
    """The painted blocks of a large label array; everything else is 0.

    Attributes
    ----------
    shape : tuple of int
        Shape of the whole array.
    dtype : dtype of int
        Its type.
    blocks : dict
        By block index (one number per axis): the block's values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: dict[tuple[int, ...], NDArray[Any]]

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        """Read a region given by slices with step 1, integers or an ellipsis."""
        bounds, squeezed = _bounds(key, self.shape)
        out = np.zeros([stop - start for start, stop in bounds], self.dtype)
        sides = block_sides(len(self.shape))
        ranges = [
            range(start // side, -(-stop // side)) for (start, stop), side in zip(bounds, sides, strict=True)
        ]
        wanted = (
            product(*ranges)
            if np.prod([len(r) for r in ranges], dtype=float) < len(self.blocks)
            else self.blocks
        )
        for index in wanted:
            block = self.blocks.get(index)
            if block is None or not all(i in r for i, r in zip(index, ranges, strict=True)):
                continue
            into, from_ = [], []
            for i, side, size, (start, stop) in zip(index, sides, block.shape, bounds, strict=True):
                low, high = max(start, i * side), min(stop, i * side + size)
                into.append(slice(low - start, high - start))
                from_.append(slice(low - i * side, high - i * side))
            out[tuple(into)] = block[tuple(from_)]
        return out[tuple(0 if s else slice(None) for s in squeezed)]

    def write(self, region: Box, labels: NDArray[Any]) -> list[tuple[int, ...]]:
        """Replace a region; a block that nothing is left in is dropped.

        Parameters
        ----------
        region : Box
            Half-open bounds for every axis, inside the array.
        labels : ndarray of int, of the region's shape
            Values that fit the type.

        Returns
        -------
        list of tuple of int
            Indices of the blocks that were written to, dropped ones included.

        Raises
        ------
        ShapeMismatchError
            If they are not of the region's shape, or that is not inside of the array.
        """
        inside = len(region) == len(self.shape) and all(
            0 <= low <= high <= size for (low, high), size in zip(region, self.shape, strict=True)
        )
        if not inside or labels.shape != tuple(high - low for low, high in region):
            raise ShapeMismatchError(
                f"Labels of the shape {labels.shape} do not fit the region {region} of {self.shape}."
            )
        written = []
        for index, whole in blocks_of(region, self.shape):
            into, from_ = [], []
            for (low, high), (first, last) in zip(region, whole, strict=True):
                start, stop = max(low, first), min(high, last)
                into.append(slice(start - first, stop - first))
                from_.append(slice(start - low, stop - low))
            new, block = labels[tuple(from_)], self.blocks.get(index)
            if block is None:
                if not new.any():
                    continue
                block = self.blocks[index] = np.zeros([last - first for first, last in whole], self.dtype)
            block[tuple(into)] = new
            if not block.any():
                del self.blocks[index]
            written.append(index)
        return written


def blocks_of(region: Box, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Box]]:
    """Index and bounds of every block of an array that a region touches."""
    sides = block_sides(len(shape))
    for index in product(
        *(range(low // side, -(-high // side)) for (low, high), side in zip(region, sides, strict=True))
    ):
        yield (
            index,
            tuple(
                (i * side, min((i + 1) * side, size))
                for i, side, size in zip(index, sides, shape, strict=True)
            ),
        )


def snapshot_labels(labels: Any) -> Any:
    """Copy an annotation quickly.

    Parameters
    ----------
    labels : array-like of int
        What the user paints into. Memory-mapped, dask and zarr arrays are returned as they are: they can be
        larger than memory.

    Returns
    -------
    ndarray or LabelBlocks or the array itself
        Same shape and values.
    """
    if not isinstance(labels, np.ndarray) or isinstance(labels, np.memmap):
        return labels
    if labels.nbytes <= WHOLE or labels.ndim < 2:
        return labels.copy()
    blocks = {}
    sides = block_sides(labels.ndim)
    for index in product(*(range(-(-n // side)) for n, side in zip(labels.shape, sides, strict=True))):
        block = labels[tuple(slice(i * side, (i + 1) * side) for i, side in zip(index, sides, strict=True))]
        if block.any():
            blocks[index] = block.copy()
    return LabelBlocks(labels.shape, labels.dtype, blocks)


def block_sides(ndim: int) -> tuple[int, ...]:
    """Sides of a block, in pixels, of an array of so many axes."""
    return (1,) * (ndim - 2) + (BLOCK, BLOCK)


def _bounds(key: Any, shape: tuple[int, ...]) -> tuple[list[tuple[int, int]], list[bool]]:
    """Half-open bounds per axis and whether an integer removed the axis."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(shape) - len(keys) + 1)
    keys += [slice(None)] * (len(shape) - len(keys))
    bounds, squeezed = [], []
    for k, size in zip(keys, shape, strict=True):
        if isinstance(k, slice):
            start, stop, step = k.indices(size)
            if step != 1:
                raise IndexError("label blocks are read without steps")
            bounds.append((start, max(start, stop)))
        else:
            i = int(k) + (size if k < 0 else 0)
            if not 0 <= i < size:
                raise IndexError(f"index {k} is outside an axis of size {size}")
            bounds.append((i, i + 1))
        squeezed.append(not isinstance(k, slice))
    return bounds, squeezed

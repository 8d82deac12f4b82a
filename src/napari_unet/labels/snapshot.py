"""A copy of an annotation that later painting does not change; small where little is painted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

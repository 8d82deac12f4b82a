"""Labels that are being painted: an array that is written to region by region and knows what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import ShapeMismatchError
from napari_unet.events import Box
from napari_unet.labels.snapshot import LabelBlocks, block_sides


class PaintedLabels:
    """Labels of one image, kept in blocks where anything is painted; 0 elsewhere.

    Parameters
    ----------
    shape : tuple of int
        Of the image's label axes.

    Attributes
    ----------
    dtype : dtype
        int64, whatever is painted.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.int64)
        self._labels = LabelBlocks(shape, self.dtype, {})
        self._places: dict[tuple[int, ...], dict[int, NDArray[np.int32]]] = {}

    def __getitem__(self, key: Any, /) -> NDArray[np.int64]:
        """Read a region given by slices with step 1, integers or an ellipsis."""
        return np.asarray(self._labels[key])

    def write(self, region: Box, labels: NDArray[Any]) -> None:
        """Replace a region.

        Parameters
        ----------
        region : Box
            In label axes, inside the image.
        labels : ndarray of int, of the region's shape
            Values as painted; 0 where nothing is, also where something was.

        Raises
        ------
        ShapeMismatchError
            If they are not of the region's shape, or that is not inside of the image.
        """
        inside = all(0 <= low <= high <= size for (low, high), size in zip(region, self.shape, strict=True))
        if labels.shape != tuple(high - low for low, high in region) or not inside:
            raise ShapeMismatchError(
                f"Labels of the shape {labels.shape} do not fit the region {region} of {self.shape}."
            )
        for index, whole in self._blocks(region):
            common = [
                (max(low, first), min(high, last))
                for (low, high), (first, last) in zip(region, whole, strict=True)
            ]
            new = labels[
                tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(common, region, strict=True))
            ]
            block = self._labels.blocks.get(index)
            if block is None:
                if not new.any():
                    continue
                block = np.zeros([last - first for first, last in whole], self.dtype)
                self._labels.blocks[index] = block
            block[
                tuple(slice(a - first, b - first) for (a, b), (first, _) in zip(common, whole, strict=True))
            ] = new
            self._note(index, block, [first for first, _ in whole])

    def counts(self) -> dict[int, int]:
        """Pixels of every value but 0."""
        found: dict[int, int] = {}
        for block in self._places.values():
            for value, places in block.items():
                found[value] = found.get(value, 0) + len(places)
        return found

    def places(self, value: int) -> list[NDArray[np.int32]]:
        """Where a value is painted: for each block that holds it, positions ``(n, number of axes)``."""
        return [block[value] for block in self._places.values() if value in block]

    def _note(self, index: tuple[int, ...], block: NDArray[np.int64], origin: list[int]) -> None:
        """Remember where what is in a block, or that nothing is left of it."""
        where = np.nonzero(block)
        if not len(where[0]):
            del self._labels.blocks[index]
            self._places.pop(index, None)
            return
        values, places = block[where], np.stack(where, axis=1).astype(np.int32) + np.array(origin, np.int32)
        self._places[index] = {int(value): places[values == value] for value in np.unique(values)}

    def _blocks(self, region: Box) -> Iterator[tuple[tuple[int, ...], Box]]:
        """Index and bounds of the blocks that a region touches."""
        sides = block_sides(len(self.shape))
        for index in product(
            *(range(low // side, -(-high // side)) for (low, high), side in zip(region, sides, strict=True))
        ):
            yield (
                index,
                tuple(
                    (i * side, min((i + 1) * side, size))
                    for i, side, size in zip(index, sides, self.shape, strict=True)
                ),
            )

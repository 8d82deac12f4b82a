"""Labels that are being painted: an array that is written to region by region and knows what is in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        for index in self._labels.write(region, labels):
            self._note(index)

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

    def _note(self, index: tuple[int, ...]) -> None:
        """Remember where what is in a block, or that nothing is left of it."""
        block = self._labels.blocks.get(index)
        if block is None:
            self._places.pop(index, None)
            return
        where = np.nonzero(block)
        sides = block_sides(len(self.shape))
        origin = np.array([i * side for i, side in zip(index, sides, strict=True)], np.int32)
        values, places = block[where], np.stack(where, axis=1).astype(np.int32) + origin
        self._places[index] = {int(value): places[values == value] for value in np.unique(values)}

"""The pixels along the seams between blocks: what each belongs to, and which are neighbours across a seam."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.objects.ascent import half_of_neighbours


class Seams:
    """The outermost pixels of the blocks, where there is a block beside: what each of them belongs to.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    core : int
        Side of a block.
    """

    def __init__(self, shape: tuple[int, ...], core: int) -> None:
        self._shape, self._core = shape, core
        self._pixels: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.int64]] = []

    def add(self, box: Box, numbers: NDArray[np.integer[Any]], offset: int) -> NDArray[np.int64]:
        """Take the numbers of a block's pixels; returns which of them are at seams, as indices of the flat block."""
        outer = np.ones(numbers.shape, bool)
        outer[
            tuple(
                slice(int(a > 0), b - a - int(b < side))
                for (a, b), side in zip(box, self._shape, strict=True)
            )
        ] = False
        here = np.flatnonzero(outer)
        self._pixels.append(in_image(here, box, numbers.shape, self._shape))
        self._numbers.append(numbers.ravel()[here] + np.int64(offset))
        return here

    def sort(self) -> NDArray[np.intp]:
        """Put the pixels in the order of the image; returns how, for what else is known of them."""
        pixels, numbers = np.concatenate(self._pixels), np.concatenate(self._numbers)
        order = np.argsort(pixels)
        self.pixels, self.numbers = pixels[order], numbers[order]
        return order

    def numbers_at(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """What pixels belong to, given as indices into the flattened image."""
        return np.asarray(self.numbers[np.searchsorted(self.pixels, pixels)])

    def neighbours(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], bool]]:
        """All pairs of neighbouring pixels in different blocks, as indices into ``pixels``; whether along an axis."""
        position = np.stack(np.unravel_index(self.pixels, self._shape))
        block = position // self._core
        sides = np.array(self._shape)[:, None]
        for offset in half_of_neighbours(len(self._shape)):
            moved = position + np.array(offset)[:, None]
            crossing = ((moved >= 0) & (moved < sides)).all(0) & (moved // self._core != block).any(0)
            here = np.flatnonzero(crossing)
            beside = np.ravel_multi_index(tuple(moved[:, here]), self._shape)
            yield here, np.searchsorted(self.pixels, beside), sum(map(abs, offset)) == 1


def in_image(
    pixels: NDArray[np.int64], box: Box, block: tuple[int, ...], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Indices into a flattened block as indices into the flattened image."""
    position = np.unravel_index(pixels, block)
    return np.ravel_multi_index([p + a for p, (a, _) in zip(position, box, strict=True)], shape)

"""The tops of a plane or volume that is looked at block by block, also those that lie in several blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.objects.ascent import Ascent, core_of, followed, half_of_neighbours, jump_of, jumps_of
from napari_unet.objects.seams import in_image

_Kept = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


class Crests:
    """What has to be known of a block to tell tops when all blocks are there.

    A top at a seam goes on in the block beside. Of a circle that crosses seams every block sees a way that comes from
    beyond and leaves again. So these ways are kept, pixel by pixel, and the tops that lie at seams or beside them.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._kept: list[_Kept] = []

    def add(self, around: Box, code: NDArray[np.uint8], ascent: Ascent, offset: int) -> None:
        """Take what a block has.

        Parameters
        ----------
        around : Box
            What is framed of the image.
        code : ndarray of uint8, framed
            See :func:`.ascent.climb`.
        ascent : Ascent
            Of the block.
        offset : int
            What is added to its numbers.
        """
        at_seam = np.zeros(code.shape, bool)
        core_of(at_seam)[...] = True
        core_of(at_seam)[(slice(1, -1),) * code.ndim] = False
        ways, next_ = _ways_through(code, ascent, at_seam)
        near = at_seam.ravel()
        for jump in (jump_of(code, offset) for offset in half_of_neighbours(code.ndim)):
            near[ways + jump] = near[ways - jump] = True
        tops = ascent.tops[near[ascent.tops]]
        pixels = np.concatenate([tops, ways])
        self._kept.append(
            (
                in_image(pixels, around, code.shape, self._shape),
                in_image(np.concatenate([tops, next_]), around, code.shape, self._shape),
                ascent.ends.ravel()[pixels] + np.int64(offset),
            )
        )

    def found(self) -> _Kept:
        """Which numbers have to do with tops, and which are of the same.

        Returns
        -------
        pixels : ndarray of int64
            Of tops, as indices into the flattened image.
        numbers : ndarray of int64
            Of these pixels.
        pairs : ndarray of int64, (2, m)
            Numbers that are one top.
        """
        pixels, next_, numbers = (np.concatenate(part) for part in zip(*self._kept, strict=True))
        order = np.argsort(pixels)
        pixels, next_, numbers = pixels[order], next_[order], numbers[order]
        target = np.append(_places(pixels, next_), len(pixels))
        circles = followed(target)[1][:-1]  # the last one is what steps out of these pixels end in
        pixels, numbers = pixels[circles], numbers[circles]
        position = np.stack(np.unravel_index(pixels, self._shape))
        sides = np.array(self._shape)[:, None]
        one, other = [], []
        for offset in half_of_neighbours(len(self._shape)):
            moved = position + np.array(offset)[:, None]
            here = np.flatnonzero(((moved >= 0) & (moved < sides)).all(0))
            there = _places(pixels, np.ravel_multi_index(tuple(moved[:, here]), self._shape))
            met = there < len(pixels)
            one.append(numbers[here[met]])
            other.append(numbers[there[met]])
        return pixels, numbers, np.stack([np.concatenate(one), np.concatenate(other)])


def _ways_through(
    code: NDArray[np.uint8], ascent: Ascent, at_seam: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pixels on ways from the seams of a block to a block beside, and where each steps to."""
    ends = ascent.ends.ravel()
    pixels = np.flatnonzero((code.ravel() > 0) & (ends > 0) & ~ascent.inner[ends])
    n = len(pixels)
    index = np.full(code.size, n, np.int32)  # whatever else there is
    index[pixels] = np.arange(n, dtype=np.int32)
    next_ = pixels + jumps_of(code)[code.ravel()[pixels]]
    target = np.append(index[next_], n)
    on_way = np.append(at_seam.ravel()[pixels], True)
    passed = np.flatnonzero(on_way)
    while True:
        on_way[target[passed]] = True
        further = np.flatnonzero(on_way)
        if len(further) == len(passed):
            break
        passed, target = further, target[target]
    return pixels[passed[:-1]], next_[passed[:-1]]


def _places(pixels: NDArray[np.int64], wanted: NDArray[Any]) -> NDArray[np.int64]:
    """Where pixels are among others, which are in ascending order; past the end if they are not."""
    place = np.searchsorted(pixels, wanted)
    is_there = np.append(pixels, -1)[place] == wanted
    return np.where(is_there, place, len(pixels))

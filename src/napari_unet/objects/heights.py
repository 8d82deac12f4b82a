"""Maps that hold heights: each pixel climbs to its highest neighbour, and a pass is as high as the best way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.ascent import (
    FRAME,
    STAYS,
    Passes,
    framed_inside,
    half_of_neighbours,
    meetings,
    neighbours,
    per_pair,
)

_STRIP = 1 << 17  # pixels that are compared at a time: they stay in the cache


class Heights:
    """A terrain of heights, see :class:`.terrain.Terrain`."""

    def framed(self, foreground: NDArray[np.uint8], relief: NDArray[np.uint8], beyond: Any) -> NDArray[Any]:
        """Heights, smoothed, in whole numbers: 16 for each axis is a height of 1; at least 1 in the foreground.

        The noise of a network makes peaks of single pixels. The weights 1 4 6 4 1 (a Gaussian of standard deviation 1)
        take most of them away, and in whole numbers the result is exact.
        """
        ndim = relief.ndim
        smooth = np.pad(relief, beyond, mode="edge").astype(np.uint16 if ndim <= 2 else np.uint32)
        for axis in range(ndim):
            for _ in range(2):  # 1 2 1 twice
                smooth = _cut(smooth, axis, 1, None) + _cut(smooth, axis, 0, -1)
                smooth = _cut(smooth, axis, 1, None) + _cut(smooth, axis, 0, -1)
        framed = np.pad(np.maximum(smooth, 1, out=smooth), 1)
        framed *= framed_inside(foreground, beyond)
        return framed

    def steps(self, framed: NDArray[Any]) -> NDArray[np.uint8]:
        """To the highest neighbour, if it is higher; see :meth:`.terrain.Terrain.steps`.

        Height and code are one number, so that a single maximum compares and remembers. Of neighbours equally high
        the one with the higher code is taken, which is the nearer one; a pixel itself has the highest code: only what
        is higher makes it move.
        """
        keys = framed.astype(np.uint32) << 5
        code = np.zeros(framed.shape, np.uint8)
        rows = max(1, _STRIP // max(1, int(np.prod(framed.shape[1:]))))
        inner = tuple(slice(FRAME, side - FRAME) for side in framed.shape[1:])
        for top in range(FRAME, framed.shape[0] - FRAME, rows):
            bottom = min(top + rows, framed.shape[0] - FRAME)
            best = keys[(slice(top, bottom), *inner)] | np.uint32(STAYS)
            beside = np.empty_like(best)
            for number, offset in enumerate(neighbours(framed.ndim), start=1):
                there = tuple(slice(s.start + o, s.stop + o) for s, o in zip(inner, offset[1:], strict=True))
                strip = keys[(slice(top + offset[0], bottom + offset[0]), *there)]
                np.bitwise_or(strip, np.uint32(number), out=beside)
                np.maximum(best, beside, out=best)
            best &= np.uint32(STAYS)
            code[(slice(top, bottom), *inner)] = best
        return code

    def peaks(self, framed: NDArray[Any], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """See :meth:`.terrain.Terrain.peaks`."""
        return np.asarray(framed.ravel()[pixels] / 16**framed.ndim, np.float64)

    def passes(self, ends: NDArray[np.int32], framed: NDArray[Any]) -> Passes:
        """Which ends have neighbouring pixels, and how high the best way between them is.

        The height of a way is that of the lower one of two neighbouring pixels, diagonal neighbours included: a ridge
        that runs across the pixels is no lower than one along them.
        """
        labels, heights = ends.ravel(), framed.ravel()
        one, other, found = [], [], []
        for _, here, there in meetings(ends, half_of_neighbours(ends.ndim)):
            one.append(labels[here])
            other.append(labels[there])
            found.append(np.minimum(heights[here], heights[there]) / 16**ends.ndim)
        return self.united((np.concatenate(one), np.concatenate(other), np.concatenate(found)))

    def united(self, passes: Passes) -> Passes:
        """The best way counts, see :meth:`.terrain.Terrain.united`."""
        return per_pair(*passes, np.maximum)

    def levels(self, met: NDArray[Any]) -> NDArray[np.float64]:
        """See :meth:`.terrain.Terrain.levels`."""
        return met


def _cut(array: NDArray[Any], axis: int, start: int, stop: int | None) -> NDArray[Any]:
    return array[(slice(None),) * axis + (slice(start, stop),)]

"""Maps that hold directions: each pixel goes where its vector points, and basins are apart where vectors diverge.

A network points from every pixel of an object to its centre. Pixels that follow come there, and run in circles around
it: a circle is a top. Where two objects touch, the vectors on both sides point away from each other; between two parts
of one object they agree, however far from the centre they are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.directions import direction_table
from napari_unet.objects.ascent import (
    STAYS,
    Passes,
    core_of,
    framed_inside,
    half_of_neighbours,
    jumps_of,
    meetings,
    neighbours,
    per_pair,
)

_UNIT = 1 << 12
"""What 1 is in whole numbers, whose sums do not depend on the order: so blocks give those of the whole."""

_POWER = 4
"""Of agreement, which is near 1 wherever it matters; see docs/decisions/0007."""


class Flows:
    """A terrain of directions, see :class:`.terrain.Terrain`."""

    def framed(self, foreground: NDArray[np.uint8], relief: NDArray[np.uint8], beyond: Any) -> NDArray[Any]:
        """The codes of the directions, and 1."""
        inside = framed_inside(foreground, beyond)
        # Cut by one, what is framed has a frame of the halo, which is never inside.
        codes = np.pad(relief, beyond)[(slice(1, -1),) * relief.ndim].astype(np.uint16)
        codes += 1
        codes *= inside
        return codes

    def steps(self, framed: NDArray[Any]) -> NDArray[np.uint8]:
        """To the neighbour a vector points to best, if it is in the foreground; see :meth:`.terrain.Terrain.steps`."""
        code = np.zeros(framed.shape, np.uint8)
        core_of(code)[...] = _moves(framed.ndim)[core_of(framed)]
        codes = code.ravel()
        pixels = np.flatnonzero(codes)
        there = pixels + jumps_of(framed)[codes[pixels]]
        codes[pixels[framed.ravel()[there] == 0]] = STAYS
        return code

    def peaks(self, framed: NDArray[Any], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """All are equally high: only passes tell basins apart."""
        return np.full(len(pixels), 255.0)

    def passes(self, ends: NDArray[np.int32], framed: NDArray[Any]) -> Passes:
        """Which ends touch along an axis; by how much vectors diverge there in sum, and in how many pairs of pixels."""
        labels, codes = ends.ravel(), framed.ravel()
        one, other, found = [], [], []
        along_axes = [offset for offset in half_of_neighbours(ends.ndim) if sum(map(abs, offset)) == 1]
        for offset, here, there in meetings(ends, along_axes):
            along = _components(ends.ndim)[:, offset.index(1)]
            one.append(labels[here])
            other.append(labels[there])
            found.append(along[codes[there]] - along[codes[here]])
        apart = np.concatenate(found)
        met = np.stack([apart, np.ones_like(apart)], axis=1)
        return self.united((np.concatenate(one), np.concatenate(other), met))

    def united(self, passes: Passes) -> Passes:
        """Sums of both, see :meth:`.terrain.Terrain.united`."""
        return per_pair(*passes, np.add)

    def levels(self, met: NDArray[Any]) -> NDArray[np.float64]:
        """255 where vectors agree, 0 where they point away from each other, straight across the border.

        With a power between: at the default of ``splitting`` a divergence of a twentieth keeps basins apart.
        """
        divergence = met[:, 0] / (2 * _UNIT * met[:, 1])
        return np.asarray(255 * (1 - divergence.clip(0, 1)) ** _POWER, np.float64)


@cache
def _moves(ndim: int) -> NDArray[np.uint8]:
    """By the number in a framed array: the code of the step; 0 stays 0."""
    offsets = np.array(neighbours(ndim), np.float64)
    offsets /= np.linalg.norm(offsets, axis=1, keepdims=True)
    cosines = direction_table(ndim).astype(np.float64) @ offsets.T
    # Rounded, so that directions right in the middle of two all go to the diagonal neighbour.
    best = cosines.round(5).argmax(axis=1)
    return np.concatenate([[0], best + 1]).astype(np.uint8)


@cache
def _components(ndim: int) -> NDArray[np.int64]:
    """By the number in a framed array: the vector in whole numbers."""
    vectors = np.rint(direction_table(ndim).astype(np.float64) * _UNIT).astype(np.int64)
    return np.concatenate([np.zeros((1, ndim), np.int64), vectors])

"""Where pixels of a height map climb to: the pixel-wise part of finding basins, of a plane or of a block of one.

Every pixel climbs to the highest of its neighbours (also diagonal ones), from there on again, until nothing around is
higher. Which neighbour that is depends on the pixels within :data:`HALO` of it and on nothing else: in blocks with that
much around them, all pixels take the same step as in the whole. A block is given as a *framed* array: its core, around
it a ring of pixels of the neighbouring blocks, around that a frame of zeros so that no index leaves the array.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

LOWEST = 0.05
"""Foreground probability below which a pixel is in no basin: the lowest that can be chosen."""

HALO = 3
"""Pixels around a block that have a say in it: two of the smoothing, one of the step."""

FRAME = 2
"""Pixels around the core of a framed array: the ring and the zeros."""

_SELF = 31  # the code of no step, above those of the 26 neighbours
_STRIP = 1 << 17  # pixels that are compared at a time: they stay in the cache


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where the pixels of a block end.

    Attributes
    ----------
    ends : ndarray of int32, framed
        Number of the end of each pixel, from 1 in the order of their first pixels; 0 outside the foreground.
    pixels : ndarray of int64, (n + 1,)
        First pixel of each end, as an index into the flattened framed array.
    inner : ndarray of bool, (n + 1,)
        Whether an end is a peak in the core; the others are pixels of the ring, where the neighbouring block goes on.
    tops : ndarray of int64
        All pixels of peaks: a flat top has several.
    """

    ends: NDArray[np.int32]
    pixels: NDArray[np.int64]
    inner: NDArray[np.bool_]
    tops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels) - 1


def half_of_neighbours(ndim: int) -> list[tuple[int, ...]]:
    """Offsets of the neighbours, diagonal ones too, that come after a pixel: every pair of neighbours once."""
    return [offset for offset in product((-1, 0, 1), repeat=ndim) if offset > (0,) * ndim]


def components(n: int, one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """Number what is connected, from 0 in the order of the first members; and how many there are."""
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(n, n))
    count, found = connected_components(graph, directed=False)
    first = np.full(count, n, np.int64)
    first[found[::-1]] = np.arange(
        n - 1, -1, -1
    )  # of equal indices the last one written stays: the first member
    if (np.diff(first) > 0).all():
        return np.asarray(found, np.int32), count
    return (ranks(count, found, np.arange(n)) - 1)[found], count


def ranks(n: int, group: NDArray[Any], firsts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Number ``n`` groups from 1 in the order of their first pixels; 0 for those without members.

    Parameters
    ----------
    n : int
        How many groups there are.
    group : ndarray of int
        Of each member.
    firsts : ndarray of int64
        First pixel of each member.
    """
    last = np.iinfo(np.int64).max
    first = np.full(n, last)
    np.minimum.at(first, group, firsts)
    order = np.argsort(first, kind="stable")
    order = order[: np.count_nonzero(first < last)]
    number = np.zeros(n, np.int32)
    number[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    return number


def framed_heights(foreground: NDArray[np.uint8], height: NDArray[np.uint8], beyond: Any) -> NDArray[Any]:
    """Heights of a block, smoothed, in whole numbers: at least 1 in the foreground, 0 elsewhere.

    The noise of a network makes peaks of single pixels. The weights 1 4 6 4 1 (a Gaussian of standard deviation 1)
    take most of them away, and in whole numbers the result is exact.

    Parameters
    ----------
    foreground, height : ndarray of uint8
        The core and up to :data:`HALO` pixels around it.
    beyond : sequence of (int, int)
        For each axis how many pixels of the halo are missing at both ends, because the image ends there.

    Returns
    -------
    ndarray of uint16 (uint32 in 3D), framed
        Heights times :func:`unit`.
    """
    ndim = height.ndim
    smooth = np.pad(height, beyond, mode="edge").astype(np.uint16 if ndim <= 2 else np.uint32)
    for axis in range(ndim):
        for _ in range(2):  # 1 2 1 twice
            ahead, behind = _cut(smooth, axis, 1, None), _cut(smooth, axis, 0, -1)
            smooth = ahead + behind
            smooth = _cut(smooth, axis, 1, None) + _cut(smooth, axis, 0, -1)
    inside = np.pad(foreground >= np.ceil(255 * LOWEST), beyond)
    inside = inside[(slice(2, -2),) * ndim]
    framed = np.zeros([side + 2 for side in smooth.shape], smooth.dtype)
    np.maximum(smooth, 1, out=smooth)
    np.multiply(smooth, inside, out=framed[(slice(1, -1),) * ndim])
    return framed


def unit(ndim: int) -> int:
    """What a height of 1 is in :func:`framed_heights`."""
    return int(16**ndim)


def core_of(framed: NDArray[Any]) -> NDArray[Any]:
    """The core of a framed array."""
    return framed[(slice(FRAME, -FRAME),) * framed.ndim]


def climb(height: NDArray[Any]) -> Ascent:
    """Find where all pixels of framed heights end.

    Each pixel's step is followed by steps twice as far until nothing changes.
    """
    pixels = np.flatnonzero(height)
    if not len(pixels):
        nothing = np.zeros(0, np.int64)
        return Ascent(np.zeros(height.shape, np.int32), np.zeros(1, np.int64), np.zeros(1, bool), nothing)
    code, jumps = _steps(height)
    step = jumps[code.ravel()[pixels]]
    index = np.zeros(height.size, np.int32)
    index[pixels] = np.arange(len(pixels), dtype=np.int32)
    target = index[pixels + step]
    while not np.array_equal(further := target[target], target):
        target = further
    ended = np.flatnonzero(step == 0)  # indices into pixels
    end_pixels = pixels[ended]
    is_top = code.ravel()[end_pixels] == _SELF
    number = np.zeros(len(pixels), np.int32)
    row, n_rows = _rows_of_tops(end_pixels, is_top)
    number[ended] = row
    one, other = [], []
    flat_code, flat_height = code.ravel(), height.ravel()
    for offset in half_of_neighbours(height.ndim)[1:]:  # flat tops: their rows are one
        beside = end_pixels + _jump(height, offset)
        met = np.flatnonzero(is_top & (flat_code[beside] == _SELF) & (flat_height[beside] > 0))
        a, b = row[met], number[index[beside[met]]]
        another = np.flatnonzero((a[1:] != a[:-1]) | (b[1:] != b[:-1])) + 1 if len(a) else met
        one += [a[:1], a[another]]
        other += [b[:1], b[another]]
    end, n = components(n_rows, np.concatenate(one), np.concatenate(other))
    end = end[row]
    number[ended] = end + 1
    index[pixels] = number[target]
    first = np.zeros(n + 1, np.int64)
    first[end[::-1] + 1] = end_pixels[::-1]
    inner = np.zeros(n + 1, bool)
    inner[end + 1] = is_top
    return Ascent(index.reshape(height.shape), first, inner, end_pixels[is_top])


def passes(
    ends: NDArray[np.int32], height: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which ends have neighbouring pixels, and how high the best way between them is.

    The height of a way is that of the lower one of two neighbouring pixels, diagonal neighbours included: a ridge
    that runs across the pixels is no lower than one along them.

    Returns
    -------
    one, other : ndarray of int64
        The lower number first, each pair once, in ascending order.
    height : ndarray of int64
    """
    labels, heights = ends.ravel(), height.ravel()
    one, other, found = [], [], []
    for offset in half_of_neighbours(ends.ndim):
        jump = _jump(
            height, offset
        )  # a row's end is followed by zeros of the frame: nothing is met across it
        here = np.flatnonzero(labels[:-jump] != labels[jump:])
        a, b = labels[here], labels[here + jump]
        met = (a > 0) & (b > 0)
        here = here[met]
        one.append(a[met])
        other.append(b[met])
        found.append(np.minimum(heights[here], heights[here + jump]))
    return highest(np.concatenate(one), np.concatenate(other), np.concatenate(found))


def highest(
    one: NDArray[Any], other: NDArray[Any], height: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of every pair, in whichever order, the greatest height; pairs in ascending order, the lower number first."""
    key = (np.minimum(one, other).astype(np.int64) << 32) | np.maximum(one, other)
    order = np.argsort(key, kind="stable")
    key, height = key[order], height[order]
    starts = np.flatnonzero(np.r_[np.ones(min(len(key), 1), bool), key[1:] != key[:-1]])
    tallest = np.maximum.reduceat(height, starts) if len(starts) else height
    key = key[starts]
    return key >> 32, key & ((1 << 32) - 1), tallest.astype(np.int64)


def _steps(height: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A code for each pixel's step, and by code how far it is in the flattened array; 0 for the ring: it stays.

    Height and code are one number, so that a single maximum compares and remembers. Of neighbours equally high the
    one with the higher code is taken, which is the nearer one; a pixel itself has the highest code: only what is higher
    makes it move.
    """
    ndim = height.ndim
    keys = height.astype(np.uint32) << 5
    code = np.zeros(height.shape, np.uint8)
    neighbours = [offset for offset in product((-1, 0, 1), repeat=ndim) if any(offset)]
    neighbours.sort(key=lambda offset: -sum(map(abs, offset)))
    rows = max(1, _STRIP // max(1, int(np.prod(height.shape[1:]))))
    inner = tuple(slice(FRAME, side - FRAME) for side in height.shape[1:])
    for top in range(FRAME, height.shape[0] - FRAME, rows):
        bottom = min(top + rows, height.shape[0] - FRAME)
        best = keys[(slice(top, bottom), *inner)] | np.uint32(_SELF)
        beside = np.empty_like(best)
        for number, offset in enumerate(neighbours, start=1):
            there = tuple(slice(s.start + o, s.stop + o) for s, o in zip(inner, offset[1:], strict=True))
            strip = keys[(slice(top + offset[0], bottom + offset[0]), *there)]
            np.bitwise_or(strip, np.uint32(number), out=beside)
            np.maximum(best, beside, out=best)
        best &= np.uint32(_SELF)
        code[(slice(top, bottom), *inner)] = best
    jumps = np.zeros(_SELF + 1, np.int64)
    jumps[1 : len(neighbours) + 1] = [_jump(height, offset) for offset in neighbours]
    return code, jumps


def _rows_of_tops(pixels: NDArray[np.int64], is_top: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number ends, from 0, so that tops beside each other in a row have one number; and how many numbers there are.

    A large flat top is then few things to be connected, not one for each pixel.
    """
    begins = np.ones(len(pixels), bool)
    begins[1:] = (np.diff(pixels) != 1) | ~is_top[1:] | ~is_top[:-1]
    numbers = np.cumsum(begins, dtype=np.int32)
    return numbers - np.int32(1), int(numbers[-1])


def _jump(array: NDArray[Any], offset: tuple[int, ...]) -> int:
    """How far a neighbour is in the flattened array."""
    return int(np.dot(offset, array.strides)) // array.itemsize


def _cut(array: NDArray[Any], axis: int, start: int, stop: int | None) -> NDArray[Any]:
    return array[(slice(None),) * axis + (slice(start, stop),)]

"""Where pixels of a map climb to: the pixel-wise part of finding basins, of a plane or of a block of one.

Every pixel steps to one of its neighbours (also diagonal ones) or stays, from there on again, until it comes to a top:
a pixel that stays, or several that step in a circle. Which neighbour that is says the terrain
(:mod:`napari_unet.objects.terrain`); it depends on the pixels within :data:`HALO` and on nothing else: in blocks with
that much around them, all pixels take the same step as in the whole. A block is given as a *framed* array: its core,
around it a ring of pixels of the neighbouring blocks, around that a frame of zeros so that no index leaves the array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
"""Pixels around a block that have a say in it: at most two of smoothing, one of the step."""

FRAME = 2
"""Pixels around the core of a framed array: the ring and the zeros."""

STAYS = 31
"""The code of no step, above those of the 26 neighbours."""

Passes = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]
"""Two ends each, and what is known of where they meet."""


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
        Whether an end is a top in the core; the others are pixels of the ring, where the neighbouring block goes on.
    tops : ndarray of int64
        All pixels of tops: a flat one has several.
    """

    ends: NDArray[np.int32]
    pixels: NDArray[np.int64]
    inner: NDArray[np.bool_]
    tops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels) - 1


def neighbours(ndim: int) -> list[tuple[int, ...]]:
    """Offsets of the neighbours, those along the axes last; the first one's code is 1."""
    offsets = [offset for offset in product((-1, 0, 1), repeat=ndim) if any(offset)]
    return sorted(offsets, key=lambda offset: -sum(map(abs, offset)))


def half_of_neighbours(ndim: int) -> list[tuple[int, ...]]:
    """Offsets of the neighbours, diagonal ones too, that come after a pixel: every pair of neighbours once."""
    return [offset for offset in product((-1, 0, 1), repeat=ndim) if offset > (0,) * ndim]


def components(n: int, one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """Number what is connected, from 0 in the order of the first members; and how many there are."""
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(n, n))
    count, found = connected_components(graph, directed=False)
    first = np.full(count, n, np.int64)
    # Of equal indices the last one written stays: the first member.
    first[found[::-1]] = np.arange(n - 1, -1, -1)
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


def per_pair(one: NDArray[Any], other: NDArray[Any], values: NDArray[Any], united: np.ufunc) -> Passes:
    """Of every pair, in whichever order, its values made one; pairs in ascending order, the lower number first.

    In which order values of one pair are taken must not matter, as with sums of whole numbers and with maxima.
    """
    key = (np.minimum(one, other).astype(np.int64) << 32) | np.maximum(one, other)
    order = np.argsort(key)  # not stable, which takes a quarter of the time
    key, values = key[order], values[order]
    starts = np.flatnonzero(np.r_[np.ones(min(len(key), 1), bool), key[1:] != key[:-1]])
    made_one = united.reduceat(values, starts) if len(starts) else values
    key = key[starts]
    return key >> 32, key & ((1 << 32) - 1), made_one


def framed_inside(foreground: NDArray[np.uint8], beyond: Any) -> NDArray[np.bool_]:
    """Where a block may be climbed, framed; for its parameters see :class:`.terrain.Terrain`."""
    inside = np.pad(foreground >= np.ceil(255 * LOWEST), beyond)
    return np.pad(inside[(slice(HALO - 1, 1 - HALO),) * inside.ndim], 1)


def core_of(framed: NDArray[Any]) -> NDArray[Any]:
    """The core of a framed array."""
    return framed[(slice(FRAME, -FRAME),) * framed.ndim]


def jump_of(array: NDArray[Any], offset: tuple[int, ...]) -> int:
    """How far a neighbour is in the flattened array."""
    return int(np.dot(offset, array.strides)) // array.itemsize


def jumps_of(framed: NDArray[Any]) -> NDArray[np.int64]:
    """By the code of a step: how far it goes in the flattened array."""
    jumps = np.zeros(STAYS + 1, np.int64)
    found = [jump_of(framed, offset) for offset in neighbours(framed.ndim)]
    jumps[1 : len(found) + 1] = found
    return jumps


def followed(target: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Follow steps until they come to a circle; what steps to itself is one.

    Steps are followed by steps twice as far. Whoever is reached by many steps is a subset of those reached by fewer;
    once that no longer shrinks, every one of them is reached by exactly one of them: they are the circles.

    Parameters
    ----------
    target : ndarray of int, (n,)
        The member each member steps to.

    Returns
    -------
    ndarray of int, (n,)
        For each a member of the circle it comes to.
    ndarray of int64
        All members of circles, in ascending order.
    """
    reached = np.arange(len(target))
    while True:
        met = np.zeros(len(target), bool)
        met[target[reached]] = True
        further = np.flatnonzero(met)
        if len(further) == len(reached):
            return target, reached
        reached, target = further, target[target]


def climb(framed: NDArray[Any], code: NDArray[np.uint8]) -> Ascent:
    """Find where all pixels of a block end. Neighbouring tops are one.

    Parameters
    ----------
    framed : ndarray of int, framed
        0 where nothing is to be climbed.
    code : ndarray of uint8, framed
        In the core each pixel's step: the place of an offset among :func:`neighbours`, from 1, or :data:`STAYS`. 0
        around it.
    """
    pixels = np.flatnonzero(framed)
    if not len(pixels):
        nothing = np.zeros(0, np.int64)
        return Ascent(np.zeros(framed.shape, np.int32), np.zeros(1, np.int64), np.zeros(1, bool), nothing)
    codes = code.ravel()
    index = np.zeros(framed.size, np.int32)
    index[pixels] = np.arange(len(pixels), dtype=np.int32)
    target, ended = followed(index[pixels + jumps_of(framed)[codes[pixels]]])
    end_pixels = pixels[ended]
    is_top = codes[end_pixels] > 0
    tops = end_pixels[is_top]
    number = np.zeros(len(pixels), np.int32)
    row, n_rows = _rows_of_tops(end_pixels, is_top)
    number[ended] = row
    top = np.zeros(framed.size, bool)
    top[tops] = True
    one, other = [], []
    for offset in half_of_neighbours(framed.ndim)[1:]:  # along the rows they are one already
        beside = end_pixels + jump_of(framed, offset)
        met = np.flatnonzero(is_top & top[beside])
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
    return Ascent(index.reshape(framed.shape), first, inner, tops)


def meetings(
    ends: NDArray[np.int32], offsets: Iterable[tuple[int, ...]]
) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.int64]]]:
    """Neighbouring pixels of different ends, as indices into the flattened framed array, by the offset between them.

    A pair is met in the block whose core the first pixel is in: once, however an image is cut into blocks.
    """
    labels = ends.ravel()
    owned = np.zeros(ends.shape, bool)
    core_of(owned)[...] = True
    for offset in offsets:
        jump = jump_of(ends, offset)  # a row's end is followed by zeros: nothing is met across it
        here = np.flatnonzero(labels[:-jump] != labels[jump:])
        here = here[owned.ravel()[here] & (labels[here] > 0) & (labels[here + jump] > 0)]
        yield offset, here, here + jump


def _rows_of_tops(pixels: NDArray[np.int64], is_top: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number ends, from 0, so that tops beside each other in a row have one number; and how many numbers there are.

    A large flat top is then few things to be connected, not one for each pixel.
    """
    begins = np.ones(len(pixels), bool)
    begins[1:] = (np.diff(pixels) != 1) | ~is_top[1:] | ~is_top[:-1]
    numbers = np.cumsum(begins, dtype=np.int32)
    return numbers - np.int32(1), int(numbers[-1])

"""The first, slow half of finding objects: fine basins of the height map, and how high the passes between them are.

A basin is what lies around one peak: every pixel belongs to the peak that is reached by climbing to the highest
neighbour again and again. Where a pixel climbs to depends on its neighbours alone, so no order of flooding, no tile and
no threshold changes it. Which basins together are one object is decided afterwards, quickly and as often as a slider is
moved, from the graph of their passes (:mod:`napari_unet.objects.decoding`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import minimum_spanning_tree
from skimage.measure import label

from napari_unet.errors import InputError

LOWEST = 0.05
"""Foreground probability below which a pixel is in no basin: the lowest that can be chosen."""

SMOOTHING = 1.0
"""Standard deviation, in pixels, of the Gaussian that takes peaks of noise away."""


@dataclass(frozen=True, eq=False)
class Basins:
    """Basins of a plane or volume, and the passes between them.

    Attributes
    ----------
    labels : ndarray of int32
        Number of the basin of every pixel, from 1; 0 in none.
    peaks : ndarray of float32, (n + 1,)
        Height of each basin's peak, by its number.
    passes : ndarray of float32, (m,)
        Height of the passes, the highest first. Of all passes these connect what is connected with the least number:
        they are the maximum spanning forest of the graph of basins.
    first, second : ndarray of int32, (m,)
        The basins on both sides of each pass.
    """

    labels: NDArray[np.int32]
    peaks: NDArray[np.float32]
    passes: NDArray[np.float32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.peaks) - 1


def find_basins(foreground: NDArray[np.uint8], height: NDArray[np.uint8]) -> Basins:
    """Find the basins of a height map.

    Parameters
    ----------
    foreground : ndarray of uint8, (Y, X) or (Z, Y, X)
        Probability of the foreground, 255 for 1.
    height : ndarray of uint8, as ``foreground``
        Rises from the border of an object inwards.

    Raises
    ------
    InputError
        If the maps differ in shape.
    """
    if foreground.shape != height.shape:
        raise InputError(f"The maps of objects have the shapes {foreground.shape} and {height.shape}.")
    smooth = ndimage.gaussian_filter(height, SMOOTHING, output=np.float32, truncate=2.0)
    smooth[foreground < np.ceil(255 * LOWEST)] = -1.0
    labels, n = _climb(smooth)
    # Sorted by value, the last of each basin is its peak.
    peaks = np.full(n + 1, -1.0, np.float32)
    np.maximum.at(peaks, labels.ravel(), smooth.ravel())
    return Basins(labels, peaks, *_passes(labels, smooth, n))


def _climb(height: NDArray[np.float32]) -> tuple[NDArray[np.int32], int]:
    """Number of the peak that every pixel climbs to, 0 where the height is negative; and how many peaks there are."""
    best = height.copy()
    step = np.zeros(height.shape, np.int8)  # which neighbour is the highest: 0 none, the pixel is a peak
    neighbours = [offset for offset in product((-1, 0, 1), repeat=height.ndim) if any(offset)]
    for number, offset in enumerate(neighbours, start=1):
        here, there = _shifted(offset)
        higher = height[there] > best[here]
        np.copyto(best[here], height[there], where=higher)
        np.copyto(step[here], np.int8(number), where=higher)
    inside = height >= 0
    # A flat top has several peaks side by side, which are one.
    tops, n = label((step == 0) & inside, return_num=True, connectivity=height.ndim)
    pixels = np.flatnonzero(inside)
    if not len(pixels):
        return np.zeros(height.shape, np.int32), 0
    numbered = np.empty(height.size, np.int32)
    numbered[pixels] = np.arange(len(pixels), dtype=np.int32)
    strides = np.array(height.strides) // height.itemsize
    jumps = np.array([0, *(int(np.dot(offset, strides)) for offset in neighbours)])
    target = numbered[pixels + jumps[step.ravel()[pixels]]]
    while not np.array_equal(further := target[target], target):  # twice as far each time
        target = further
    labels = np.zeros(height.size, np.int32)
    labels[pixels] = tops.ravel()[pixels][target]
    return labels.reshape(height.shape), int(n)


def _shifted(offset: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where there is a neighbour at this offset, and that neighbour."""
    cut = {-1: (slice(1, None), slice(None, -1)), 0: (slice(None),) * 2, 1: (slice(None, -1), slice(1, None))}
    here, there = zip(*(cut[o] for o in offset), strict=True)
    return tuple(here), tuple(there)


def _passes(
    labels: NDArray[np.int32], height: NDArray[np.float32], n: int
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """The passes of the maximum spanning forest: the lower one of two neighbouring pixels is the height of a way."""
    keys, heights = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for axis in range(labels.ndim):
        here, there = _shifted(tuple(int(a == axis) for a in range(labels.ndim)))
        one, other = labels[here], labels[there]
        met = np.flatnonzero((one != other) & (one > 0) & (other > 0))
        one, other = one.ravel()[met], other.ravel()[met]
        keys.append(np.minimum(one, other).astype(np.int64) * (n + 1) + np.maximum(one, other))
        heights.append(np.minimum(height[here].ravel()[met], height[there].ravel()[met]))
    key, passes = np.concatenate(keys), np.concatenate(heights)
    order = np.lexsort((passes, key))
    highest = np.flatnonzero(np.r_[np.diff(key[order]) != 0, np.ones(min(len(key), 1), bool)])
    key, passes = key[order][highest], passes[order][highest]
    # The least spanning forest of costs is the greatest of heights; 0 would be no edge.
    ends = key // (n + 1), key % (n + 1)
    graph = sparse.coo_array((256.0 - passes.astype(np.float64), ends), shape=(n + 1, n + 1))
    forest = minimum_spanning_tree(graph.tocsr()).tocoo()
    order = np.lexsort((forest.col, forest.row, forest.data))
    found = (256.0 - forest.data[order]).astype(np.float32)
    return found, forest.row[order].astype(np.int32), forest.col[order].astype(np.int32)

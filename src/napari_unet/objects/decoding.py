"""The second, quick half of finding objects: which basins together are one, and what is left of them."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from napari_unet.errors import InputError
from napari_unet.objects.basins import Basins
from napari_unet.settings import ObjectSettings


def cut(basins: Basins, foreground: NDArray[np.uint8], settings: ObjectSettings) -> NDArray[np.int32]:
    """Number the objects.

    Passes are looked at from the highest down. The two sides become one where the pass is at least
    ``settings.splitting`` times as high as the lower of their peaks: where objects are bulges of one, the neck between
    them is nearly as deep as the bulges themselves. What is then smaller than ``settings.min_size`` joins the
    neighbour with the highest pass.

    Parameters
    ----------
    basins : Basins
        Of the maps.
    foreground : ndarray of uint8
        Probability of the foreground, 255 for 1.
    settings : ObjectSettings
        How objects are found.

    Returns
    -------
    ndarray of int32
        0 outside; objects are 1 to n in the order of their first pixel, each connected along the axes.

    Raises
    ------
    InputError
        If the foreground is not that of the basins.
    """
    if foreground.shape != basins.labels.shape:
        raise InputError(
            f"The foreground has the shape {foreground.shape}, the basins {basins.labels.shape}."
        )
    inside = foreground >= np.ceil(255 * settings.foreground)
    found = np.where(inside, basins.labels, 0)
    sizes = np.bincount(found.ravel(), minlength=len(basins) + 1)
    found = _merged(basins, sizes, settings)[found]
    pieces = np.asarray(label(found, connectivity=1), np.int32)
    sizes = np.bincount(pieces.ravel())
    kept = sizes >= max(1, settings.min_size)
    kept[0] = False
    objects = _renumbered(pieces, kept)
    if settings.fill_holes:
        fill_holes(objects)
    if not settings.edge_objects:
        kept = np.ones(objects.max() + 1, bool)
        kept[0] = False
        for axis, end in product(range(objects.ndim), (0, -1)):
            kept[np.take(objects, end, axis).ravel()] = False
        objects = _renumbered(objects, kept)
    return objects


def fill_holes(objects: NDArray[np.int32]) -> None:
    """Give what a single object encloses to it, in place; what lies between objects, or at the edge, stays free."""
    gaps = np.asarray(label(objects == 0, connectivity=objects.ndim), np.int32)
    n = int(gaps.max())
    lowest = np.full(n + 1, np.iinfo(np.int32).max, np.int32)
    highest = np.zeros(n + 1, np.int32)
    for axis in range(objects.ndim):
        ahead = (slice(None),) * axis + (slice(1, None),)
        behind = (slice(None),) * axis + (slice(None, -1),)
        for gap, beside in ((ahead, behind), (behind, ahead)):
            met = np.flatnonzero((objects[gap] == 0) & (objects[beside] > 0))
            which, owner = gaps[gap].ravel()[met], objects[beside].ravel()[met]
            np.minimum.at(lowest, which, owner)
            np.maximum.at(highest, which, owner)
    for axis, end in product(range(objects.ndim), (0, -1)):  # open to what lies beyond
        highest[np.take(gaps, end, axis).ravel()] = 0
    owners = np.where(lowest == highest, highest, 0)
    owners[0] = 0
    if owners.any():
        objects += owners[gaps]


def _merged(basins: Basins, sizes: NDArray[np.intp], settings: ObjectSettings) -> NDArray[np.int32]:
    """The basin that stands for each one's object, by number."""
    parent = list(range(len(basins) + 1))
    peaks, size = basins.peaks.tolist(), sizes.tolist()

    def root(basin: int) -> int:
        while parent[basin] != basin:
            parent[basin] = parent[parent[basin]]
            basin = parent[basin]
        return basin

    def join(one: int, other: int) -> None:
        if peaks[one] < peaks[other]:
            one, other = other, one
        parent[other] = one
        size[one] += size[other]

    apart = []
    for height, first, second in zip(
        basins.passes.tolist(), basins.first.tolist(), basins.second.tolist(), strict=True
    ):
        one, other = root(first), root(second)
        if height >= settings.splitting * min(peaks[one], peaks[other]):
            join(one, other)
        else:
            apart.append((first, second))
    for first, second in apart:
        one, other = root(first), root(second)
        if min(size[one], size[other]) < settings.min_size:
            join(one, other)
    return np.array([root(basin) for basin in range(len(parent))], np.int32)


def _renumbered(objects: NDArray[np.int32], kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """1 to n without gaps for those kept, 0 for the others."""
    return np.asarray((np.cumsum(kept) * kept).astype(np.int32)[objects])

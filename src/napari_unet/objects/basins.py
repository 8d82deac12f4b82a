"""The first, slow half of finding objects: fine basins, and how high the passes between them are.

A basin is what lies around one peak: every pixel belongs to the peak that is reached by climbing to the highest
neighbour again and again, or by going where it is pointed to (:mod:`napari_unet.objects.ascent`). Where a pixel goes
depends on its neighbours alone, so no order of flooding, no tile and no threshold changes it. On real nuclei with noise
heights give the same AP, to four digits, as flooding from the same peaks with scikit-image's watershed, whose result
depends on the order of flooding.
Which basins together are one object is decided afterwards, quickly and as often as a slider is moved, from the graph of
their passes (:mod:`napari_unet.objects.decoding`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import minimum_spanning_tree

from napari_unet.errors import InputError
from napari_unet.objects.ascent import HALO, climb, components, core_of
from napari_unet.objects.terrain import terrain_of
from napari_unet.settings import ObjectSettings


@dataclass(frozen=True, eq=False)
class Forest:
    """The basins as a graph: of all passes those which connect what is connected, as high as possible.

    That is the maximum spanning forest; the others change nothing that is asked here. Heights are linear in the
    distance to an object's border, so that a pass by a height is a neck's width by an object's. Of directions all peaks
    are equally high, and a pass is by as much lower as they diverge.

    Attributes
    ----------
    peaks : ndarray of float32, (n + 1,)
        Height of each basin's peak, by its number, from 0 to 255.
    passes : ndarray of float32, (m,)
        Height of the passes, the highest first.
    first, second : ndarray of int32, (m,)
        The basins on both sides of each pass.
    necks : ndarray of float64, (m,)
        Each pass by the lower of two peaks: the highest ones that are reached on either side without going lower than
        the pass. A neck of 1 is none.
    """

    peaks: NDArray[np.float32]
    passes: NDArray[np.float32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    necks: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.peaks) - 1

    def merged(self, sizes: NDArray[np.integer], settings: ObjectSettings) -> NDArray[np.int32]:
        """The number that stands for each basin's object: the same for those that are one.

        Passes are looked at from the highest down. The two sides become one where the neck is at least
        ``settings.splitting``. Whether passes above were closed does not matter: behind a closed one the peaks are
        higher than this pass allows, counted with or without what lies beyond. So the necks are known beforehand.
        What then has fewer pixels than ``settings.min_size`` joins the neighbour with the highest pass.

        Parameters
        ----------
        sizes : ndarray of int, (n + 1,)
            Pixels of each basin that are in the foreground; that of number 0 is not used.
        settings : ObjectSettings
            How objects are found.
        """
        open_ = self.necks >= settings.splitting
        owner, n = components(len(self.peaks), self.first[open_], self.second[open_])
        size = np.bincount(owner, weights=sizes, minlength=n)
        first, second = owner[self.first[~open_]], owner[self.second[~open_]]
        concerned = np.minimum(size[first], size[second]) < settings.min_size  # sizes only grow
        if not concerned.any():
            return owner
        parent, sizes_now = list(range(n)), size.tolist()
        for one, other in zip(first[concerned].tolist(), second[concerned].tolist(), strict=True):
            one, other = _root(parent, one), _root(parent, other)
            if min(sizes_now[one], sizes_now[other]) < settings.min_size:
                parent[other] = one
                sizes_now[one] += sizes_now[other]
        return np.array([_root(parent, i) for i in range(n)], np.int32)[owner]


@dataclass(frozen=True, eq=False)
class Basins:
    """Basins of a plane or volume, and the passes between them.

    Attributes
    ----------
    labels : ndarray of int32
        Number of the basin of every pixel, from 1 in the order of their peaks; 0 in none.
    forest : Forest
        Their peaks and passes.
    """

    labels: NDArray[np.int32]
    forest: Forest

    def __len__(self) -> int:
        return len(self.forest)


def find_basins(foreground: NDArray[np.uint8], relief: NDArray[np.uint8], directed: bool = False) -> Basins:
    """Find the basins of two maps.

    Parameters
    ----------
    foreground : ndarray of uint8, (Y, X) or (Z, Y, X)
        Probability of the foreground, 255 for 1.
    relief : ndarray of uint8, as ``foreground``
        A height that rises from the border of an object inwards, linearly in the distance to it.
    directed : bool
        Whether the second map holds directions instead: codes of :func:`napari_unet.directions.direction_table`, which
        point to the centre of the object.

    Raises
    ------
    InputError
        If the maps differ in shape, or are not 8-bit numbers of a plane or volume.
    """
    check_maps(foreground, relief)
    if not relief.size:
        none = np.zeros(0, np.int64)
        return Basins(np.zeros(relief.shape, np.int32), span(np.zeros(1), none, none, np.zeros(0)))
    terrain = terrain_of(directed)
    framed = terrain.framed(foreground, relief, ((HALO, HALO),) * relief.ndim)
    ascent = climb(framed, terrain.steps(framed))
    peaks = terrain.peaks(framed, ascent.pixels)
    peaks[0] = 0
    one, other, met = terrain.passes(ascent.ends, framed)
    labels = np.ascontiguousarray(core_of(ascent.ends))
    return Basins(labels, span(peaks, one, other, terrain.levels(met)))


def check_maps(foreground: NDArray[np.uint8], relief: NDArray[np.uint8]) -> None:
    """Raise :class:`InputError` unless these are two maps of one plane or volume."""
    if foreground.shape != relief.shape:
        raise InputError(
            f"The maps of objects have the shapes {foreground.shape} and {relief.shape}.",
            "Both have to be of the same plane or volume.",
        )
    if relief.ndim not in (2, 3):
        raise InputError(
            f"The maps of objects have {relief.ndim} axes.",
            "Find objects plane by plane, or volume by volume.",
        )
    if foreground.dtype != np.uint8 or relief.dtype != np.uint8:
        raise InputError(
            f"The maps of objects are of type {foreground.dtype} and {relief.dtype}, not 8-bit numbers.",
            "Scale them to 0 to 255, where 255 is a probability of 1.",
        )


def span(
    peaks: NDArray[np.floating],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    heights: NDArray[np.floating],
) -> Forest:
    """The forest of basins with these peaks (that of number 0 is not used) and passes, each pair once."""
    order = np.lexsort(
        (other, one, -heights)
    )  # of equal passes the one of the lower numbers: no other order is possible
    one, other, heights = one[order], other[order], heights[order]
    n = len(peaks)
    rank = np.arange(1, len(one) + 1, dtype=np.float64)
    least = minimum_spanning_tree(sparse.coo_array((rank, (one, other)), shape=(n, n)).tocsr())
    kept = np.sort(least.data).astype(np.int64) - 1
    one, other, heights = one[kept], other[kept], heights[kept]
    parent, highest = list(range(n)), peaks.tolist()
    lower = np.empty(len(one), np.float64)
    for i, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        a, b = _root(parent, a), _root(parent, b)
        if highest[a] < highest[b]:
            a, b = b, a
        lower[i] = highest[b]
        parent[b] = a
    necks = heights / lower
    return Forest(
        peaks.astype(np.float32),
        heights.astype(np.float32),
        one.astype(np.int32),
        other.astype(np.int32),
        necks,
    )


def _root(parent: list[int], member: int) -> int:
    """What stands for a member; the way to it is made shorter."""
    while parent[member] != member:
        parent[member] = parent[parent[member]]
        member = parent[member]
    return member

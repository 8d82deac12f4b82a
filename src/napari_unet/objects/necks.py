"""Where a chain of linked outlines is two objects that lie upon each other: it narrows there, and its middle shifts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHORTEST = 3
"""Slices that are left on both sides of a cut at least."""

SHIFT = 0.4
"""How much a shift by one radius counts beside the narrowness."""


def cut_necks(
    tracks: NDArray[np.int64],
    slices: NDArray[np.int64],
    sizes: NDArray[np.int64],
    centres: NDArray[np.float64],
    splitting: float,
) -> NDArray[np.int64]:
    """Number tracks anew, cut where two objects lie upon each other.

    Between two slices a track is as narrow as the smaller of the two outlines is, as a fraction of the largest outline
    before and of the largest behind, whichever of these is less; a single outline that is out of line does not count
    (median of three). And its middle shifts by the distance between the centre of mass of what lies before and that of
    what lies behind, in radii of the smaller one. Where narrowness less 0.4 of the shift is least the track is cut, if
    that is below ``splitting``; then its parts are looked at in the same way.

    Parameters
    ----------
    tracks : ndarray of int64, (n,)
        Number of the track of every outline, from 0.
    slices : ndarray of int64, (n,)
        In which slice it lies.
    sizes : ndarray of int64, (n,)
        Its pixels.
    centres : ndarray of float64, (n, 2)
        Its centre of mass, in pixels.
    splitting : float
        0 cuts nothing.

    Returns
    -------
    ndarray of int64, (n,)
        Number of the track of every outline, from 0; what is left of a track before its first cut keeps the number.
    """
    numbers = tracks.copy()
    if not len(tracks) or splitting <= 0:
        return numbers
    order = np.lexsort((slices, tracks))
    begins = np.ones(len(order), bool)  # of a track in a slice, where it may have several outlines
    begins[1:] = (np.diff(tracks[order]) != 0) | (np.diff(slices[order]) != 0)
    starts = np.flatnonzero(begins)
    track, place = tracks[order][starts], slices[order][starts]
    size = np.add.reduceat(sizes[order], starts)
    moment = np.add.reduceat(sizes[order][:, None] * centres[order], starts, axis=0)
    long, first, length = np.unique(track, return_index=True, return_counts=True)
    is_long = length >= 2 * SHORTEST
    new = int(tracks.max()) + 1
    for number, a, n in zip(long[is_long], first[is_long], length[is_long], strict=True):
        cuts = _cuts(size[a : a + n], moment[a : a + n], splitting)
        if cuts:
            outlines = order[slice(*np.searchsorted(tracks[order], [number, number + 1]))]
            for cut in cuts:
                numbers[outlines[slices[outlines] >= place[a + cut]]] = new
                new += 1
    return numbers


def _cuts(size: NDArray[np.int64], moment: NDArray[np.float64], splitting: float) -> list[int]:
    """Indices of the slices of one track at which a new one begins, in order."""
    n = len(size)
    if n < 2 * SHORTEST:
        return []
    even = size.astype(np.float64)
    even[1:-1] = np.median([even[:-2], even[1:-1], even[2:]], axis=0)
    before = np.maximum.accumulate(even)[:-1]
    behind = np.maximum.accumulate(even[::-1])[::-1][1:]
    smaller = np.minimum(before, behind)
    mass, moments = np.cumsum(size)[:, None], np.cumsum(moment, axis=0)
    centre = moments[:-1] / mass[:-1]
    other = (moments[-1] - moments[:-1]) / (mass[-1] - mass[:-1])
    shift = np.linalg.norm(centre - other, axis=1) / np.sqrt(smaller / np.pi)
    sign = np.minimum(even[:-1], even[1:]) / smaller - SHIFT * shift
    allowed = np.arange(SHORTEST - 1, n - SHORTEST)
    best = int(allowed[sign[allowed].argmin()])
    if sign[best] >= splitting:
        return []
    at = best + 1
    before_it = _cuts(size[:at], moment[:at], splitting)
    behind_it = _cuts(size[at:], moment[at:], splitting)
    return [*before_it, at, *(at + cut for cut in behind_it)]

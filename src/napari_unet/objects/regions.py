"""Regions of a label image, what touches what, and which of them are an object in the end.

A label image is looked at once, to cut its rows into runs of equal label. Everything else is asked of the runs, of
which there are twenty times fewer than pixels: which are connected, which touch, what is enclosed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.ascent import components, per_pair, ranks
from napari_unet.settings import ObjectSettings

Integers = NDArray[np.integer[Any]]
Contacts = tuple[Integers, Integers, Integers]
"""Two regions each, and along how many pairs of pixels they touch."""


@dataclass(frozen=True, eq=False)
class Runs:
    """A label image as runs of equal labels along its last axis.

    Attributes
    ----------
    shape : tuple of int
        Of the image.
    starts : ndarray of int64, (n,)
        Where runs begin in the flattened image; each ends where the next one begins. Rows begin a new run.
    values : ndarray of int, (n,)
        Their labels.
    summits : ndarray of uint8, (n,)
        Largest probability of the foreground in each, 255 for 1.
    """

    shape: tuple[int, ...]
    starts: NDArray[np.int64]
    values: Integers
    summits: NDArray[np.uint8]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Pixels of each run."""
        return np.diff(self.starts, append=int(np.prod(self.shape)))

    def sizes(self, n: int) -> NDArray[np.int64]:
        """Pixels of each of ``n`` labels, from 0."""
        return np.bincount(self.values, weights=self.lengths, minlength=n).astype(np.int64)

    def relabelled(self, table: Integers) -> Runs:
        """With other labels, ``table[label]``: runs that are equal now become one."""
        values = table[self.values]
        if not len(values):
            return Runs(self.shape, self.starts, values, self.summits)
        begins = np.r_[True, values[1:] != values[:-1]]
        begins |= self.starts % self.shape[-1] == 0
        summits = np.maximum.reduceat(self.summits, np.flatnonzero(begins))
        return Runs(self.shape, self.starts[begins], values[begins], summits)

    def paint(self, table: Integers) -> NDArray[np.int32]:
        """The image of ``table[label]``."""
        return np.repeat(table[self.values].astype(np.int32), self.lengths).reshape(self.shape)


def find_runs(labels: Integers, foreground: NDArray[np.uint8] | None = None) -> Runs:
    """Cut the rows of a label image into runs; without a probability of the foreground all labels are certain."""
    flat = labels.ravel()
    if not len(flat):
        return Runs(labels.shape, np.zeros(0, np.int64), flat, np.zeros(0, np.uint8))
    begins = np.empty(len(flat), bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[:: labels.shape[-1]] = True
    starts = np.flatnonzero(begins)
    certain = np.full(len(starts), 255, np.uint8)
    summits = certain if foreground is None else np.maximum.reduceat(foreground.ravel(), starts)
    return Runs(labels.shape, starts, flat[starts], summits)


@dataclass(frozen=True, eq=False)
class Regions:
    """Connected parts of a label image, in the order of their first pixels.

    What has a label is connected along the axes. Gaps (label 0) are connected diagonally too: a line of pixels that
    is connected along the axes separates nothing else.

    Attributes
    ----------
    labels : ndarray of int, (n,)
        Label of each; 0 for gaps.
    sizes : ndarray of int64, (n,)
        Pixels.
    summits : ndarray of uint8, (n,)
        Largest probability of the foreground, 255 for 1.
    firsts : ndarray of int64, (n,)
        Index of the first pixel in the flattened image.
    outermost : ndarray of bool, (n,)
        Whether a region reaches the edge of the image.
    contacts : Contacts
        Different regions that touch along the axes. A pair may come several times: lengths are to be added.
    """

    labels: Integers
    sizes: NDArray[np.int64]
    summits: NDArray[np.uint8]
    firsts: NDArray[np.int64]
    outermost: NDArray[np.bool_]
    contacts: Contacts

    def __len__(self) -> int:
        return len(self.labels)


def find_regions(runs: Runs, ends: Sequence[tuple[bool, bool]] | None = None) -> tuple[Regions, Runs]:
    """The regions of a label image, and their numbers, from 0, as runs.

    Parameters
    ----------
    runs : Runs
        Of the label image, or of a block of one.
    ends : sequence of (bool, bool), optional
        For each axis whether the image ends where the block begins, and where it ends.
    """
    n = len(runs.starts)
    width = runs.shape[-1]
    row, left = np.divmod(runs.starts, max(width, 1))
    lengths = runs.lengths
    right = left + lengths
    alike: tuple[list[Integers], list[Integers]] = ([], [])
    apart: tuple[list[Integers], list[Integers], list[Integers]] = ([], [], [])
    following = np.flatnonzero(row[1:] == row[:-1])
    _append(apart, following, following + 1, np.ones(len(following), np.int64))
    for offset in product((-1, 0), *((-1, 0, 1),) * (len(runs.shape) - 2)):
        if offset >= (0,) * len(offset):
            continue
        here, there = _meetings(runs, row, left, right, offset)
        shared = np.minimum(right[here], right[there]) - np.maximum(left[here], left[there])
        straight = (shared > 0) & (sum(map(abs, offset)) == 1)
        same = runs.values[here] == runs.values[there]
        joined = same & (straight | (runs.values[here] == 0))
        _append(alike, here[joined], there[joined])
        touching = straight & ~same
        _append(apart, here[touching], there[touching], shared[touching])
    region, count = components(n, *(_joined(part) for part in alike))
    one, other, length = (_joined(part) for part in apart)
    firsts, labels = np.zeros(count, np.int64), np.zeros(count, runs.values.dtype)
    firsts[region[::-1]], labels[region[::-1]] = runs.starts[::-1], runs.values[::-1]
    outermost = np.zeros(count, bool)
    for axis, sides in enumerate(ends or [(True, True)] * len(runs.shape)):
        for at_end, wanted in enumerate(sides):
            if wanted:
                outermost[region[_at_end(runs.shape, axis, bool(at_end), row, left, right)]] = True
    sizes = np.bincount(region, weights=lengths, minlength=count).astype(np.int64)
    summits = _highest(runs.summits, region, count)
    found = Regions(labels, sizes, summits, firsts, outermost, (region[one], region[other], length))
    return found, Runs(runs.shape, runs.starts, region, runs.summits)


def join(regions: Regions, one: Integers, other: Integers) -> tuple[Regions, Integers]:
    """Make one of regions that are parts of the same.

    Parameters
    ----------
    regions : Regions
        Parts; those that belong together have the same label.
    one, other : ndarray of int
        Pairs that belong together.

    Returns
    -------
    Regions
        In the order of their first pixels; contacts within one are left out.
    ndarray of int, (number of parts,)
        Which of them each part is in, from 0.
    """
    group, n = components(len(regions), one, other)
    number = ranks(n, group, regions.firsts)[group] - 1
    labels, outermost = np.zeros(n, regions.labels.dtype), np.zeros(n, bool)
    firsts = np.full(n, np.iinfo(np.int64).max)
    labels[number] = regions.labels
    outermost[number[regions.outermost]] = True
    np.minimum.at(firsts, number, regions.firsts)
    sizes = np.bincount(number, weights=regions.sizes, minlength=n).astype(np.int64)
    first, second, length = regions.contacts
    first, second = number[first], number[second]
    apart = first != second
    contacts = (first[apart], second[apart], length[apart])
    return Regions(labels, sizes, _highest(regions.summits, number, n), firsts, outermost, contacts), number


def settle(regions: Regions, settings: ObjectSettings) -> NDArray[np.int32]:
    """Number the objects: what becomes of each region.

    Regions with fewer pixels than ``settings.min_size`` join the sufficiently large one they touch along most pixels,
    or are left out and are gaps from then on. So are larger ones that are nowhere as probable as
    ``settings.certainty``. Gaps that touch a single object and do not reach the edge of the image are its holes.

    Returns
    -------
    ndarray of int32, (n,)
        Objects are 1 to n in the order of their first pixels; 0 for what is none.
    """
    n = len(regions)
    one, other, _ = regions.contacts
    sure = regions.summits >= np.ceil(255 * settings.certainty)
    enough = regions.sizes >= max(1, settings.min_size)
    large, small = (regions.labels > 0) & sure & enough, (regions.labels > 0) & ~enough
    owner = np.where(large, np.arange(n), -1)
    if small.any():
        owner = _adopted(owner, small, large, regions.contacts)
    free = owner < 0
    if settings.fill_holes and free.any():
        beside = free[one] & free[other]
        gap, n_gaps = components(n, one[beside], other[beside])
        lowest, highest = np.full(n_gaps, n), np.full(n_gaps, -1)
        for a, b in ((one, other), (other, one)):
            met = free[a] & ~free[b]
            np.minimum.at(lowest, gap[a[met]], owner[b[met]])
            np.maximum.at(highest, gap[a[met]], owner[b[met]])
        highest[gap[free & regions.outermost]] = -2  # open to what lies beyond
        hole = free & (lowest == highest)[gap]
        owner[hole] = lowest[gap[hole]]
    kept = owner >= 0
    if not settings.edge_objects:
        cut = np.zeros(n, bool)
        cut[owner[kept & regions.outermost]] = True
        kept &= ~cut[owner]
    number = ranks(n, owner[kept], regions.firsts[kept])
    return np.where(kept, number[owner], 0).astype(np.int32)


def summed(contacts: Contacts) -> Contacts:
    """Each pair once, with the sum of its lengths, in ascending order."""
    return per_pair(*contacts, np.add)


def _highest(values: NDArray[np.uint8], number: Integers, n: int) -> NDArray[np.uint8]:
    """The largest value by number."""
    highest = np.zeros(n, np.uint8)
    np.maximum.at(highest, number, values)
    return highest


def _adopted(
    owner: NDArray[np.int64], small: NDArray[np.bool_], large: NDArray[np.bool_], contacts: Contacts
) -> NDArray[np.int64]:
    """Owners, also of small regions that touch a large one: that of the longest contact, of equals the first."""
    one, other, length = contacts
    pairs = (small[one] & large[other]) | (large[one] & small[other])
    one, other, length = summed((one[pairs], other[pairs], length[pairs]))
    child, parent = np.where(small[one], one, other), np.where(small[one], other, one)
    order = np.lexsort((-parent, length, child))
    adopted = owner.copy()
    adopted[child[order]] = parent[order]  # of equal indices the last one written stays
    return adopted


def _meetings(
    runs: Runs, row: Integers, left: Integers, right: Integers, offset: tuple[int, ...]
) -> tuple[Integers, Integers]:
    """Pairs of a run and one in the row at an offset which it touches, diagonally too."""
    rows, width = runs.shape[:-1], runs.shape[-1]
    position = np.unravel_index(row, rows)
    inside = np.ones(len(row), bool)
    for where, step, side in zip(position, offset, rows, strict=True):
        inside &= (where + step >= 0) & (where + step < side)
    here = np.flatnonzero(inside)
    jump = int(np.dot(offset, np.cumprod([1, *rows[:0:-1]])[::-1]))
    begin = (row[here] + jump) * width
    low = np.searchsorted(runs.starts, begin + np.maximum(left[here] - 1, 0), side="right") - 1
    high = np.searchsorted(runs.starts, begin + np.minimum(right[here], width - 1), side="right")
    counts = high - low
    ends = np.cumsum(counts)
    there = np.arange(ends[-1] if len(ends) else 0) + np.repeat(low - (ends - counts), counts)
    return np.repeat(here, counts), there


def _at_end(
    shape: tuple[int, ...], axis: int, last: bool, row: Integers, left: Integers, right: Integers
) -> NDArray[np.bool_]:
    """Which runs lie at the first or last position along an axis."""
    if axis == len(shape) - 1:
        return np.asarray(right == shape[axis] if last else left == 0)
    where = row // int(np.prod(shape[axis + 1 : -1])) % shape[axis]
    return np.asarray(where == (shape[axis] - 1 if last else 0))


def _append(lists: tuple[list[Integers], ...], *arrays: Integers) -> None:
    for items, array in zip(lists, arrays, strict=True):
        items.append(array)


def _joined(arrays: list[Integers]) -> Integers:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)

"""What can be added up over the pixels of objects: size, place, second moments, intensities.

Labels are read in blocks of rows. A row is cut into runs of equal label, and what runs contribute is added up per
object, then blocks, then slices: the cost depends on the runs, not on the number of objects or the size of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PixelSums:
    """Sums per object, or per part of one; a row each.

    Attributes
    ----------
    labels : ndarray of int, shape (n,)
        Ids of the objects.
    pixels : ndarray of float64, shape (n,)
        How many there are.
    first, last : ndarray of int64, shape (n, ndim)
        Lowest and highest position along each axis.
    mean : ndarray of float64, shape (n, ndim)
        Mean position.
    spread : ndarray of float64, shape (n, ndim, ndim)
        Products of the pixels' deviations from it, summed.
    valid : ndarray of float64, shape (n, n_channels)
        Pixels of finite intensity; the others are left out of what follows.
    intensity, deviation : ndarray of float64, shape (n, n_channels)
        Mean, and squared deviations from it, summed.
    darkest, brightest : ndarray of float64, shape (n, n_channels)
        nan where nothing is finite.
    """

    labels: NDArray[Any]
    pixels: Floats
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    mean: Floats
    spread: Floats
    valid: Floats
    intensity: Floats
    deviation: Floats
    darkest: Floats
    brightest: Floats

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def concatenate(parts: Sequence[PixelSums]) -> PixelSums:
        """The rows of several tables, of which there is at least one, below each other."""
        names = [field.name for field in fields(PixelSums)]
        return PixelSums(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def merged(self) -> PixelSums:
        """One row per label, in ascending order.

        Means and squared deviations are combined without loss of digits: Chan, Golub, LeVeque 1983, American
        Statistician 37:242.
        """
        if not len(self):
            return self
        order = np.argsort(self.labels, kind="stable")
        labels = self.labels[order]
        starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
        lengths = np.diff(starts, append=len(labels))

        def total(values: NDArray[Any]) -> NDArray[Any]:
            return np.add.reduceat(values, starts)

        def mean_of(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
            """Weighted mean of each group, and every row's distance from it."""
            sums = total(weights)
            mean = total(weights * values) / np.where(sums > 0, sums, 1)
            return mean, values - np.repeat(mean, lengths, axis=0)

        pixels = self.pixels[order]
        mean, away = mean_of(self.mean[order], pixels[:, None])
        apart = pixels[:, None, None] * away[:, :, None] * away[:, None, :]
        valid = self.valid[order]
        intensity, differing = mean_of(self.intensity[order], valid)
        return PixelSums(
            labels=labels[starts],
            pixels=total(pixels),
            first=np.minimum.reduceat(self.first[order], starts),
            last=np.maximum.reduceat(self.last[order], starts),
            mean=mean,
            spread=total(self.spread[order] + apart),
            valid=total(valid),
            intensity=intensity,
            deviation=total(self.deviation[order] + valid * differing**2),
            darkest=np.fmin.reduceat(self.darkest[order], starts),
            brightest=np.fmax.reduceat(self.brightest[order], starts),
        )


@dataclass(frozen=True, eq=False)
class RowEnds:
    """How far objects reach to both sides in each of their rows.

    Attributes
    ----------
    labels : ndarray of int, shape (k,)
        Which object.
    rows, left, right : ndarray of int64, shape (k,)
        The row, its leftmost and its rightmost pixel.
    """

    labels: NDArray[Any]
    rows: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


def sum_block(
    labels: NDArray[Any], intensities: NDArray[Any] | None, corner: tuple[int, ...]
) -> tuple[PixelSums, RowEnds]:
    """Add up a block of whole rows.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, width)
        Values of 0 and below are background.
    intensities : ndarray, shape (n_channels, rows, width), optional
        Of the same pixels.
    corner : tuple of int
        Where the first row is: its position along the axes of the objects but for the last one.

    Returns
    -------
    PixelSums
        A row per label in the block, ascending.
    RowEnds
        In order of label, then row.
    """
    change = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=change[:, 1:])
    starts = np.flatnonzero(change)
    every = np.diff(starts, append=labels.size)
    label = labels.reshape(-1)[starts]
    inside = label > 0
    label, lengths = label[inside], every[inside]
    rows, left = np.divmod(starts[inside], labels.shape[1])
    right = left + lengths - 1
    *leading, top = corner
    n, ndim = len(label), 1 + len(corner)
    first, last, mean = np.empty((n, ndim), np.int64), np.empty((n, ndim), np.int64), np.empty((n, ndim))
    for axis, position in enumerate(leading):
        first[:, axis] = last[:, axis] = mean[:, axis] = position
    first[:, -2] = last[:, -2] = mean[:, -2] = rows + top
    first[:, -1], last[:, -1], mean[:, -1] = left, right, (left + right) / 2
    spread = np.zeros((n, ndim, ndim))
    pixels = lengths.astype(np.float64)
    spread[:, -1, -1] = pixels * (pixels**2 - 1) / 12
    runs = PixelSums(
        label, pixels, first, last, mean, spread, *_intensities(intensities, starts, every, inside)
    )
    return runs.merged(), _row_ends(label, rows + top, left, right)


def _intensities(
    intensities: NDArray[Any] | None,
    starts: NDArray[np.intp],
    lengths: NDArray[np.intp],
    inside: NDArray[np.bool_],
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Valid pixels, mean, squared deviations, smallest and largest value of each run inside an object."""
    n_channels = 0 if intensities is None else len(intensities)
    found = np.empty((5, int(np.count_nonzero(inside)), n_channels))
    for channel in range(n_channels if len(starts) else 0):
        values = np.asarray(intensities[channel], np.float64).reshape(-1)  # type: ignore[index]
        finite = np.isfinite(values)
        whole = bool(finite.all())
        valid = lengths.astype(np.float64) if whole else np.add.reduceat(finite.astype(np.float64), starts)
        filled = values if whole else np.where(finite, values, 0)
        mean = np.add.reduceat(filled, starts) / np.maximum(valid, 1)
        apart = filled - np.repeat(mean, lengths)
        if not whole:
            apart[~finite] = 0
            values = np.where(finite, values, np.nan)
        deviation = np.add.reduceat(apart**2, starts)
        smallest, largest = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
        for row, sums in enumerate((valid, mean, deviation, smallest, largest)):
            found[row, :, channel] = sums[inside]
    return found[0], found[1], found[2], found[3], found[4]


def _row_ends(
    labels: NDArray[Any], rows: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
) -> RowEnds:
    order = np.argsort(labels, kind="stable")  # runs come row by row, from left to right
    labels, rows = labels[order], rows[order]
    new = np.ones(len(labels) + 1, bool)
    new[1:-1] = (labels[1:] != labels[:-1]) | (rows[1:] != rows[:-1])
    begin, end = new[:-1], new[1:]
    return RowEnds(labels[begin], rows[begin], left[order][begin], right[order][end])

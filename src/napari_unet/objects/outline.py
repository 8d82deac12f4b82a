"""Outlines of 2D objects, all at once: how long they are, and how much their convex hulls hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.overlap import number_objects
from napari_unet.objects.pixel_sums import RowEnds


class Crossings:
    """Counts, along four directions, the pairs of neighbouring pixels of which one belongs to an object.

    From these follows the length of the outline, by the formula of Cauchy and Crofton: a curve is as long as the
    straight lines that cross it are many.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[Any], NDArray[np.int64]]] = []
        self._above: NDArray[Any] | None = None

    def add(self, block: NDArray[Any]) -> None:
        """Count the next rows of the image.

        Parameters
        ----------
        block : ndarray of int, shape (rows, width)
            Values of 0 and below are background.
        """
        above = np.zeros_like(block[:1]) if self._above is None else self._above
        self._count(np.concatenate([above, block]))
        self._above = block[-1:].copy()

    def finish(self, labels: NDArray[Any]) -> NDArray[np.float64]:
        """Return the counts, the bottom edge of the image included.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            All objects, ascending.

        Returns
        -------
        ndarray of float64, shape (n, 4)
            Along X, along Y, along both diagonals.
        """
        if self._above is not None:
            self._count(np.concatenate([self._above, np.zeros_like(self._above)]))
        counts = np.zeros((len(labels), 4))
        for ids, found in self._parts:
            np.add.at(counts, np.searchsorted(labels, ids), found)
        return counts

    def _count(self, rows: NDArray[Any]) -> None:
        """Count between and in all rows; pairs in the first one have been counted before."""
        objects = number_objects(rows)
        numbers = np.pad(objects.numbers, ((0, 0), (1, 1)))
        upper, lower = numbers[:-1], numbers[1:]
        counts = np.zeros((len(objects) + 1, 4), np.int64)
        pairs = (
            (lower[:, :-1], lower[:, 1:]),
            (upper, lower),
            (upper[:, :-1], lower[:, 1:]),
            (upper[:, 1:], lower[:, :-1]),
        )
        for direction, (one, other) in enumerate(pairs):
            differ = one != other
            for side in (one, other):
                counts[:, direction] += np.bincount(side[differ], minlength=len(counts))
        self._parts.append((objects.ids, counts[1:]))


def outline_lengths(crossings: NDArray[np.float64], scale: Sequence[float]) -> NDArray[np.float64]:
    """Return lengths of outlines, those of holes and along the edge of the image included.

    Parameters
    ----------
    crossings : ndarray of float64, shape (n, 4)
        From :class:`Crossings`.
    scale : sequence of two floats
        Height and width of a pixel. With square pixels this is ``skimage.measure.perimeter_crofton``.

    Returns
    -------
    ndarray of float64, shape (n,)
        In the unit of the scale.
    """
    height, width = scale
    diagonal = float(np.hypot(height, width))
    slope = float(np.arctan2(height, width))
    # every direction speaks for the angles nearest to it, and its lines lie so far apart
    angles = np.array([slope, np.pi / 2 - slope, np.pi / 4, np.pi / 4])
    distances = np.array([height, width, height * width / diagonal, height * width / diagonal])
    return np.asarray(crossings @ (angles * distances) / 2)


def convex_pixels(labels: NDArray[Any], parts: Sequence[RowEnds]) -> NDArray[np.float64]:
    """Count the pixels whose centres the convex hull of an object's pixel centres holds, its border included.

    By Pick's theorem, a polygon with corners on the grid holds ``area + border points / 2 + 1`` grid points. So a
    convex object has exactly as many as it has pixels.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        All objects, ascending.
    parts : sequence of RowEnds
        Of blocks of rows, in their order.

    Returns
    -------
    ndarray of float64, shape (n,)
        Pixels.
    """
    if not len(labels):
        return np.zeros(0)
    which = np.concatenate([np.searchsorted(labels, part.labels) for part in parts])
    order = np.argsort(which, kind="stable")
    which = which[order]
    rows, left, right = (
        np.concatenate([getattr(part, name) for part in parts])[order] for name in ("rows", "left", "right")
    )
    new = np.concatenate([[True], which[1:] != which[:-1], [True]])
    top, bottom = np.flatnonzero(new[:-1]), np.flatnonzero(new[1:])
    flat = (right - left)[top] + (right - left)[bottom]  # border points on the hull's upper and lower side
    # the left sides of all objects, then their right sides mirrored, so that both are sought alike
    side = np.concatenate([which, which + len(labels)])
    side, y, x = _leftmost_corners(side, np.concatenate([rows, rows]), np.concatenate([left, -right]))
    same = side[1:] == side[:-1]
    down, across, middle = np.diff(y)[same], np.diff(x)[same], (x[1:] + x[:-1])[same] / 2
    one, n = side[1:][same] % len(labels), len(labels)
    area = -np.bincount(one, middle * down, minlength=n)
    border = np.bincount(one, np.gcd(down, across), minlength=n) + flat
    return np.asarray(area + border / 2 + 1)


def _leftmost_corners(
    side: NDArray[np.intp], y: NDArray[np.int64], x: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Points of convex chains that open to the right, of many sets of points at once.

    A point on or to the right of the line between its neighbours is no corner. All such points go together, since the
    neighbours belong to the object whether they stay or not; what is left has new neighbours, until nothing goes.
    """
    while len(side) > 2:
        one, last = y[1:-1] - y[:-2], y[2:] - y[:-2]
        inner = (side[2:] == side[:-2]) & ((x[1:-1] - x[:-2]) * last >= one * (x[2:] - x[:-2]))
        if not inner.any():
            break
        kept = np.concatenate([[True], ~inner, [True]])
        side, y, x = side[kept], y[kept], x[kept]
    return side, y, x

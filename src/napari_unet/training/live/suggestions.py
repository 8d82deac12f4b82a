"""Where a label would help most: where the network doubts, nobody has painted, and nobody was sent before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.training.live.previews import CELL

TILE = 4 * CELL
"""Side of what is looked at in a plane that was not predicted yet, in pixels."""

REMEMBERED = 8
"""Places that were told last, near which none is told again."""

NEAR = 1.5 * CELL
"""Pixels within which two places are the same."""

WELL_PAINTED = 0.1
"""Fraction of a cell that is painted, from which on its doubt counts nothing."""


@dataclass(frozen=True)
class Place:
    """A point of an image.

    Attributes
    ----------
    image : int
        Which image.
    position : tuple of int
        Of the plane, along the leading axes.
    point : tuple of float
        In spatial axes, in pixels.
    """

    image: int
    position: tuple[int, ...]
    point: tuple[float, ...]


class Suggestions:
    """Remembers how doubtful the network was, cell by cell, in all images.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of the images, in label axes; planes are the last two.
    seed : int
        Start of the random numbers.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], seed: int) -> None:
        self._shapes = shapes
        self._random = np.random.default_rng(seed)
        self._doubts: dict[tuple[int, tuple[int, ...]], NDArray[np.float64]] = {}
        self._told: deque[Place] = deque(maxlen=REMEMBERED)

    def note(self, image: int, position: tuple[int, ...], region: Box, doubt: NDArray[np.uint8]) -> None:
        """Take note of the doubt in a region of a plane; cells that it holds in part only are left as they were."""
        plane = self._plane(image, position)
        (top, bottom), (left, right) = region
        size = self._shapes[image][-2:]
        for row in range(-(-top // CELL), len(plane)):
            low, high = row * CELL, min((row + 1) * CELL, size[0])
            if high > bottom:
                break
            for column in range(-(-left // CELL), plane.shape[1]):
                first, last = column * CELL, min((column + 1) * CELL, size[1])
                if last > right:
                    break
                plane[row, column] = doubt[low - top : high - top, first - left : last - left].mean()

    def unknown(self, n: int) -> Iterator[tuple[int, tuple[int, ...], Box]]:
        """Up to ``n`` parts, anywhere in all images, of which little is known yet: to be predicted and noted."""
        pixels = np.array([prod(shape) for shape in self._shapes], float)
        for _ in range(n):
            image = int(self._random.choice(len(self._shapes), p=pixels / pixels.sum()))
            shape = self._shapes[image]
            position = tuple(int(self._random.integers(size)) for size in shape[:-2])
            starts = [
                CELL * int(self._random.integers(max(1, -(-max(1, size - TILE) // CELL) + 1)))
                for size in shape[-2:]
            ]
            region = tuple(
                (min(start, (size - 1) // CELL * CELL), min(start + TILE, size))
                for start, size in zip(starts, shape[-2:], strict=True)
            )
            yield image, position, region

    def best(self, painted: Sequence[Sequence[NDArray[np.int32]]]) -> Place | None:
        """The most doubtful place that was not told lately; it counts as told then.

        Parameters
        ----------
        painted : sequence of sequence of ndarray of int, (n, number of axes)
            For each image where it is painted.

        Returns
        -------
        Place or None
            ``None`` where nothing is known.
        """
        found: list[tuple[float, Place]] = []
        for (image, position), doubts in self._doubts.items():
            free = np.where(np.isnan(doubts), -1.0, doubts) * self._unpainted(image, position, painted[image])
            for flat in np.argsort(free, axis=None)[::-1][: REMEMBERED + 1]:
                row, column = np.unravel_index(int(flat), free.shape)
                size = self._shapes[image][-2:]
                point = tuple(
                    (low + min(low + CELL, full)) / 2
                    for low, full in zip((int(row) * CELL, int(column) * CELL), size, strict=True)
                )
                if free[row, column] > 0:
                    found.append((float(free[row, column]), Place(image, position, point)))
        found.sort(key=lambda pair: -pair[0])
        for _, place in found:
            if not any(_are_near(place, other) for other in self._told):
                self._told.append(place)
                return place
        others = [place for _, place in found if not self._told or not _are_near(place, self._told[-1])]
        if others:  # all of them were told lately: at least not the last one again
            self._told.append(others[0])
            return others[0]
        return None

    def _plane(self, image: int, position: tuple[int, ...]) -> NDArray[np.float64]:
        if (image, position) not in self._doubts:
            cells = [-(-size // CELL) for size in self._shapes[image][-2:]]
            self._doubts[image, position] = np.full(cells, np.nan)
        return self._doubts[image, position]

    def _unpainted(
        self, image: int, position: tuple[int, ...], painted: Sequence[NDArray[np.int32]]
    ) -> NDArray[np.float64]:
        """By cell: 1 where nothing is painted, down to 0 where enough is."""
        counts = np.zeros(self._plane(image, position).shape)
        n = len(position)
        for places in painted:
            here = places[(places[:, :n] == position).all(axis=1)][:, n:] // CELL
            np.add.at(counts, tuple(here.T), 1)
        return np.asarray(np.clip(1 - counts / (WELL_PAINTED * CELL * CELL), 0, 1))


def _are_near(one: Place, other: Place) -> bool:
    return (one.image, one.position) == (other.image, other.position) and all(
        abs(a - b) < NEAR for a, b in zip(one.point, other.point, strict=True)
    )

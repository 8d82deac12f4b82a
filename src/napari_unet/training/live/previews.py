"""Which part of which image is predicted next: what is in view, then what is around it, then the rest of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box

CELL = 64
"""Side, in pixels, of the cells for which it is remembered when they were predicted."""

PIECE = 8
"""Side, in cells, of what is predicted at once outside of the view."""

LARGEST_VIEW = 16
"""Side, in cells, of what is predicted at once of a large view."""


@dataclass(frozen=True)
class Piece:
    """Part of a plane to be predicted.

    Attributes
    ----------
    image : int
        Which image.
    position : tuple of int
        Of the plane, along the leading axes.
    region : Box
        In spatial axes.
    in_view : bool
        Whether somebody looks at it.
    """

    image: int
    position: tuple[int, ...]
    region: Box
    in_view: bool


class Previews:
    """Remembers what was predicted when, in every plane that was looked at.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Of the images, in label axes; planes are the last two.
    """

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._planes: dict[tuple[int, tuple[int, ...]], NDArray[np.int64]] = {}
        self._view: tuple[int, tuple[int, ...], Box] | None = None

    def look(self, image: int, region: Box) -> None:
        """Somebody looks at this region, in label axes."""
        position = tuple(low for low, _ in region[:-2])
        self._view = image, position, region[-2:]
        if (image, position) not in self._planes:
            cells = [-(-size // CELL) for size in self._shapes[image][-2:]]
            self._planes[image, position] = np.full(cells, -1, np.int64)

    @property
    def is_looking(self) -> bool:
        """Whether anything is in view."""
        return self._view is not None

    def next(self, step: int, *, in_view_only: bool = False) -> Piece | None:
        """The next piece that was not yet predicted after ``step`` steps; ``None`` if there is none."""
        if self._view is None:
            return None
        image, position, view = self._view
        cells = self._planes[image, position]
        seen = _cells(view)
        stale = cells < step
        inside = np.zeros(cells.shape, bool)
        inside[tuple(slice(*bounds) for bounds in seen)] = True
        in_view = bool((stale & inside).any())
        if in_view:
            chosen = _nearest(stale & inside, LARGEST_VIEW, seen)
        elif not in_view_only and stale.any():
            oldest = stale & (cells == cells[stale].min())  # so that the rest of the plane has its turn too
            chosen = _nearest(oldest, PIECE, seen)
        else:
            return None
        region = tuple(
            (low * CELL, min(high * CELL, size))
            for (low, high), size in zip(chosen, self._shapes[image][-2:], strict=True)
        )
        return Piece(image, position, region, in_view)

    def done(self, piece: Piece, step: int) -> None:
        """Take note that a piece was predicted after ``step`` steps."""
        cells = self._planes[piece.image, piece.position]
        cells[tuple(slice(*bounds) for bounds in _cells(piece.region))] = step


def _cells(region: Box) -> Box:
    """Cells that a region touches."""
    return tuple((low // CELL, max(low // CELL + 1, -(-high // CELL))) for low, high in region)


def _nearest(stale: NDArray[np.bool_], side: int, seen: Box) -> Box:
    """Of the blocks of ``side`` cells, the stale cells of the one nearest to the middle of what is seen."""
    middle = [(low + high) / 2 for low, high in seen]
    rows, columns = np.nonzero(stale)
    origin = (
        int(rows.min()),
        int(columns.min()),
    )  # what is seen is not cut along a grid that knows nothing of it
    blocks = {
        ((r - origin[0]) // side, (c - origin[1]) // side)
        for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
    }
    best = min(
        blocks,
        key=lambda block: hypot(
            *(o + (b + 0.5) * side - m for o, b, m in zip(origin, block, middle, strict=True))
        ),
    )
    bounds = [(o + b * side, o + (b + 1) * side) for o, b in zip(origin, best, strict=True)]
    part = stale[tuple(slice(low, high) for low, high in bounds)]
    there = [np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))]
    return tuple(
        (low + int(f.min()), low + int(f.max()) + 1) for (low, _), f in zip(bounds, there, strict=True)
    )

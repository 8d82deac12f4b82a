"""Basins of planes, kept as long as there is room, so that the next move of a slider is quick."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from napari_unet.objects.basins import Basins

LARGEST = 1 << 25
"""Pixels whose basins are kept, at 4 bytes each: 8 planes of 2048²."""

Position = tuple[int, ...]


class BasinCache:
    """Basins by the position of their plane; asked from several threads.

    Parameters
    ----------
    pixels : int
        How many pixels there is room for. The plane in view is kept also where it alone is larger.
    """

    def __init__(self, pixels: int = LARGEST) -> None:
        self._pixels = pixels
        self._kept: dict[Position, Basins] = {}  # what was in view last comes last
        self._lock = Lock()
        self._finding = Lock()

    def __contains__(self, position: Position) -> bool:
        return position in self._kept

    def basins(self, position: Position, find: Callable[[], Basins], in_view: bool) -> Basins:
        """The basins of a plane, found if they are not kept.

        Parameters
        ----------
        position : tuple of int
            Of the plane.
        find : callable
            Finds them. Not twice at once: what another thread is finding is waited for.
        in_view : bool
            Whether others make room for them. On a way through all planes, every one would make room for the next:
            nothing would be kept that is asked for again.
        """
        found = self._get(position, in_view)
        if found is not None:
            return found
        with self._finding:
            found = self._get(position, in_view)
            if found is None:
                found = find()
                self._keep(position, found, in_view)
        return found

    def _get(self, position: Position, in_view: bool) -> Basins | None:
        with self._lock:
            found = self._kept.get(position)
            if found is not None and in_view:
                self._kept[position] = self._kept.pop(position)
            return found

    def _keep(self, position: Position, basins: Basins, in_view: bool) -> None:
        with self._lock:
            room = self._pixels - sum(kept.labels.size for kept in self._kept.values())
            while in_view and self._kept and basins.labels.size > room:
                room += self._kept.pop(next(iter(self._kept))).labels.size
            if in_view or basins.labels.size <= room:
                self._kept[position] = basins

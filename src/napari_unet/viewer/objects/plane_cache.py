"""What was found out about planes, kept as long as there is room, so that the next move of a slider is quick."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

Position = tuple[int, ...]
"""Of a plane, along the axes before the spatial ones."""


class PlaneCache(Generic[T]):
    """One thing for each plane; asked from several threads.

    Parameters
    ----------
    room : int
        How much is kept. What belongs to the plane in view is kept also where it alone is larger.
    size : callable
        How much room a thing takes.
    """

    def __init__(self, room: int, size: Callable[[T], int]) -> None:
        self._room, self._size = room, size
        self._kept: dict[Position, T] = {}  # what was in view last comes last
        self._lock = Lock()
        self._finding: dict[Position, Lock] = {}

    def __contains__(self, position: Position) -> bool:
        return position in self._kept

    def get(
        self,
        position: Position,
        find: Callable[[], T],
        in_view: bool,
        fits: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """What is kept of a plane, or was found because nothing is that fits.

        Parameters
        ----------
        position : tuple of int
            Of the plane.
        find : callable
            Finds it. Not twice at once: what another thread is finding is waited for.
        in_view : bool
            Whether others make room for it. On a way through all planes, every one would make room for the next:
            nothing would be kept that is asked for again.
        fits : callable
            Whether what is kept is what is wanted.
        """
        with self._finding.setdefault(position, Lock()):
            with self._lock:
                found = self._kept.get(position)
                if found is not None and fits(found):
                    if in_view:
                        self._kept[position] = self._kept.pop(position)
                    return found
            found = find()
            with self._lock:
                self._keep(position, found, in_view)
            return found

    def _keep(self, position: Position, found: T, in_view: bool) -> None:
        self._kept.pop(position, None)
        room = self._room - sum(map(self._size, self._kept.values()))
        while in_view and self._kept and self._size(found) > room:
            room += self._size(self._kept.pop(next(iter(self._kept))))
        if in_view or self._size(found) <= room:
            self._kept[position] = found

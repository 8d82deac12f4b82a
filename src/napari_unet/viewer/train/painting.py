"""Notices when labels layers are painted on, or undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Labels

_QUICKLY_COUNTED = 1 << 22
"""Pixels of a labels layer that are counted again whenever it is drawn; larger ones when painted, and by Train."""


class PaintListener:
    """Listens to some layers at a time.

    Parameters
    ----------
    painted : callable
        Called with a layer whose pixels changed, or may have.
    """

    def __init__(self, painted: Callable[[Labels], None]) -> None:
        self._painted = painted
        self._connections: list[tuple[Any, Callable[[Any], None]]] = []

    def listen(self, layers: Iterable[Labels]) -> None:
        """Listen to these layers, and to no others any more."""
        for emitter, callback in self._connections:
            emitter.disconnect(callback)
        self._connections = []
        for layer in layers:
            events = layer.events
            for emitter in (events.paint, events.data, events.labels_update):
                self._connections.append((emitter, self._on_painted))
            self._connections.append((events.set_data, self._on_drawn))
        for emitter, callback in self._connections:
            emitter.connect(callback)

    def _on_painted(self, event: Any) -> None:
        self._painted(event.source)

    def _on_drawn(self, event: Any) -> None:
        """A layer was drawn anew: maybe after an undo, which napari does not announce otherwise."""
        if event.source.data.size <= _QUICKLY_COUNTED:
            self._painted(event.source)

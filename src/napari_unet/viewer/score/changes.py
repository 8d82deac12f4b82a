"""Noticing that a layer no longer is what was compared."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any
from zlib import crc32

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer

from napari_unet.viewer.score.choice import pixels

SAMPLE = 1 << 22
"""Pixels looked at for a change that napari does not announce, such as undo; all of a smaller layer."""

DELAY = 300
"""Milliseconds of quiet before that look."""


class ChangeWatch(QObject):
    """Calls back when one of some layers was painted on, given other data, or otherwise rewritten.

    Parameters
    ----------
    on_change : callable
        Called after the first change, and then no more until :meth:`watch` is called again.
    often : bool
        Whether it is called during and after every change, as at every stroke of a brush.
    """

    def __init__(
        self, on_change: Callable[[], None], parent: QObject | None = None, *, often: bool = False
    ) -> None:
        super().__init__(parent)
        self._on_change = on_change
        self._often = often
        self._layers: list[Labels] = []
        self._before: list[int | None] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._look)

    def watch(self, layers: list[Labels]) -> None:
        """Watch these layers instead of any others."""
        self.stop()
        self._layers = layers
        self._before = [_fingerprint(layer) for layer in layers]
        for layer in layers:
            for event in (layer.events.paint, layer.events.data, layer.events.labels_update):
                event.connect(self._changed)
            layer.events.set_data.connect(self._wonder)

    def stop(self) -> None:
        """Watch nothing."""
        self._timer.stop()
        self.forget()

    def forget(self) -> None:
        """Let go of the layers; safe after the end of the timer's Qt object."""
        for layer in self._layers:
            for event in (layer.events.paint, layer.events.data, layer.events.labels_update):
                event.disconnect(self._changed)
            layer.events.set_data.disconnect(self._wonder)
        self._layers = []

    def _changed(self, event: Any = None) -> None:
        if not self._often:
            self.stop()
        self._on_change()

    def _wonder(self, event: Any = None) -> None:
        """A layer was drawn anew: after a move of a slider, or after undo."""
        self._timer.start()

    def _look(self) -> None:
        if [_fingerprint(layer) for layer in self._layers] != self._before:
            self._changed()


def _fingerprint(layer: Labels) -> int | None:
    """Checksum of an evenly spread sample; None for data that would have to be read or computed."""
    data = pixels(layer)
    if not isinstance(data, np.ndarray) or isinstance(data, np.memmap):
        return None
    step = max(1, int(np.ceil((prod(data.shape) / SAMPLE) ** (1 / data.ndim))))
    return crc32(np.ascontiguousarray(data[(slice(None, None, step),) * data.ndim]).data)

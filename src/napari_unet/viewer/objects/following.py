"""When to measure a layer again by itself: after its last change, and never under somebody's hands."""

from __future__ import annotations

from collections.abc import Callable

from napari.layers import Labels
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication

from napari_unet.viewer.score.changes import ChangeWatch

QUIET = 500
"""Milliseconds without a change after which it was the last one."""


class Follower(QObject):
    """Calls back once a layer has changed, it has not changed for a while, and no mouse button is held.

    Parameters
    ----------
    on_changed : callable
        Called after every such series of changes, until :meth:`rest`.
    """

    def __init__(self, on_changed: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_changed = on_changed
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(QUIET)
        self._later.timeout.connect(self._call)
        self._watch = ChangeWatch(self.call_later, self, often=True)

    def watch(self, layer: Labels) -> None:
        """Follow this layer as it is now, and no other."""
        self._later.stop()
        self._watch.watch([layer])

    def call_later(self) -> None:
        """Call back as if the layer had just changed."""
        self._later.start()

    def rest(self) -> None:
        """Follow nothing."""
        self._later.stop()
        self._watch.stop()

    def forget(self) -> None:
        """Let go of the layer; safe after the end of the Qt object."""
        self._watch.forget()

    def _call(self) -> None:
        if is_mouse_held():
            self._later.start()
        else:
            self._on_changed()


def is_mouse_held() -> bool:
    """Whether somebody paints, or drags anything else."""
    return bool(QApplication.mouseButtons() != Qt.MouseButton.NoButton)

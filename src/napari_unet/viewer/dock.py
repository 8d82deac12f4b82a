"""What our docks have in common: their place in the window, and noticing that they were closed."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from napari_unet.viewer.tabs import share_place


class Dock(QWidget):
    """A widget that napari docks; it stands in a tab beside our others and goes when its × is clicked."""

    _was_docked = False
    is_taken_out = False
    """Whether the dock is about to go: between the click on × and :meth:`close_down` events still arrive."""

    @property
    def viewer_window(self) -> QWidget:
        """The window of the viewer; a floating dock has one of its own inside it."""
        window = self.window()
        while window.parentWidget() is not None:
            window = window.parentWidget()
        return window

    def close_down(self) -> None:
        """Hear no more of the viewer, the engine and the run: the dock is about to be deleted."""

    def showEvent(self, event: QShowEvent) -> None:
        """Take the place of our other docks, once the layout of the window is known."""
        super().showEvent(event)
        QTimer.singleShot(0, self._share_place)

    def event(self, event: QEvent) -> bool:
        """Notice napari's × button: it only takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked, self.is_taken_out = True, False
            elif self._was_docked:
                self._was_docked, self.is_taken_out = False, True
                QTimer.singleShot(0, self._on_taken_out)
        return bool(super().event(event))

    def _share_place(self) -> None:
        share_place(self)

    def _on_taken_out(self) -> None:
        if self.is_taken_out:  # else it was only moved to another place
            self.close_down()
            self.deleteLater()

"""A button that shows the key of a command, and gives it another one: click it and press that."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import QToolButton, QWidget

from napari_unet.viewer.keys import Keys, key_name, words_of


class KeyButton(QToolButton):
    """Shows the key of a command.

    Parameters
    ----------
    keys : Keys
        Of the viewer.
    command : str
        Whose key it is.

    Signals
    -------
    refused(str)
        Why a key cannot be had; empty once one was taken.
    """

    refused = Signal(str)

    def __init__(self, keys: Keys, command: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys = keys
        self.command = command
        self.setCheckable(True)
        self.setAutoRaise(True)
        self.setStyleSheet(
            "QToolButton:!checked { background: transparent; }"
        )  # a table's row is seen below it
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.toggled.connect(self._draw)
        keys.changed.connect(self._draw)
        self._draw()

    def event(self, event: QEvent) -> bool:
        """While a key is waited for, nothing else hears it: neither menus nor the plugin's own keys."""
        if event.type() == QEvent.Type.ShortcutOverride and self.isChecked():
            event.accept()
            return True
        if event.type() == QEvent.Type.KeyPress and self.isChecked() and isinstance(event, QKeyEvent):
            self.keyPressEvent(event)  # Tab too
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the key that was waited for; Escape keeps the old one, Backspace takes it away."""
        if not self.isChecked():
            super().keyPressEvent(event)
            return
        event.accept()
        if event.key() == Qt.Key.Key_Escape:
            self.setChecked(False)
        elif event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self._finish(self._keys.change(self.command, None))
        elif key_name(event):
            self._finish(self._keys.change(self.command, event))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Whoever goes on with something else wants no key."""
        self.setChecked(False)
        super().focusOutEvent(event)

    def _finish(self, problem: str) -> None:
        self.setChecked(False)
        self.refused.emit(problem)

    def _draw(self) -> None:
        key = self._keys.key_of(self.command)
        self.setText("press…" if self.isChecked() else key or "no key")
        what = words_of(self.command)
        says = f"{key} {what}." if key else f"No key {what}."
        self.setToolTip(
            f"<qt>{says} Click, and press another key to change that; Escape keeps it, Backspace takes it away.</qt>"
        )
        self.setAccessibleName(f"Key that {what}")

"""The few colours the docks add to napari's theme, and how a field is marked as the one to correct."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QWidget

Tone = Literal["plain", "muted", "warning", "error"]

# Amber and vermilion, told from the text with every common colour blindness; contrast at least 4.5:1.
_ON_DARK = {"warning": "#f0b840", "error": "#ff9e6b", "muted": "#b4b8be"}
_ON_LIGHT = {"warning": "#8a5a00", "error": "#b23c00", "muted": "#55585c"}


def is_dark(widget: QWidget) -> bool:
    """Whether ``widget`` stands on a dark background."""
    return bool(widget.palette().color(QPalette.ColorRole.Window).lightness() < 128)


def set_tone(widget: QWidget, tone: Tone) -> None:
    """Colour the text of ``widget``; readable on both themes of napari."""
    keeper = widget.findChild(_ToneKeeper, options=Qt.FindChildOption.FindDirectChildrenOnly)
    if keeper is None:
        keeper = _ToneKeeper(widget)
    keeper.tone = tone
    keeper.apply()


def mark(widget: QWidget, *, wrong: bool) -> None:
    """Draw a frame around ``widget`` if it holds what has to be corrected."""
    # magicgui's names hold a dot, which a style sheet would not read as part of the name
    if not widget.objectName().isidentifier():
        widget.setObjectName(f"napari_unet_{id(widget):x}")
    color = (_ON_DARK if is_dark(widget) else _ON_LIGHT)["error"]
    name = widget.objectName()
    _set_style(widget, f"#{name} {{ border: 2px solid {color}; border-radius: 3px; }}" if wrong else "")


class _ToneKeeper(QObject):
    """Colours its parent anew when napari's theme changes, or reaches the parent for the first time."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.tone: Tone = "plain"
        parent.installEventFilter(self)

    def apply(self) -> None:
        """Colour the text of the parent."""
        widget = self.parent()
        color = (_ON_DARK if is_dark(widget) else _ON_LIGHT).get(self.tone, "")
        _set_style(widget, f"color: {color};" if color else "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look again after a change of style; never keeps an event."""
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self.apply()
        return False


def _set_style(widget: QWidget, style: str) -> None:
    if widget.styleSheet() != style:  # Qt polishes the widget anew on every call, even with the same text
        widget.setStyleSheet(style)

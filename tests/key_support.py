"""Keys pressed as a keyboard of another country would have Qt deliver them."""

from __future__ import annotations

import sys

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication

ALT, SHIFT, CONTROL, NONE = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.NoModifier,
)
DIGIT_ROW = {"linux": range(10, 20), "win32": range(2, 12)}.get(sys.platform)
MAC_DIGITS = (18, 19, 20, 21, 23, 22, 26, 28, 25, 29)

# What the keys 1 to 9 type, without Shift and with it.
LAYOUTS = {
    "American": ("123456789", "!@#$%^&*("),
    "German": ("123456789", '!"§$%&/()'),
    "French": ("&é\"'(-è_ç", "123456789"),
    "Swiss": ("123456789", '+"*ç%&/()'),
}


def digit_key(layout, number, modifiers, *, kind=QEvent.Type.KeyPress, repeats=False):
    """The key of a digit in the upper row: its place is the same, its character the layout's."""
    plain, shifted = LAYOUTS[layout]
    character = (shifted if modifiers & SHIFT else plain)[number - 1]
    place = DIGIT_ROW[number - 1] if DIGIT_ROW else 0
    virtual = MAC_DIGITS[number - 1] if sys.platform == "darwin" else ord(character)
    key = ord(character.upper())
    return QKeyEvent(kind, key, modifiers, place, virtual, 0, character, repeats)


def other_key(key, modifiers, text="", *, kind=QEvent.Type.KeyPress):
    """Any other key; its place says nothing."""
    return QKeyEvent(kind, int(key), modifiers, 0, 0, 0, text)


def press(widget, make, *arguments, **options):
    """Press a key as Qt does: whether a shortcut shall be overridden is asked first."""
    for kind in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        event = make(*arguments, kind=kind, **options)
        if kind == QEvent.Type.ShortcutOverride:
            event.ignore()
        QApplication.sendEvent(widget, event)

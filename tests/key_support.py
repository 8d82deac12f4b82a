"""Keys pressed as a keyboard of another country would have Qt deliver them."""

from __future__ import annotations

import sys

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication

from napari_unet.viewer.key_button import KeyButton

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
    """Press a key as Qt does: whether a shortcut shall be overridden is asked first.

    Qt asks once more for a press that is sent by a test, without the place of the key. So where the override was
    accepted the press itself is left out, unless the widget is a button that waits for a key.
    """
    override = make(*arguments, kind=QEvent.Type.ShortcutOverride, **options)
    override.ignore()
    QApplication.sendEvent(widget, override)
    if not override.isAccepted() or isinstance(widget, KeyButton):
        QApplication.sendEvent(widget, make(*arguments, kind=QEvent.Type.KeyPress, **options))

"""Which keys are napari's: its shortcuts, those bound to the viewer or to layers, and those of its menus."""

from __future__ import annotations

import napari
import napari.layers
from napari.components import ViewerModel
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QMenu, QWidget

_Parts = frozenset[str]

_PROVIDERS = (napari.Viewer, ViewerModel, napari.layers.Image, napari.layers.Labels, napari.layers.Points,
              napari.layers.Shapes, napari.layers.Surface, napari.layers.Tracks, napari.layers.Vectors)  # fmt: skip
_MODIFIERS = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl"),
    (Qt.KeyboardModifier.AltModifier, "Alt"),
    (Qt.KeyboardModifier.MetaModifier, "Meta"),
)


def used_by_napari(event: QKeyEvent, viewer: napari.Viewer, window: QWidget | None) -> str:
    """What napari does at this key, with the layout of the keyboard that is used; empty if nothing.

    Parameters
    ----------
    event : QKeyEvent
        The key as Qt delivers it.
    viewer : napari.Viewer
        Whose key bindings count, with those of every kind of layer.
    window : QWidget or None
        Whose menus count.
    """
    shifted, plain = _readings(event)
    # as napari reads keys: Shift counts with letters and named keys, elsewhere it has done its work
    read = shifted if _keeps_shift(event) else plain
    for action, bindings in get_settings().shortcuts.shortcuts.items():
        if any(_parts(str(binding)) == read for binding in bindings):
            return action.split(":")[-1].replace("_", " ")
    keymaps = [viewer.keymap, *(kind.class_keymap for kind in _PROVIDERS)]
    keymaps += [layer.keymap for layer in viewer.layers]
    for keymap in keymaps:
        for binding, function in keymap.items():
            if binding is not Ellipsis and function is not Ellipsis and _parts(str(binding)) == read:
                return str(getattr(function, "__name__", "a key binding")).strip("_").replace("_", " ")
    return _menu_entry(window, (shifted, plain)) if window is not None else ""


def _menu_entry(window: QWidget, readings: tuple[_Parts, ...]) -> str:
    for menu in window.findChildren(QMenu):
        for action in menu.actions():
            if any(_parts(shortcut.toString()) in readings for shortcut in action.shortcuts()):
                return f"'{action.text().replace('&', '')}' in a menu"
        mnemonic = QKeySequence.mnemonic(menu.title()).toString()
        if mnemonic and _parts(mnemonic) in readings:
            return f"it opens the menu '{menu.title().replace('&', '')}'"
    return ""


def _readings(event: QKeyEvent) -> tuple[_Parts, _Parts]:
    """What was pressed, with Shift if it was held, and without."""
    key = QKeySequence(event.key()).toString(QKeySequence.SequenceFormat.PortableText)
    plain = frozenset({key, *(name for flag, name in _MODIFIERS if event.modifiers() & flag)})
    return (plain | {"Shift"} if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else plain), plain


def _keeps_shift(event: QKeyEvent) -> bool:
    key = QKeySequence(event.key()).toString(QKeySequence.SequenceFormat.PortableText)
    return len(key) != 1 or key.isalpha() or bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)


def _parts(name: str) -> _Parts:
    """Modifiers and key of a name such as ``Ctrl+Shift+P``; the key may be ``+``."""
    *modifiers, key = name[:-1].split("+") if name else [""]
    return frozenset({*modifiers, key + name[-1:]} - {""})

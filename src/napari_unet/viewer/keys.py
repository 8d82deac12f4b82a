"""The plugin's own keys: told by where they lie, remembered per user, and none that napari uses.

Digits are told by their place on the keyboard. What they type differs: German keyboards type ``!`` with Shift and 1,
French ones ``&`` without Shift and 1 with it, which is a tool of napari's then. So the keys begin with Alt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from napari_unet.viewer import remembered
from napari_unet.viewer.napari_keys import used_by_napari

if TYPE_CHECKING:
    import napari

LIVE, ACCEPT, ACCEPT_HERE, WHERE_NEXT = "live", "accept", "accept here", "where next"
"""What has a key, beside the classes."""

_FILE = "keys"
# No letter that opens a menu of napari's, and none that macOS turns into an accent (E, I, N, U).
_DEFAULTS = {LIVE: "Alt+T", ACCEPT: "Alt+A", ACCEPT_HERE: "Alt+Q", WHERE_NEXT: "Alt+G"}
_WORDS = {
    LIVE: "switches Live on and off",
    ACCEPT: "accepts what is sure in view",
    ACCEPT_HERE: "accepts what is sure under the pointer",
    WHERE_NEXT: "goes to where a label helps most",
}
# The digits from 1 to 9 and 0: what systems call the keys in the upper row. X11 and Wayland, and Windows, number
# them by their place in the native scan code; macOS in the native virtual key.
_PLACES = {
    "linux": dict(zip(range(10, 20), "1234567890", strict=True)),
    "win32": dict(zip(range(2, 12), "1234567890", strict=True)),
    "darwin": dict(zip((18, 19, 20, 21, 23, 22, 26, 28, 25, 29), "1234567890", strict=True)),
}
_MODIFIERS = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl"),
    (Qt.KeyboardModifier.AltModifier, "Alt"),
    (Qt.KeyboardModifier.ShiftModifier, "Shift"),
    (Qt.KeyboardModifier.MetaModifier, "Meta"),
)
_ONLY_MODIFIERS = (
    Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Shift, Qt.Key.Key_Meta, Qt.Key.Key_AltGr, Qt.Key.Key_CapsLock,
    Qt.Key.Key_unknown, 0,
)  # fmt: skip
_TEXT_FIELDS = (QLineEdit, QAbstractSpinBox, QTextEdit, QPlainTextEdit)


def class_command(value: int) -> str:
    """What selecting the class of ``value`` is called among the keys."""
    return f"class {value}"


def words_of(command: str) -> str:
    """What a command does, to follow the name of its key."""
    return _WORDS.get(command, f"selects {command}")


def key_name(event: QKeyEvent, system: str = sys.platform) -> str:
    """Name of the pressed key with its modifiers, the same with every layout; empty for a modifier alone.

    Parameters
    ----------
    event : QKeyEvent
        A key event of any kind.
    system : str
        As in ``sys.platform``.
    """
    place = event.nativeVirtualKey() if system == "darwin" else event.nativeScanCode()
    key = _PLACES.get(system, {}).get(int(place), "")
    if not key and event.key() not in _ONLY_MODIFIERS:
        key = QKeySequence(event.key()).toString(QKeySequence.SequenceFormat.PortableText)
    if not key:
        return ""
    return "+".join([*(name for flag, name in _MODIFIERS if event.modifiers() & flag), key])


class Keys(QObject):
    """Hears the keys of a viewer's window, wherever its focus is, but not while a text is typed.

    A key that napari uses, by now, stays napari's.

    Signals
    -------
    pressed(str)
        The command whose key was pressed.
    changed
        After a command has got another key.
    """

    pressed = Signal(str)
    changed = Signal()

    def __init__(self, viewer: napari.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._window: Callable[[], QWidget | None] = lambda: None
        self._last_time = 0
        saved = remembered.load(_FILE) or {}
        self._keys = {
            **_DEFAULTS,
            **{class_command(n): f"Alt+{n}" for n in range(1, 10)},
            **{command: key for command, key in saved.items() if isinstance(key, str)},
        }

    def watch(self, window: QWidget) -> None:
        """Hear the keys of this window."""
        if self._window() is None:
            self._window = ref(window)  # which holds the dock that holds this
            # An override of a shortcut is asked for before every key press, of each widget up to the window: fields
            # for text claim what they type, napari's canvas nothing. The press itself the canvas keeps for itself.
            window.installEventFilter(self)

    def close(self) -> None:
        """Hear no more keys."""
        window = self._window()
        if window is not None:
            window.removeEventFilter(self)
        self._window = lambda: None

    def key_of(self, command: str) -> str:
        """The key of ``command``; empty where it has none."""
        return self._keys.get(command, "")

    def change(self, command: str, event: QKeyEvent | None) -> str:
        """Give ``command`` the key that was pressed, or none; returns why that cannot be, else nothing."""
        key = "" if event is None else key_name(event)
        if event is not None:
            taken = next(
                (other for other, its in self._keys.items() if its == key and other != command), None
            )
            if taken is not None:
                return f"{key} {words_of(taken)} already. Choose another key."
            use = used_by_napari(event, self._viewer, self._window())
            if use:
                return f"{key} is napari's key: {use}. Choose another one."
        self._keys[command] = key
        remembered.save(_FILE, {**(remembered.load(_FILE) or {}), command: key})
        self.changed.emit()
        return ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice our keys; all others go their way."""
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        name = key_name(event)
        command = next((c for c, key in self._keys.items() if key == name), None) if name else None
        if command is None or isinstance(QApplication.focusWidget(), _TEXT_FIELDS):
            return False
        if used_by_napari(event, self._viewer, self._window()):
            return False
        event.accept()  # no menu opens
        if not event.isAutoRepeat() and not self._is_again(event):
            self.pressed.emit(command)
        return True

    def _is_again(self, event: Any) -> bool:
        """Whether this is the same press once more: macOS may ask twice."""
        time = int(event.timestamp())
        is_again = time != 0 and time == self._last_time
        self._last_time = time
        return is_again

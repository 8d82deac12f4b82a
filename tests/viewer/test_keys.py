from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLineEdit, QWidget

from key_support import ALT, CONTROL, LAYOUTS, NONE, SHIFT, digit_key, other_key, press
from napari_unet.viewer import keys as keys_module
from napari_unet.viewer import remembered
from napari_unet.viewer.key_button import KeyButton
from napari_unet.viewer.keys import ACCEPT, LIVE, Keys, class_command, key_name
from napari_unet.viewer.napari_keys import used_by_napari


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("number", [1, 2, 6, 9])
def test_digits_are_told_by_their_place(layout, number):
    assert key_name(digit_key(layout, number, ALT)) == f"Alt+{number}"
    assert key_name(digit_key(layout, number, SHIFT)) == f"Shift+{number}"


@pytest.mark.parametrize(
    ("system", "scan_code", "virtual_key"),
    [("linux", 15, 0), ("win32", 7, 54), ("darwin", 1, 22), ("linux", 0, 0)],
)
def test_every_system_numbers_its_keys_in_another_way(system, scan_code, virtual_key):
    key = Qt.Key.Key_Minus if scan_code or virtual_key else Qt.Key.Key_6  # a remote desktop tells no place
    event = QKeyEvent(QEvent.Type.KeyPress, key, ALT, scan_code, virtual_key, 0, "-")
    assert key_name(event, system) == "Alt+6"


def test_a_modifier_alone_has_no_name():
    assert key_name(other_key(Qt.Key.Key_Shift, SHIFT)) == ""
    assert key_name(other_key(Qt.Key.Key_K, CONTROL | ALT | SHIFT)) == "Ctrl+Alt+Shift+K"
    assert key_name(other_key(Qt.Key.Key_F9, NONE)) == "F9"


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_labels(np.zeros((8, 8), np.uint8))
    return viewer


@pytest.fixture
def place(viewer):
    """A widget in the viewer's window; a fixture that held the window would keep it alive."""
    place = QWidget()
    viewer.window.add_dock_widget(place)
    return place


@pytest.fixture
def keys(viewer, place):
    keys = Keys(viewer)
    keys.watch(place.window())
    keys.heard = []
    keys.pressed.connect(keys.heard.append)
    yield keys
    keys.close()


def test_none_of_ours_is_napari_s_with_any_layout(viewer, place):
    ours = [digit_key(layout, number, ALT) for layout in LAYOUTS for number in range(1, 10)]
    ours += [other_key(ord(letter), ALT) for letter in "TAQ"]
    assert {used_by_napari(event, viewer, place.window()) for event in ours} == {""}


def test_napari_s_keys_are_known_by_what_they_do(viewer, place):
    for event, words in (
        (digit_key("American", 1, NONE), "erase mode"),
        (digit_key("French", 1, SHIFT), "erase mode"),  # types 1
        (digit_key("French", 6, NONE), "decrease label id"),  # types -
        (other_key(Qt.Key.Key_Equal, SHIFT), "increase label id"),  # Shift+0 of a German keyboard
        (other_key(Qt.Key.Key_L, SHIFT), "polyline"),
        (other_key(Qt.Key.Key_Up, SHIFT), "extend selection"),
        (other_key(Qt.Key.Key_S, ALT), "Save Screenshot"),
        (other_key(Qt.Key.Key_L, ALT), "'Layers'"),
        (other_key(Qt.Key.Key_C, CONTROL | SHIFT), "console"),
    ):
        assert words in used_by_napari(event, viewer, place.window())


def test_what_napari_does_not_use_is_free(viewer, place):
    for event in (
        digit_key("American", 1, SHIFT),
        digit_key("German", 7, SHIFT),
        digit_key("French", 1, NONE),
        other_key(Qt.Key.Key_K, NONE),
    ):
        assert used_by_napari(event, viewer, place.window()) == ""


def test_keys_bound_by_other_plugins_count(viewer, place):
    viewer.bind_key("Alt-K", lambda viewer: None)
    viewer.layers[0].bind_key("G", lambda layer: None)
    assert used_by_napari(other_key(Qt.Key.Key_K, ALT), viewer, place.window())
    assert used_by_napari(other_key(Qt.Key.Key_G, NONE), viewer, place.window())


def test_a_key_is_heard_with_every_layout_wherever_the_focus_is(keys, place):
    for layout in LAYOUTS:
        for widget in (place.window().centralWidget(), place):
            press(widget, digit_key, layout, 3, ALT)
    assert keys.heard == ["class 3"] * 2 * len(LAYOUTS)


def test_a_key_held_down_counts_once(keys, place):
    press(place, other_key, Qt.Key.Key_T, ALT)
    press(place, digit_key, "German", 3, ALT, repeats=True)
    assert keys.heard == [LIVE]


def test_what_is_typed_into_a_text_is_no_command(keys, place, monkeypatch, qtbot):
    field = QLineEdit()
    qtbot.addWidget(field)
    monkeypatch.setattr(keys_module.QApplication, "focusWidget", lambda: field)
    press(place, digit_key, "American", 3, ALT)
    assert not keys.heard


def test_a_key_that_becomes_napari_s_stays_napari_s(keys, viewer, place):
    viewer.bind_key("Alt-T", lambda viewer: None)
    press(place, other_key, Qt.Key.Key_T, ALT)
    assert not keys.heard


def test_another_key_is_remembered(keys, viewer, place):
    assert keys.change(LIVE, other_key(Qt.Key.Key_K, NONE)) == ""
    press(place, other_key, Qt.Key.Key_T, ALT)
    press(place, other_key, Qt.Key.Key_K, NONE, "k")
    assert keys.heard == [LIVE]
    assert remembered.load("keys") == {LIVE: "K"}
    later = Keys(viewer)
    assert (later.key_of(LIVE), later.key_of(ACCEPT), later.key_of("class 12")) == ("K", "Alt+A", "")


def test_a_key_is_refused_in_words(keys, place):
    said = keys.change(class_command(1), digit_key("French", 1, SHIFT))
    assert said == "Shift+1 is napari's key: activate labels erase mode. Choose another one."
    said = keys.change(class_command(1), digit_key("German", 2, ALT))
    assert said == "Alt+2 selects class 2 already. Choose another key."
    assert keys.key_of(class_command(1)) == "Alt+1"


@pytest.fixture
def button(keys, qtbot):
    button = KeyButton(keys, class_command(1))
    qtbot.addWidget(button)
    return button


def test_a_click_and_a_key_give_a_command_another_key(button, keys, qtbot):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.text() == "press…"
    press(button, digit_key, "German", 1, SHIFT)
    assert (button.text(), keys.key_of(class_command(1))) == ("Shift+1", "Shift+1")
    press(button, digit_key, "German", 4, SHIFT)  # nobody waits any more
    assert keys.key_of(class_command(1)) == "Shift+1"


def test_a_refused_key_changes_nothing(button, qtbot):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(button.refused) as heard:
        press(button, other_key, Qt.Key.Key_E, NONE, "e")
    assert "erase mode" in heard.args[0]
    assert button.text() == "Alt+1"


def test_escape_keeps_the_key_and_backspace_takes_it_away(button, keys, qtbot):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    press(button, other_key, Qt.Key.Key_Escape, NONE)
    assert button.text() == "Alt+1"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    press(button, other_key, Qt.Key.Key_Backspace, NONE)
    assert (button.text(), keys.key_of(class_command(1))) == ("no key", "")

"""A slider for fractions: mouse, keyboard, typed numbers."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, QSignalBlocker, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_unet.viewer.fraction_slider import FractionSlider


@pytest.fixture
def slider(qtbot: QtBot) -> FractionSlider:
    made = FractionSlider(0.05, 0.95)
    qtbot.addWidget(made)
    made.set_value(0.5)
    return made


def test_keys_move_it_by_hundredths_and_tenths(slider: FractionSlider, qtbot: QtBot) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_PageUp, Qt.Key.Key_End):
        qtbot.keyClick(slider.slider, key)
    assert heard == [0.51, 0.52, 0.51, 0.61, 0.95]
    assert slider.number.value() == 0.95
    qtbot.keyClick(slider.slider, Qt.Key.Key_Right)
    assert heard[-1] == slider.value() == 0.95
    assert len(heard) == 5


def test_a_number_counts_once_it_is_complete(slider: FractionSlider, qtbot: QtBot) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    slider.number.selectAll()
    qtbot.keyClicks(slider.number, slider.number.locale().toString(0.73, "f", 2))
    assert heard == []
    qtbot.keyClick(slider.number, Qt.Key.Key_Return)
    assert heard == [0.73]
    assert slider.slider.value() == 73


def test_values_are_hundredths_within_bounds(slider: FractionSlider) -> None:
    for given, shown in ((0.256, 0.26), (0.29, 0.29), (0.0, 0.05), (2.0, 0.95)):
        slider.set_value(given)
        assert slider.value() == slider.number.value() == shown


def test_steps_may_be_finer(qtbot: QtBot) -> None:
    slider = FractionSlider(0.0, 1.0, decimals=3)
    qtbot.addWidget(slider)
    slider.set_value(0.995)
    assert slider.value() == slider.number.value() == 0.995
    qtbot.keyClick(slider.slider, Qt.Key.Key_Left)
    assert slider.value() == 0.994
    qtbot.keyClick(slider.slider, Qt.Key.Key_PageDown)
    assert slider.value() == 0.894


def test_blocked_it_moves_and_says_nothing(slider: FractionSlider) -> None:
    heard: list[float] = []
    slider.value_changed.connect(heard.append)
    with QSignalBlocker(slider):
        slider.set_value(0.7)
    assert heard == []
    assert slider.number.value() == 0.7


def test_the_wheel_over_it_scrolls_the_dock(slider: FractionSlider) -> None:
    middle, down = QPointF(5, 5), QPoint(0, 120)
    event = QWheelEvent(
        middle,
        middle,
        QPoint(),
        down,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slider.slider, event)
    assert not event.isAccepted()
    assert slider.value() == 0.5

"""What tests of the Objects dock do in the canvas as a user would: real mouse events."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication


class Canvas:
    """The canvas of a viewer that is shown; places are (row, column) in world coordinates."""

    def __init__(self, viewer):
        self.viewer = viewer
        self.widget = viewer.window._qt_viewer.canvas.native

    def at(self, place):
        camera = self.viewer.scene.camera
        (y, x), zoom = camera.center[-2:], camera.zoom
        size = self.widget.width() / 2, self.widget.height() / 2
        return QPoint(round(size[0] + (place[1] - x) * zoom), round(size[1] + (place[0] - y) * zoom))

    def click(self, place, button=Qt.MouseButton.LeftButton):
        QTest.mouseClick(self.widget, button, Qt.KeyboardModifier.NoModifier, self.at(place))

    def double_click(self, place):
        """What Qt makes of a second click soon after the first."""
        QTest.mouseDClick(
            self.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, self.at(place)
        )

    def drag(self, *places):
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mousePress(self.widget, left, none, self.at(places[0]))
        for start, stop in pairwise(places):
            for fraction in np.linspace(0, 1, 6)[1:]:
                here = self.at(np.array(start) + fraction * (np.array(stop) - start))
                event = QMouseEvent(
                    QEvent.Type.MouseMove, QPointF(here), QPointF(self.widget.mapToGlobal(here)),
                    Qt.MouseButton.NoButton, left, none,
                )  # fmt: skip
                QApplication.sendEvent(self.widget, event)
                QTest.qWait(12)  # vispy passes over moves that follow too soon
        QTest.mouseRelease(self.widget, left, none, self.at(places[-1]))

    def press(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.widget, key, modifier)


def cells(dtype=np.int32):
    """Three squares and a bar; the second and third touch."""
    labels = np.zeros((60, 80), dtype)
    labels[5:20, 5:20] = 1
    labels[5:20, 30:45] = 2
    labels[5:20, 45:60] = 4
    labels[35:45, 10:60] = 5
    labels[39:41, 30:33] = 0
    return labels


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def pick(it, qtbot, *places):
    if it.box.tools.tool != "pick":
        press(qtbot, it.box.buttons.tools["pick"])
    for place in places:
        it.canvas.click(place)


def ids(layer):
    return set(np.unique(layer.data).tolist()) - {0}

"""What tests of the Scores dock do and read as a user would."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

WAIT = 10_000
"""Milliseconds before something that has to happen is given up."""

LABELS = np.array([[0, 0, 1], [1, 2, 2]], np.uint8)
PREDICTION = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)


def compare(dock, qtbot):
    qtbot.mouseClick(dock.compare_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=WAIT)


def rows(table):
    model = table.model()
    return [
        [model.data(model.index(r, c)) for c in range(model.columnCount())] for r in range(model.rowCount())
    ]


def headers(table):
    model = table.model()
    return [model.headerData(c, Qt.Orientation.Horizontal) for c in range(model.columnCount())]

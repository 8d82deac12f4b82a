"""What tests of the box "Measure" do and read as a user would."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from score_support import WAIT, headers, rows

LABELS = np.zeros((40, 60), np.int32)
LABELS[2:6, 3:9], LABELS[10:30, 20:40], LABELS[35:, 50:] = 1, 4, 9


def measure(it, qtbot):
    qtbot.mouseClick(it.box.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not it.box.is_busy, timeout=WAIT)


def tick(it, *names):
    """Tick these images and no others, as in the menu."""
    for action in it.box.choice.image_button.menu().actions():
        action.setChecked(action.text() in names)


def color_by(it, name):
    it.box.findings.color_box.setCurrentIndex(it.box.findings.color_box.findData(name))
    it.box.findings.color_box.activated.emit(it.box.findings.color_box.currentIndex())


def column(it, name):
    return [row[headers(it.box.findings.table).index(name)] for row in rows(it.box.findings.table)]

"""The box on a real viewer, alone: its dock only says which layer it works on."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from measure_support import LABELS, color_by, column, measure
from napari_unet.viewer.objects import measuring
from score_support import WAIT, headers, rows


def test_measures_with_one_click(open_box, qtbot):
    it = open_box(image=np.arange(2400).reshape(40, 60), scale=(0.5, 0.5), units=("µm", "µm"))
    assert it.box.image_box.currentText() == "DAPI"
    assert it.box.findings.isHidden()
    measure(it, qtbot)
    assert not it.box.findings.isHidden()
    assert it.box.findings.headline.text() == "cells: 3 objects"
    assert column(it, "label") == ["1", "4", "9"]
    assert column(it, "area (µm²)") == ["6", "100", "12.5"]
    assert column(it, "touches edge") == ["no", "no", "yes"]
    assert column(it, "mean DAPI")[0] == f"{np.arange(2400).reshape(40, 60)[LABELS == 1].mean():.4g}"
    features = it.layer.features.set_index("index")
    assert features.loc[4, "pixels"] == 400
    assert "pixels: 400" in str(
        it.layer.get_status((20, 25))
    )  # what napari says of the object under the mouse


def test_the_image_is_optional(open_box, qtbot):
    it = open_box(image=np.ones((40, 60)))
    box = it.box.image_box
    assert [box.itemText(i) for i in range(box.count())] == ["none", "DAPI"]
    box.setCurrentIndex(0)
    box.activated.emit(0)
    it.viewer.add_image(np.ones((40, 60)), name="other")
    assert box.layer is None
    measure(it, qtbot)
    assert not any("intensity" in name or "DAPI" in name for name in headers(it.box.findings.table))
    box.setCurrentIndex(1)
    box.activated.emit(1)
    measure(it, qtbot)
    assert "mean other" in headers(it.box.findings.table)


def test_an_image_of_another_shape_is_told(open_box, qtbot):
    it = open_box(image=np.ones((4, 6)))
    assert it.box.image_box.layer is None
    it.box.image_box.setCurrentIndex(1)
    it.box.image_box.activated.emit(1)
    measure(it, qtbot)
    assert "DAPI" in it.box.note.text()
    assert it.box.findings.result is None


def test_changes_and_deletions_are_told(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    color_by(it, "area")
    it.layer.paint((1, 1), 2)
    qtbot.waitUntil(lambda: "changed since" in it.box.note.text(), timeout=WAIT)
    measure(it, qtbot)
    assert column(it, "label") == ["1", "2", "4", "9"]
    it.chosen[0] = None
    it.viewer.layers.remove("cells")
    assert "cells has been deleted" in it.box.note.text()
    assert not it.box.findings.color_box.isEnabled()
    assert not it.box.button.isEnabled()
    it.box.findings.table.clicked.emit(it.box.findings.table.model().index(0, 0))
    assert len(rows(it.box.findings.table)) == 4


def test_measuring_can_be_stopped(open_box, qtbot, monkeypatch):
    import time

    def endless(*arguments, **options):
        while True:
            time.sleep(0.01)
            yield 0.5

    monkeypatch.setattr(measuring, "measure_steps", endless)
    it = open_box()
    qtbot.mouseClick(it.box.button, Qt.MouseButton.LeftButton)
    assert it.box.button.text() == "Stop"
    qtbot.mouseClick(it.box.button, Qt.MouseButton.LeftButton)
    assert it.box.button.text() == "Measure"
    assert it.box.note.text() == "Stopped."


def test_a_box_that_is_gone_hears_nothing(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    it.box.close_down()
    it.box.close_down()
    it.viewer.add_labels(LABELS)
    it.viewer.layers.clear()
    assert it.box.note.text() == ""

"""The box on a real viewer, alone: its dock only says which layer it works on."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from measure_support import LABELS, color_by, column, measure, tick
from napari_unet.viewer.objects import measuring
from score_support import headers, rows


def test_measures_with_one_click(open_box, qtbot):
    it = open_box(image=np.arange(2400).reshape(40, 60), scale=(0.5, 0.5), units=("µm", "µm"))
    assert it.box.choice.image_button.names == "DAPI"
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


def test_images_are_optional_and_may_be_several(open_box, qtbot):
    it = open_box(image=np.ones((40, 60)))
    it.viewer.add_image(LABELS * 2.0, name="GFP", visible=False)
    tick(it)
    assert it.box.choice.image_button.text() == "none"
    it.viewer.add_image(np.ones((40, 60)), name="other")
    assert it.box.choice.images == ()
    measure(it, qtbot)
    assert not any("mean" in name for name in headers(it.box.findings.table))
    tick(it, "DAPI", "GFP")
    measure(it, qtbot)
    assert column(it, "mean DAPI") == ["1", "1", "1"]
    assert column(it, "max GFP") == ["2", "8", "18"]
    assert "mean other" not in headers(it.box.findings.table)


def test_a_stack_is_measured_as_it_is_said_to_be(open_box, qtbot):
    it = open_box(labels=np.stack([LABELS] * 3))
    stack_box = it.box.choice.stack_box
    assert not stack_box.isHidden()
    measure(it, qtbot)
    assert it.box.findings.headline.text() == "cells: 3 objects"
    stack_box.setCurrentIndex(stack_box.findData(False))
    measure(it, qtbot)
    assert it.box.findings.headline.text() == "cells: 9 rows, one per object and slice"


def test_a_deletion_is_told(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    color_by(it, "area")
    it.chosen[0] = None
    it.viewer.layers.remove("cells")
    assert "cells has been deleted" in it.box.note.text()
    assert not it.box.findings.color_box.isEnabled()
    assert not it.box.button.isEnabled()
    it.box.findings.table.clicked.emit(it.box.findings.table.model().index(0, 0))
    assert len(rows(it.box.findings.table)) == 3


@pytest.mark.parametrize("numbers", [(2**63, 2**64 - 1), (-5, -1)])
def test_numbers_beyond_what_is_usual(open_box, qtbot, numbers):
    labels = np.zeros((8, 8), np.uint64 if numbers[0] > 0 else np.int64)
    labels[1:3, 1:3], labels[5:, 5:] = numbers
    it = open_box(labels=labels)
    measure(it, qtbot)
    expected = [str(number) for number in numbers if number > 0]  # negative ones are background
    assert column(it, "label") == expected
    assert it.box.note.text() == ""
    if expected:
        assert column(it, "pixels") == ["4", "9"]
        it.box.findings.table.clicked.emit(it.box.findings.table.model().index(1, 0))
        assert it.layer.selected_label == 2**64 - 1


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

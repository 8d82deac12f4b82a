"""Corrections with the mouse in a real canvas, and taken back with one Ctrl+Z."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.images import read_labels
from objects_support import cells, ids, pick, press

CONTROL = Qt.KeyboardModifier.ControlModifier


def test_picked_objects_are_merged_and_come_back_with_one_undo(open_dock, qtbot):
    it = open_dock(cells())
    pick(it, qtbot, (12, 12), (12, 37), (40, 20))
    assert it.box.tools.picked == [1, 2, 5]
    assert it.box.note.text() == "Picked: 1, 2 and 5."
    it.canvas.click((40, 20))
    assert it.box.tools.picked == [1, 2]
    press(qtbot, it.box.buttons.merge)
    np.testing.assert_array_equal(it.layer.data == 1, np.isin(cells(), [1, 2]))
    assert it.box.note.text() == "Merged 1 and 2 into 1. Ctrl+Z takes it back."
    assert it.box.tools.picked == []
    assert it.box.tools.tool == "pick"
    it.canvas.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(it.layer.data, cells())
    assert "Merged" not in it.box.note.text()


@pytest.mark.parametrize("button", ["delete", "fill", "smooth", "relabel"])
def test_every_change_is_one_step_of_undo(open_dock, qtbot, button):
    labels = cells()
    labels[20:26, 12] = labels[45:50, 20] = 5  # spikes
    labels[20:26, 12] = 1
    before = labels.copy()
    it = open_dock(labels)
    it.layer.paint((55, 70), 4)
    painted = it.layer.data.copy()
    pick(it, qtbot, (12, 12), (42, 15))
    press(qtbot, getattr(it.box.buttons, button))
    changed = it.layer.data.copy()
    assert not np.array_equal(changed, painted), it.box.note.text()
    it.layer.undo()
    np.testing.assert_array_equal(it.layer.data, painted)
    it.layer.redo()
    np.testing.assert_array_equal(it.layer.data, changed)
    press(qtbot, it.box.buttons.undo)
    press(qtbot, it.box.buttons.undo)
    np.testing.assert_array_equal(it.layer.data, before)


def test_a_drawn_line_splits_and_the_view_stays(open_dock, qtbot):
    it = open_dock(cells())
    press(qtbot, it.box.buttons.tools["line"])
    centre = tuple(it.viewer.scene.camera.center)
    it.canvas.drag((30, 24), (40, 25), (50, 24))
    assert it.box.note.text() == "Object 5 is now 5 and 6. Ctrl+Z takes it back."
    assert tuple(it.viewer.scene.camera.center) == centre
    np.testing.assert_array_equal(it.layer.data > 0, cells() > 0)
    assert np.argwhere(it.layer.data == 6)[:, 1].max() == pytest.approx(25, abs=1)
    it.canvas.drag((30, 52), (50, 52))  # the tool goes on
    assert ids(it.layer) == {1, 2, 4, 5, 6, 7}
    it.canvas.press(Qt.Key.Key_Z, CONTROL)
    assert ids(it.layer) == {1, 2, 4, 5, 6}
    it.canvas.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(it.layer.data, cells())


def test_a_line_that_splits_nothing_is_said(open_dock, qtbot):
    it = open_dock(cells())
    press(qtbot, it.box.buttons.tools["line"])
    it.canvas.drag((25, 5), (28, 40))
    assert it.box.note.text().startswith("The line does not meet an object.")
    it.canvas.click((40, 20))
    assert it.box.note.text().startswith("That was a click.")
    np.testing.assert_array_equal(it.layer.data, cells())


def test_two_clicks_split_even_if_they_are_quick(open_dock, qtbot):
    it = open_dock(cells())
    zoom = it.viewer.scene.camera.zoom
    press(qtbot, it.box.buttons.tools["clicks"])
    it.canvas.click((28, 30))
    assert it.box.note.text().startswith("That is background.")
    it.canvas.click((40, 20))
    assert it.box.note.text() == "Now click into the other half of object 5. Esc ends."
    it.canvas.widget.setFocus()
    it.canvas.double_click((37, 50))
    assert ids(it.layer) == {1, 2, 4, 5, 6}
    assert it.viewer.scene.camera.zoom == zoom
    it.canvas.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(it.layer.data, cells())


def test_clicks_in_two_objects_are_said(open_dock, qtbot):
    it = open_dock(cells())
    press(qtbot, it.box.buttons.tools["clicks"])
    it.canvas.click((12, 35))
    it.canvas.click((12, 55))
    assert it.box.note.text().startswith("The clicks are in two objects already, 2 and 4.")


def test_a_button_begins_to_pick_where_nothing_is_picked(open_dock, qtbot):
    it = open_dock(cells())
    press(qtbot, it.box.buttons.delete)
    assert it.box.tools.tool == "pick"
    assert it.box.note.text() == "Click what to delete, then press this button again. Esc ends."
    it.canvas.click((12, 12))
    press(qtbot, it.box.buttons.merge)
    assert it.box.note.text().startswith("Only object 1 is picked.")
    press(qtbot, it.box.buttons.delete)
    assert ids(it.layer) == {2, 4, 5}


def test_a_volume_is_changed_as_a_whole_or_in_the_slice_shown(open_dock, qtbot):
    stack = np.stack([cells()] * 3)
    it = open_dock(stack.copy(), metadata={"axes": "ZYX"})
    it.viewer.dims.set_point(0, 1)
    assert it.box.part_box.currentText() == "all slices"
    pick(it, qtbot, (12, 12))
    press(qtbot, it.box.buttons.delete)
    assert not (it.layer.data == 1).any()
    it.layer.undo()
    it.box.part_box.setCurrentIndex(it.box.part_box.findText("the slice shown"))
    press(qtbot, it.box.buttons.tools["line"])
    it.canvas.drag((30, 24), (50, 24))
    np.testing.assert_array_equal(it.layer.data[[0, 2]], stack[[0, 2]])
    assert (it.layer.data[1] == 6).any()
    it.layer.undo()
    np.testing.assert_array_equal(it.layer.data, stack)


def test_a_slice_outside_the_layer_is_said(open_dock, qtbot):
    it = open_dock(np.stack([cells()] * 3), metadata={"axes": "TYX"})
    it.viewer.add_image(np.zeros((9, 60, 80)), translate=(-3, 0, 0))
    it.viewer.layers.selection.active = it.layer
    pick(it, qtbot, (12, 12))
    for point in (5, -1):
        it.viewer.dims.set_point(0, point)
        it.box.tools.pick([1])
        press(qtbot, it.box.buttons.delete)
        assert it.box.note.text() == "The slice shown lies outside cells. Move the sliders to it."
    assert ids(it.layer) == {1, 2, 4, 5}


def test_a_frame_is_changed_by_itself(open_dock, qtbot):
    frames = np.stack([cells()] * 3)
    it = open_dock(frames.copy(), metadata={"axes": "TYX"})
    it.viewer.dims.set_point(0, 2)
    assert it.box.part_box.currentText() == "the frame shown"
    pick(it, qtbot, (12, 12), (12, 37))
    press(qtbot, it.box.buttons.merge)
    np.testing.assert_array_equal(it.layer.data[:2], frames[:2])
    assert (it.layer.data[2] == 2).sum() == 0
    series = np.stack([frames, frames])
    it.layer.data = series
    it.layer.metadata["axes"] = "TZYX"
    it.box.refresh()
    texts = [it.box.part_box.itemText(i) for i in range(it.box.part_box.count())]
    assert texts == ["the slice shown", "all slices of the frame shown", "all frames"]
    assert it.box.part_box.currentIndex() == 1


def test_a_full_type_is_said(open_dock, qtbot):
    labels = cells(np.uint8)
    labels[55:, 70:] = 255
    it = open_dock(labels)
    press(qtbot, it.box.buttons.tools["line"])
    it.canvas.drag((30, 24), (50, 24))
    assert "labels of the type uint8 end at 255" in it.box.note.text()
    press(qtbot, it.box.buttons.relabel)
    it.canvas.drag((30, 24), (50, 24))
    assert "is now" in it.box.note.text()


def test_other_data_are_no_undo(open_dock, qtbot):
    it = open_dock(cells())
    pick(it, qtbot, (40, 20), (12, 37))
    press(qtbot, it.box.buttons.merge)
    heard = []
    it.layer.events.data.connect(lambda _: heard.append(it.layer.data.shape))
    it.layer.data = cells()[:10, :10]  # napari draws it before it says so
    assert heard == [(10, 10)]


def test_real_nuclei(open_dock, qtbot, shared_data):
    path = sorted((shared_data / "stardist_sample_nuclei2d" / "train" / "labels").iterdir())[0]
    labels = np.asarray(read_labels(path)[...]).astype(np.int32)
    it = open_dock(labels.copy())
    number = int(np.argmax(np.bincount(labels[labels > 0])))
    rows, columns = np.nonzero(labels == number)
    press(qtbot, it.box.buttons.tools["line"])
    middle = columns.mean()
    it.canvas.drag((rows.min() - 2, middle), (rows.max() + 2, middle))
    new = int(labels.max()) + 1
    assert {number, new} <= ids(it.layer)
    np.testing.assert_array_equal(it.layer.data > 0, labels > 0)
    np.testing.assert_array_equal(it.layer.data[labels != number], labels[labels != number])
    halves = (it.layer.data == number).sum(), (it.layer.data == new).sum()
    assert min(halves) > 0.3 * sum(halves)
    it.canvas.press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(it.layer.data, labels)

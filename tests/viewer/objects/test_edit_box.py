"""Corrections with the mouse in a real canvas, and taken back with one Ctrl+Z."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.images import read_labels
from napari_unet.viewer.objects.highlight import is_highlight

WAIT = 10_000
CONTROL = Qt.KeyboardModifier.ControlModifier


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


def test_dragging_while_picking_moves_the_view_and_picks_nothing(open_dock, qtbot):
    it = open_dock(cells())
    pick(it, qtbot)
    centre = tuple(it.viewer.scene.camera.center)
    it.canvas.drag((12, 12), (30, 40))
    assert it.box.tools.picked == []
    assert tuple(it.viewer.scene.camera.center) != centre


def test_escape_gives_the_mouse_back(open_dock, qtbot):
    it = open_dock(cells())
    drags, doubles = list(it.layer.mouse_drag_callbacks), list(it.viewer.mouse_double_click_callbacks)
    for tool, button in it.box.buttons.tools.items():
        press(qtbot, button)
        assert button.isChecked()
        assert it.box.tools.tool == tool
        it.canvas.click((12, 12))
        it.canvas.press(Qt.Key.Key_Escape)
        assert it.box.tools.tool is None
        assert not button.isChecked()
        assert list(it.layer.mouse_drag_callbacks) == drags
        assert list(it.viewer.mouse_double_click_callbacks) == doubles
        assert it.layer.mouse_pan
        assert [layer.name for layer in it.viewer.layers] == ["cells"]
    pick(it, qtbot)
    qtbot.keyClick(it.box.buttons.merge, Qt.Key.Key_Escape)  # while the dock has the keyboard
    assert it.box.tools.tool is None


def test_a_brush_or_another_layer_ends_the_tool(open_dock, qtbot):
    it = open_dock(cells())
    press(qtbot, it.box.buttons.tools["line"])
    it.layer.mode = "paint"
    assert it.box.tools.tool is None
    assert it.layer.mode == "paint"
    assert not it.layer.mouse_pan
    pick(it, qtbot, (12, 12))
    image = it.viewer.add_image(np.zeros((60, 80)))
    qtbot.waitUntil(lambda: it.box.tools.tool is None, timeout=WAIT)
    assert it.viewer.layers.selection.active is image
    pick(it, qtbot, (12, 12))
    assert it.viewer.layers.selection.active is it.layer
    it.viewer.layers.remove(it.layer)
    qtbot.waitUntil(lambda: it.box.tools.tool is None, timeout=WAIT)
    assert [layer.name for layer in it.viewer.layers] == [image.name]
    assert "no labels layer" in it.box.note.text()
    assert not it.box.buttons.isEnabled()


def test_outlines_are_those_of_the_picked_objects(open_dock, qtbot):
    it = open_dock(cells(), scale=(0.5, 0.5), translate=(3, 4))
    pick(it, qtbot, (3 + 6, 4 + 6))
    (outlines,) = [layer for layer in it.viewer.layers if is_highlight(layer)]
    ends = np.concatenate([outlines.data[:, 0], outlines.data.sum(axis=1)])
    assert it.box.tools.picked == [1]
    assert len(outlines.data) == 4 * 15
    np.testing.assert_allclose(ends.min(axis=0), 4.5, atol=2)
    np.testing.assert_allclose(ends.max(axis=0), 19.5, atol=2)
    np.testing.assert_array_equal(outlines.scale, it.layer.scale)
    it.viewer.layers.remove(outlines)  # by a user who wonders what it is
    it.canvas.click((3 + 6, 4 + 18))
    assert it.box.tools.picked == [1, 2]
    press(qtbot, it.box.buttons.merge)
    assert ids(it.layer) == {1, 4, 5}


def test_what_an_undo_took_away_is_no_longer_picked(open_dock, qtbot):
    it = open_dock(cells())
    it.layer.fill((55, 70), 9)
    pick(it, qtbot, (55, 70), (12, 12))
    assert it.box.tools.picked == [9, 1]
    it.canvas.press(Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: it.box.tools.picked == [1], timeout=WAIT)


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


def test_objects_of_a_volume_are_picked_in_3d_but_not_split_there(open_dock, qtbot):
    it = open_dock(np.stack([cells()] * 5), metadata={"axes": "ZYX"})
    press(qtbot, it.box.buttons.tools["line"])
    it.viewer.dims.ndisplay = 3
    assert it.box.tools.tool is None
    press(qtbot, it.box.buttons.tools["clicks"])
    assert it.box.tools.tool is None
    assert not it.box.buttons.tools["clicks"].isChecked()
    assert "3D view" in it.box.note.text()
    pick(it, qtbot)
    it.canvas.click((40, 20))
    assert it.box.tools.picked == [5]


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


@pytest.mark.parametrize("kind", ["dask", "multiscale", "memmap", "read-only"])
def test_labels_that_cannot_be_changed_are_copied_first(open_dock, qtbot, tmp_path, kind):
    labels, keywords = cells(), {}
    if kind == "dask":
        data = da.from_array(labels, chunks=16)
    elif kind == "multiscale":
        data, keywords = [labels, labels[::2, ::2]], {"multiscale": True}
    elif kind == "memmap":
        data = np.memmap(tmp_path / "labels", labels.dtype, "w+", shape=labels.shape)
        data[...] = labels
        data = data[:]  # a view reaches the file as well
    else:
        data = labels.copy()
        data.flags.writeable = False
    it = open_dock(data, scale=(2, 2), **keywords)
    assert not it.box.buttons.isEnabled()
    assert "Make a copy, and correct that." in it.box.note.text()
    press(qtbot, it.box.copy_button)
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 2, timeout=WAIT)
    copy = it.viewer.layers["cells corrected"]
    assert it.dock.layer_box.layer is copy
    assert not it.layer.visible
    assert it.box.copy_button.isHidden()
    np.testing.assert_array_equal(copy.scale, (2, 2))
    pick(it, qtbot, (24, 24))
    press(qtbot, it.box.buttons.delete)
    assert ids(copy) == {2, 4, 5}
    np.testing.assert_array_equal(data[0] if kind == "multiscale" else np.asarray(data), labels)


def test_corrected_objects_are_chosen_for_training(open_dock, qtbot, worker):
    it = open_dock(cells())
    it.viewer.add_image(np.random.default_rng(0).random((60, 80)), name="raw")
    it.viewer.layers.selection.active = it.layer
    it.viewer.add_labels(np.zeros((60, 80), np.uint8), name="scribbles")
    it.layer.metadata["napari_unet"] = {"prediction": True}
    _, train = it.viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    qtbot.waitUntil(lambda: not train.surveyor.is_busy, timeout=WAIT)
    it.viewer.layers.selection.active = it.layer
    press(qtbot, it.box.training_button)
    (pair,) = train.page.source.pairs
    assert pair.labels is it.layer
    assert [image.name for image in pair.images] == ["raw"]
    assert train.page.kind.kind == "objects"
    assert it.box.note.text() == "cells is chosen in Train U-Net, as the objects of raw."
    press(qtbot, it.box.training_button)
    assert len(train.page.source.pairs) == 1
    qtbot.waitUntil(lambda: not train.surveyor.is_busy, timeout=WAIT)


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

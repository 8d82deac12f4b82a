"""The tools and buttons of the box, with the mouse in a real canvas."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.labels import default_annotation
from objects_support import cells, ids, pick, press
from segment_support import model_record, network, write_model

WAIT = 10_000
CONTROL = Qt.KeyboardModifier.ControlModifier


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
    (outlines,) = [
        layer for layer in it.viewer.layers if layer.metadata.get("napari_unet", {}).get("highlight")
    ]
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


def test_training_on_corrections_starts_from_the_model_that_found_them(open_dock, qtbot, worker, tmp_path):
    record = model_record(annotation=default_annotation("objects", [1]), network=network(outputs="borders"))
    model = write_model(tmp_path / "nuclei.safetensors", record)
    it = open_dock(cells())
    it.viewer.add_image(np.random.default_rng(0).random((60, 80)), name="raw")
    it.viewer.layers.selection.active = it.layer
    it.layer.metadata["napari_unet"] = {"model": str(model)}
    press(qtbot, it.box.training_button)
    _, train = it.viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    assert train.page.start.path == model
    assert it.box.note.text().endswith("Training starts from nuclei.")
    other = write_model(tmp_path / "other.safetensors", record)
    train.page.start.open(other)
    press(qtbot, it.box.training_button)
    assert train.page.start.path == other  # what was chosen stays
    train.page.start.open(None)
    model.unlink()
    press(qtbot, it.box.training_button)
    assert train.page.start.path is None
    qtbot.waitUntil(lambda: not train.surveyor.is_busy, timeout=WAIT)

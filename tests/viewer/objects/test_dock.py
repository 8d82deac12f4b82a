"""The Objects dock around its boxes."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_unet.viewer.objects.edit_box import EditBox

LABELS = np.array([[1, 1, 0], [0, 2, 2]], np.int32)


def test_works_on_the_labels_layer_that_is_selected(open_dock):
    it = open_dock(LABELS.copy())
    assert isinstance(it.box, EditBox)
    assert it.dock.layer_box.layer is it.layer
    other = it.viewer.add_labels(LABELS.copy(), name="other")
    assert it.dock.layer_box.layer is other
    it.viewer.add_image(np.zeros((2, 3)), name="image")
    assert it.dock.layer_box.layer is other
    it.viewer.layers.selection.active = it.layer
    assert it.dock.layer_box.layer is it.layer
    errors = it.viewer.add_labels(LABELS.copy(), metadata={"napari_unet": {"errors": True}})
    assert it.dock.layer_box.findText(errors.name) < 0
    assert it.dock.layer_box.layer is it.layer


def test_a_choice_in_the_dock_selects_the_layer(open_dock, qtbot):
    it = open_dock(LABELS.copy())
    it.viewer.add_labels(LABELS.copy(), name="other")
    box = it.dock.layer_box
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.layer is it.layer
    assert it.viewer.layers.selection.active is it.layer


def test_fits_a_small_screen(open_dock, qtbot):
    it = open_dock(LABELS.copy())
    it.viewer.window.resize(1280, 800)
    qtbot.wait(100)
    assert it.dock.width() <= 400
    for button in (*it.box.buttons.tools.values(), it.box.buttons.undo, it.box.training_button):
        corner = button.mapTo(it.dock, button.rect().bottomRight())
        assert it.dock.rect().contains(corner)
        assert button.width() >= button.sizeHint().width() - 1


def test_closing_the_dock_ends_the_tool_and_listens_no_more(open_dock, qtbot):
    it = open_dock(LABELS.copy())
    drags = list(it.layer.mouse_drag_callbacks)
    it.box.buttons.tools["pick"].click()
    assert len(it.viewer.layers) == 2
    with qtbot.waitSignal(it.dock.destroyed, timeout=10_000):
        it.wrapper.destroyOnClose()  # what the × of napari's title bar does
    assert list(it.layer.mouse_drag_callbacks) == drags
    assert [layer.name for layer in it.viewer.layers] == ["cells"]
    it.viewer.add_labels(LABELS.copy())
    it.viewer.dims.ndisplay = 3
    it.viewer.dims.ndisplay = 2
    assert not [
        d for d in it.viewer.window._qt_window.findChildren(QDockWidget) if "Objects" in d.windowTitle()
    ]

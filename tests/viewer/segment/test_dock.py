from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage.io import imread

from napari_unet.events import DeviceReport, Started
from napari_unet.settings import PredictSettings
from napari_unet.viewer import remembered
from napari_unet.viewer.layers import METADATA
from segment_support import model_record, network, write_model

EYE = np.zeros((8, 9), np.uint8)


def line(opened):
    QApplication.processEvents()
    return opened.footer.line.text()


def test_without_model_and_image_it_says_how_to_begin(open_dock):
    opened = open_dock()
    assert line(opened) == "Open a model to begin."
    assert not opened.footer.button.isEnabled()


def test_a_model_and_an_image_are_enough(open_dock, model_file):
    opened = open_dock(EYE, model_file)
    assert line(opened) == "Will segment eye (8 × 9) into 2 classes."
    assert opened.footer.button.isEnabled()
    assert "vessel &amp; co" in opened.page.model.about.text()


def test_the_docks_load_no_torch(open_dock, model_file, monkeypatch):
    for name in [n for n in sys.modules if n == "torch" or n.startswith("torch.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it now fails
    opened = open_dock(EYE, model_file)
    assert opened.footer.button.isEnabled()


def test_without_an_image_it_says_so(open_dock, model_file):
    opened = open_dock(None, model_file)
    assert line(opened) == "There is no image layer. Open an image."
    opened.viewer.add_image(EYE, name="late")
    assert line(opened) == "Will segment late (8 × 9) into 2 classes."


def test_a_bad_image_is_framed_with_the_reason(open_dock, model_file):
    opened = open_dock(np.zeros((40, 50, 3), np.uint8), model_file, rgb=True)
    assert "eye has 3 channels" in line(opened)
    assert "border" in opened.page.image.styleSheet()
    assert not opened.footer.button.isEnabled()
    opened.viewer.add_image(EYE, name="gray")
    opened.page.image.choose(opened.viewer.layers["gray"])
    line(opened)
    assert "border" not in opened.page.image.styleSheet()
    assert opened.footer.button.isEnabled()


def test_a_bad_setting_is_said_and_reset_corrects_it(open_dock, model_file):
    opened = open_dock(EYE, model_file)
    box = opened.page.form.fields["tile_size"].native
    box.lineEdit().selectAll()
    QTest.keyClicks(box.lineEdit(), "5")
    assert line(opened) == "Tile must be a whole number from 16 to 16384, or auto, not 5."
    assert not opened.footer.button.isEnabled()
    opened.page.form.reset_button.click()
    line(opened)
    assert opened.footer.button.isEnabled()


def test_renamed_and_deleted_layers_are_followed(open_dock, model_file):
    opened = open_dock(EYE, model_file)
    layer = opened.viewer.layers["eye"]
    layer.name = "left eye"
    assert line(opened) == "Will segment left eye (8 × 9) into 2 classes."
    layer.data = np.zeros((20, 30), np.uint8)
    assert line(opened) == "Will segment left eye (20 × 30) into 2 classes."
    opened.viewer.layers.remove(layer)
    assert line(opened) == "There is no image layer. Open an image."


def test_the_slice_follows_the_slider(open_dock, model_file, worker):
    opened = open_dock(np.zeros((5, 8, 9), np.uint8), model_file)
    assert "5 slices" in line(opened)
    opened.page.scope.setCurrentIndex(0)
    opened.viewer.dims.set_current_step(0, 3)
    assert "1 slice of" in line(opened)
    opened.footer.button.click()
    assert worker.jobs[-1].request.regions == (((3, 4), (0, 8), (0, 9)),)


def test_what_is_in_view_goes_into_the_request(open_dock, model_file, worker):
    opened = open_dock(np.zeros((5, 80, 90), np.uint8), model_file)
    opened.viewer.dims.set_current_step(0, 3)
    getattr(opened.viewer, "scene", opened.viewer).camera.center = (0, 20, 70)
    line(opened)
    opened.footer.button.click()
    assert worker.jobs[-1].request.centres == ((3, 20, 70),)


def test_selected_layers_are_segmented_each(open_dock, model_file, worker):
    opened = open_dock(EYE, model_file)
    other = opened.viewer.add_image(np.zeros((6, 6), np.uint8), name="other")
    labels = opened.viewer.add_labels(np.zeros((8, 9), np.uint8))
    opened.page.scope.setCurrentIndex(2)
    opened.viewer.layers.selection = {labels}
    assert "No image layer is selected" in line(opened)
    assert "border" in opened.page.scope.styleSheet()
    opened.viewer.layers.selection = {opened.viewer.layers["eye"], other, labels}
    assert line(opened) == "Will segment eye (8 × 9), other (6 × 6) into 2 classes."
    assert not opened.page.image.isEnabled()
    opened.footer.button.click()
    assert [image.name for image in worker.jobs[-1].request.images] == ["eye", "other"]


def test_channels_may_come_from_several_layers(open_dock, tmp_path, worker):
    model = write_model(tmp_path / "two.safetensors", model_record(network=network(n_channels=2)))
    opened = open_dock(EYE, model, name="nuclei")
    assert "nuclei has 1 channel" in line(opened)
    assert len(opened.page.channels) == 1
    membrane = opened.viewer.add_image(EYE + 1, name="membrane")
    opened.page.channels[0].choose(membrane)
    assert line(opened) == "Will segment nuclei + membrane (8 × 9) into 2 classes."
    opened.footer.button.click()
    assert worker.jobs[-1].request.images[0].channels[1] is membrane.data
    opened.viewer.layers.remove(membrane)
    assert opened.page.channels[0].layer is None
    opened.dock.open_model(write_model(tmp_path / "one.safetensors", model_record()))
    assert opened.page.channels == []


def test_two_channels_are_never_one_layer_unasked(open_dock, tmp_path):
    model = write_model(tmp_path / "three.safetensors", model_record(network=network(n_channels=3)))
    opened = open_dock(EYE, None, name="a")
    for name in "bc":
        opened.viewer.add_image(EYE, name=name)
    opened.dock.open_model(model)
    assert sorted(box.layer.name for box in (opened.page.image, *opened.page.channels)) == ["a", "b", "c"]


def test_axes_can_be_corrected(open_dock, tmp_path):
    model = write_model(tmp_path / "three.safetensors", model_record(network=network(n_channels=3)))
    opened = open_dock(np.zeros((3, 8, 9), np.uint8), model)
    assert opened.page.axes.text() == "ZYX"
    assert "eye has 1 channel (axes ZYX)" in line(opened)
    opened.page.axes.setText("CC")
    opened.page.axes.editingFinished.emit()
    assert "name 2 dimensions" in line(opened)
    assert "border" in opened.page.axes.styleSheet()
    opened.page.axes.setText("cyx")
    opened.page.axes.editingFinished.emit()
    assert line(opened) == "Will segment eye (8 × 9) into 2 classes."
    assert opened.viewer.layers["eye"].metadata[METADATA]["axes"] == "CYX"
    assert opened.page.channels == []


def test_running_beside_an_unused_gpu_takes_a_click(open_dock, model_file, worker, qtbot):
    worker.report = DeviceReport("cpu", "CPU, 2 threads", "torch_without_gpu", "Run: pip install torch.")
    opened = open_dock(EYE, model_file)
    opened.dock.device.probe()
    qtbot.waitUntil(lambda: not opened.dock.device.is_looking)
    assert "tick the box" in line(opened)
    assert "Run: pip install torch." in opened.dock.device.label.text()
    assert not opened.footer.button.isEnabled()
    opened.dock.device.confirmation.click()
    line(opened)
    assert opened.footer.button.isEnabled()


def test_a_click_before_the_device_is_known_waits_for_it(open_dock, model_file, worker, qtbot):
    worker.report = None
    opened = open_dock(EYE, model_file)
    opened.dock.device.probe()
    opened.footer.button.click()
    assert worker.jobs == []
    assert opened.footer.line.text().startswith("Getting ready.")
    worker.probes[-1].say(DeviceReport("cpu", "CPU, 2 threads", "no_gpu"))
    qtbot.waitUntil(lambda: len(worker.jobs) == 1)
    assert opened.footer.button.text() == "Stop"


def test_a_click_before_an_unused_gpu_is_known_still_asks(open_dock, model_file, worker, qtbot):
    worker.report = None
    opened = open_dock(EYE, model_file)
    opened.dock.device.probe()
    opened.footer.button.click()
    worker.probes[-1].say(DeviceReport("cpu", "CPU, 2 threads", "gpu_full"))
    qtbot.waitUntil(lambda: "tick the box" in opened.footer.line.text())
    opened.dock.device.confirmation.click()
    QApplication.processEvents()
    assert worker.jobs == []  # the click that confirms is not the one that starts
    opened.footer.button.click()
    assert len(worker.jobs) == 1


def test_settings_are_remembered(open_dock, model_file, worker):
    opened = open_dock(EYE, model_file)
    wanted = PredictSettings(probabilities=True, tile_size=128)
    opened.page.form.set(wanted)
    opened.dock.check()
    opened.footer.button.click()
    assert worker.jobs[-1].request.settings == wanted
    assert open_dock(EYE).page.form.value == wanted
    remembered.save("segment", {"tile_size": "of another version"})
    assert open_dock(EYE).page.form.value == PredictSettings()


def dropped(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(p)) for p in paths])
    return data


def drag_and_drop(dock, data):
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    enter.setAccepted(False)
    dock.dragEnterEvent(enter)
    if enter.isAccepted():
        dock.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, none))
    return enter.isAccepted()


def test_a_model_dropped_on_the_dock_is_opened(open_dock, model_file):
    opened = open_dock(EYE)
    assert not drag_and_drop(opened.dock, dropped(Path("image.png")))
    assert not drag_and_drop(opened.dock, dropped(model_file, model_file))
    assert drag_and_drop(opened.dock, dropped(model_file))
    assert opened.page.model.path == model_file


def test_a_real_image_can_be_chosen(open_dock, model_file, shared_data):
    path = min((shared_data / "chase_retinal_vessels" / "train" / "images").iterdir())
    opened = open_dock(imread(path), model_file)
    assert line(opened) == "Will segment eye (960 × 999) into 2 classes."


def test_everything_can_be_reached_with_the_keyboard(open_dock, model_file):
    opened = open_dock(EYE, model_file)
    page = opened.page
    page.form.advanced.expand()
    wanted = [page.model.box, page.model.open_button, page.image, page.axes, page.scope]
    wanted += [f.native for f in page.form.fields.values()] + [page.form.reset_button, opened.footer.button]
    order, widget = [], page.model.box
    for _ in range(500):
        if any(widget is w for w in wanted):
            order.append(widget)
        widget = widget.nextInFocusChain()
        if widget is page.model.box:
            break
    assert [wanted.index(w) for w in order if w is not page.form.advanced] == list(range(len(wanted)))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_button_stands_out_in_every_theme(open_dock, model_file, theme):
    from napari.utils.theme import get_theme

    opened = open_dock(EYE, model_file)
    opened.viewer.theme = theme
    assert get_theme(theme).current.as_hex() in opened.footer.button.styleSheet()


def test_an_image_with_the_channels_of_the_model_is_proposed(open_dock, tmp_path):
    colour = write_model(tmp_path / "colour.safetensors", model_record(network=network(n_channels=3)))
    opened = open_dock(np.zeros((20, 30, 3), np.uint8), name="tissue", rgb=True)
    opened.viewer.add_image(np.zeros((8, 9), np.uint8), name="grey")
    opened.page.image.choose(opened.viewer.layers["grey"])
    opened.dock.open_model(colour)
    assert opened.page.image.layer.name == "tissue"
    assert opened.dock.check() is not None
    opened.viewer.add_image(np.zeros((8, 9), np.uint8), name="another")
    box = opened.page.image
    box.setCurrentIndex(box.findText("grey"))
    box.activated.emit(box.currentIndex())
    opened.dock.open_model(colour)
    assert box.layer.name == "grey"  # chosen by the user
    names = [channel.layer and channel.layer.name for channel in opened.page.channels]
    assert names == ["another", None]  # the colour image is no channel of the grey one


def test_the_selected_layers_stay_selected(open_dock, model_file, worker, qtbot):
    opened = open_dock(EYE, model_file)
    labels = opened.viewer.add_labels(np.zeros((8, 9), np.uint8), name="paint")
    opened.footer.button.click()
    worker.say(Started("cpu", {}))
    qtbot.waitUntil(lambda: "eye U-Net" in opened.viewer.layers, timeout=5000)
    assert opened.viewer.layers.selection.active is labels

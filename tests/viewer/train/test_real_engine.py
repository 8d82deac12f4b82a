"""The dock with the real engine in its child process, at toy size, on a real image."""

import os
import signal

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.images import read_image, read_labels
from napari_unet.models.header import read_record
from napari_unet.viewer import bridge

LONG = 120_000


@pytest.fixture
def dock(make_napari_viewer, qtbot, shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    viewer = make_napari_viewer()
    viewer.add_image(np.asarray(read_image(folder / "images" / "patch0.png").channels[0][...]), name="axons")
    viewer.add_labels(np.asarray(read_labels(folder / "labels" / "patch0.png")[...]), name="expert")
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    fields = dock.page.form.fields
    for field, value in {"steps": 3, "width": 2, "depth": 2, "patch_size": 32, "batch_size": 2, "device": "cpu",
                         "threads": 1}.items():  # fmt: skip
        fields[field].value = value
    box = dock.page.kind.box
    box.setCurrentIndex(box.findData("masks"))
    box.activated.emit(box.currentIndex())
    yield dock
    bridge.close_engine()


def train(dock, qtbot):
    qtbot.waitUntil(lambda: dock.footer.button.isEnabled(), timeout=LONG)
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.run.report.is_running, timeout=LONG)


def test_trains_saves_and_trains_further(dock, qtbot):
    train(dock, qtbot)
    first = dock.run.report.request.output
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=LONG)
    assert dock.run.report.failure is None
    assert dock.run.report.losses
    record = read_record(first)
    assert [c.value for c in record.annotation.classes] == [0, 1, 2]
    assert record.network.width == 2
    assert dock.footer.result.text().startswith("Finished.")
    dock.open_model(first)
    train(dock, qtbot)
    second = dock.run.report.request.output
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=LONG)
    assert dock.run.report.failure is None
    assert second != first
    assert len(read_record(second).parents) == 1


def test_stop_keeps_what_was_reached(dock, qtbot):
    dock.page.form.fields["steps"].value = 1_000_000
    train(dock, qtbot)
    qtbot.waitUntil(lambda: bool(dock.run.report.losses), timeout=LONG)
    qtbot.waitUntil(lambda: not dock.footer._ready_to_stop.isActive(), timeout=LONG)
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=LONG)
    assert dock.run.report.stopped
    assert read_record(dock.run.report.model_path).network.width == 2


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a Unix matter")
def test_a_killed_child_is_a_sentence_and_the_next_run_works(dock, qtbot):
    fields = dock.page.form.fields
    fields["steps"].value = 1_000_000
    train(dock, qtbot)
    qtbot.waitUntil(lambda: bool(dock.run.report.losses), timeout=LONG)
    os.kill(bridge.engine()._worker._child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=LONG)
    assert dock.run.report.failure is not None
    assert "Traceback" not in dock.footer.result.text()
    assert dock.page.choices.isEnabled()
    fields["steps"].value = 1
    train(dock, qtbot)
    qtbot.waitUntil(lambda: not dock.run.report.is_running, timeout=LONG)
    assert dock.run.report.failure is None

"""Segmentations from the click to the layer, with an engine whose answers the test gives."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils import progress
from qtpy.QtWidgets import QApplication

from napari_unet.errors import UNetError
from napari_unet.events import (
    DeviceReport,
    Failed,
    Finished,
    Notice,
    PredictedRegion,
    Progress,
    Started,
    Waiting,
)
from napari_unet.viewer.layers import METADATA, annotation_of

WAIT = 5000


def region(value, rows=(0, 8), image=0, probabilities=None):
    shape = (rows[1] - rows[0], 9)
    return PredictedRegion(image, (rows, (0, 9)), np.full(shape, value, np.uint8), probabilities)


def ended(opened, qtbot):
    qtbot.waitUntil(lambda: not opened.dock.run.report.is_running, timeout=WAIT)


def test_results_stream_into_a_new_layer(running, qtbot):
    running.worker.say(Started("CPU, 2 threads"), region(3, (0, 4)))
    qtbot.waitUntil(lambda: "eye U-Net" in running.viewer.layers, timeout=WAIT)
    layer = running.viewer.layers["eye U-Net"]
    qtbot.waitUntil(lambda: bool((layer.data[:4] == 3).all()), timeout=WAIT)
    assert not layer.data[4:].any()
    assert "Segmenting on CPU, 2 threads" in running.footer.status.text()
    running.worker.say(region(3, (4, 8)), Finished())
    ended(running, qtbot)
    assert (layer.data == 3).all()
    assert running.footer.status.text() == "Done: eye U-Net."
    assert running.footer.button.text() == "Segment"
    assert running.footer.button.isEnabled()


def test_the_layer_says_where_it_came_from(running, qtbot, model_file):
    running.worker.say(Started("CPU"), Finished())
    ended(running, qtbot)
    layer = running.viewer.layers["eye U-Net"]
    record = layer.metadata[METADATA]["record"]
    assert (record["model"], record["image"]) == (str(model_file), "eye")
    assert record["settings"]["tile_size"] is None
    assert [c.name for c in annotation_of(layer).classes] == ["background", "vessel & co"]


def test_a_second_result_gets_a_name_of_its_own(running, qtbot):
    running.worker.say(Started("CPU"), region(3), Finished())
    ended(running, qtbot)
    running.footer.button.click()
    running.worker.say(Started("CPU"), region(0), Finished())
    ended(running, qtbot)
    assert (running.viewer.layers["eye U-Net"].data == 3).all()
    assert not running.viewer.layers["eye U-Net 2"].data.any()


def test_probabilities_come_on_request(open_dock, model_file, worker, qtbot):
    opened = open_dock(np.zeros((8, 9), np.uint8), model_file)
    opened.page.form.fields["probabilities"].value = True
    opened.dock.check()
    opened.footer.button.click()
    worker.say(Started("CPU"), region(3, probabilities=np.full((2, 8, 9), 0.5, np.float16)), Finished())
    ended(opened, qtbot)
    layer = opened.viewer.layers["eye U-Net probabilities"]
    assert (layer.data == 0.5).all()
    assert layer.data.shape == (2, 8, 9)


def test_progress_and_time_left_are_shown(running, qtbot):
    running.worker.say(Started("CPU"), Progress(0.25, 42.0))
    qtbot.waitUntil(lambda: running.footer.bar.value() == 250, timeout=WAIT)
    assert "42 s left" in running.footer.status.text()
    assert [bar.n for bar in progress._all_instances] == [25]
    running.worker.say(Finished())
    ended(running, qtbot)
    assert not progress._all_instances


def test_waiting_for_a_training_is_said(running, qtbot):
    running.worker.say(Waiting("Training is running; this starts when it is done."))
    qtbot.waitUntil(lambda: "Training is running" in running.footer.status.text(), timeout=WAIT)
    assert running.footer.button.text() == "Stop"
    assert running.footer.button.isEnabled()
    running.worker.say(Started("CPU"))
    qtbot.waitUntil(lambda: "Segmenting on CPU" in running.footer.status.text(), timeout=WAIT)
    running.worker.say(Finished())
    ended(running, qtbot)


def test_stop_keeps_what_is_finished(running, qtbot):
    running.worker.say(Started("CPU"), region(3, (0, 4)))
    qtbot.waitUntil(lambda: "eye U-Net" in running.viewer.layers, timeout=WAIT)
    running.footer._ready_to_stop.stop()
    running.footer.button.click()
    assert running.worker.jobs[0].stopped == 1
    assert running.footer.button.text() == "Stopping…"
    running.worker.say(Finished(stopped=True))
    ended(running, qtbot)
    assert running.footer.status.text() == "Stopped; what was finished is in eye U-Net."
    assert (running.viewer.layers["eye U-Net"].data[:4] == 3).all()
    assert running.footer.button.isEnabled()


def test_a_double_click_starts_one_run_and_does_not_stop_it(running, qtbot):
    running.footer.button.click()
    assert len(running.worker.jobs) == 1
    assert running.worker.jobs[0].stopped == 0
    running.worker.say(Finished())
    ended(running, qtbot)


def test_a_failure_is_a_sentence_and_leaves_no_empty_layer(running, qtbot):
    running.worker.say(
        Started("CPU"), Failed("There is not enough memory.", "Choose a smaller tile.", detail="Traceback")
    )
    ended(running, qtbot)
    assert running.footer.status.text() == "There is not enough memory. Choose a smaller tile."
    assert [la.name for la in running.viewer.layers] == ["eye"]
    assert running.footer.button.isEnabled()


def test_a_failure_halfway_keeps_what_there_is(running, qtbot):
    running.worker.say(Started("CPU"), region(3, (0, 4)), Failed("The process was killed."))
    ended(running, qtbot)
    assert (running.viewer.layers["eye U-Net"].data[:4] == 3).all()


def test_an_engine_that_refuses_is_a_sentence(open_dock, model_file, worker, qtbot):
    opened = open_dock(np.zeros((8, 9), np.uint8), model_file)
    worker.refusal = UNetError("This worker is closed.", "Open the dock again.")
    opened.footer.button.click()
    assert opened.footer.status.text() == "This worker is closed. Open the dock again."
    assert opened.footer.button.isEnabled()
    assert not progress._all_instances


def test_notices_are_shown(running, qtbot):
    running.worker.say(Started("CPU"), Notice("Memory was short: tiles of 256."), Finished())
    ended(running, qtbot)
    assert "tiles of 256" in running.footer.status.text()


def test_deleting_the_image_does_not_disturb(running, qtbot):
    running.viewer.layers.remove("eye")
    running.worker.say(Started("CPU"), region(3), Finished())
    ended(running, qtbot)
    assert (running.viewer.layers["eye U-Net"].data == 3).all()


def test_deleting_the_result_stops_the_run(running, qtbot):
    running.worker.say(Started("CPU"))
    qtbot.waitUntil(lambda: "eye U-Net" in running.viewer.layers, timeout=WAIT)
    running.viewer.layers.remove("eye U-Net")
    running.worker.say(region(3))
    qtbot.waitUntil(lambda: running.worker.jobs[0].stopped == 1, timeout=WAIT)
    running.worker.say(Finished(stopped=True))
    ended(running, qtbot)
    assert running.footer.status.text() == "Stopped."


def test_renaming_the_result_does_not_disturb(running, qtbot):
    running.worker.say(Started("CPU"))
    qtbot.waitUntil(lambda: "eye U-Net" in running.viewer.layers, timeout=WAIT)
    running.viewer.layers["eye U-Net"].name = "mine"
    running.worker.say(region(3), Finished())
    ended(running, qtbot)
    assert (running.viewer.layers["mine"].data == 3).all()
    assert running.footer.status.text() == "Done: mine."


def test_replacing_the_data_of_the_result_ends_the_run(running, qtbot):
    running.worker.say(Started("CPU"))
    qtbot.waitUntil(lambda: "eye U-Net" in running.viewer.layers, timeout=WAIT)
    running.viewer.layers["eye U-Net"].data = np.zeros((3, 3), np.uint8)
    running.worker.say(region(3))
    ended(running, qtbot)
    assert "was replaced" in running.footer.status.text()
    assert running.worker.jobs[0].stopped == 1
    assert running.footer.button.isEnabled()


def test_a_result_too_large_for_memory_is_a_sentence(running, qtbot, monkeypatch):
    def no_room(*_, **__):
        raise MemoryError

    monkeypatch.setattr("napari_unet.viewer.segment.run.add_prediction", no_room)
    running.worker.say(Started("CPU"))
    ended(running, qtbot)
    assert "does not fit into memory" in running.footer.status.text()


def test_closing_the_dock_keeps_the_run_and_another_shows_it(running, qtbot, open_dock):
    running.worker.say(Started("CPU"), Progress(0.5))
    qtbot.waitUntil(lambda: running.footer.bar.value() == 500, timeout=WAIT)
    old = running.dock
    running.wrapper.destroyOnClose()  # what napari's × does
    with qtbot.waitSignal(old.destroyed, timeout=WAIT):
        pass
    again = open_dock(viewer=running.viewer)
    assert again.dock is not old
    assert again.footer.button.text() == "Stop"
    assert again.footer.bar.value() == 500
    running.worker.say(region(3), Finished())
    ended(again, qtbot)
    assert again.footer.status.text() == "Done: eye U-Net."
    running.viewer.add_image(np.zeros((4, 4)))  # nothing of the old dock listens
    QApplication.processEvents()


def test_closing_the_viewer_stops_the_run(running, qtbot):
    run = running.dock.run
    running.worker.say(Started("CPU"))
    qtbot.waitUntil(lambda: "eye U-Net" in running.viewer.layers, timeout=WAIT)
    running.viewer.close()
    qtbot.waitUntil(lambda: running.worker.jobs[0].stopped == 1, timeout=WAIT)
    running.worker.say(region(3), Finished(stopped=True))
    qtbot.wait(300)
    assert not run.report.is_running
    assert not progress._all_instances


def test_two_viewers_have_runs_of_their_own(open_dock, model_file, worker, qtbot):
    first, second = (open_dock(np.zeros((8, 9), np.uint8), model_file) for _ in range(2))
    first.footer.button.click()
    assert first.footer.button.text() == "Stop"
    assert second.footer.button.text() == "Segment"
    worker.say(Started("CPU"), region(3), Finished())
    ended(first, qtbot)
    assert "eye U-Net" in first.viewer.layers
    assert "eye U-Net" not in second.viewer.layers


@pytest.mark.parametrize("value", [255, 256])
def test_class_values_fit_into_the_layer(open_dock, tmp_path, worker, qtbot, value):
    from napari_unet.labels import Annotation
    from segment_support import CLASSES, model_record, write_model

    classes = (CLASSES[0], CLASSES[1].model_copy(update={"value": value}))
    record = model_record(annotation=Annotation(kind="masks", classes=classes))
    opened = open_dock(np.zeros((8, 9), np.uint8), write_model(tmp_path / "m.safetensors", record))
    opened.footer.button.click()
    labels = np.full((8, 9), value, np.uint16)
    worker.say(Started("CPU"), PredictedRegion(0, ((0, 8), (0, 9)), labels), Finished())
    ended(opened, qtbot)
    assert (opened.viewer.layers["eye U-Net"].data == value).all()


def test_advice_that_stands_beside_the_device_is_not_said_again(open_dock, model_file, worker, qtbot):
    worker.report = DeviceReport("cpu", "CPU", "torch_without_gpu", "Install torch with: pip install torch")
    opened = open_dock(np.zeros((8, 9), np.uint8), model_file)
    opened.dock.device.probe()
    qtbot.waitUntil(lambda: opened.dock.device.report is not None, timeout=WAIT)
    opened.dock.device.confirmation.setChecked(True)
    opened.dock.segment()
    worker.say(
        Started("CPU"), Notice(worker.report.advice, "warning"), Notice("Short of memory."), Finished()
    )
    ended(opened, qtbot)
    assert [notice.text for notice in opened.dock.run.report.notices] == ["Short of memory."]
    assert "pip install torch" in opened.dock.device.label.text()

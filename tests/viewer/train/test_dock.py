import time

import numpy as np
import pytest
from napari.layers import Shapes
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_unet.events import (
    DeviceReport,
    Failed,
    Finished,
    ModelSaved,
    Notice,
    Progress,
    Started,
    TrainingStep,
    Validation,
    ValidationRegions,
    Waiting,
)
from napari_unet.viewer import remembered
from napari_unet.viewer.layers import annotation_of

WAIT = 10_000


def scribbled(shape=(64, 64)):
    """An image and two strokes on it."""
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    labels = np.zeros(shape, np.uint8)
    labels[..., 10:13, 5:50] = 1
    labels[..., 40:43, 5:50] = 2
    return image, labels


def settle(dock, qtbot):
    """Wait until the labels are counted and the device is known."""
    qtbot.wait(1)
    qtbot.waitUntil(
        lambda: (
            not dock.surveyor.is_busy and not dock._count_later.isActive() and not dock.page.device.is_looking
        ),
        timeout=WAIT,
    )


def press_train(dock, worker, qtbot):
    n = len(worker.requests)
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(worker.requests) == n + 1, timeout=WAIT)
    return worker.requests[-1]


def tell(dock, worker, qtbot, *events):
    """Let the engine say something, and wait until the dock has drawn it."""
    worker.say(*events)
    qtbot.waitUntil(lambda: not dock.run.report.is_running or not worker.jobs[-1].done, timeout=WAIT)
    qtbot.wait(150)
    qtbot.waitUntil(lambda: not dock._draw_later.isActive(), timeout=WAIT)


# Opening


def test_train_is_the_only_click_needed(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    dock = opened.dock
    assert dock.footer.button.isEnabled()
    assert dock.footer.line.text() == "1 image, 2 classes, 270 labelled pixels, about 5 min on the CPU."
    request = press_train(dock, worker, qtbot)
    (pair,) = request.images
    assert (pair.image.name, pair.image.axes) == ("cells", "YX")
    assert np.shares_memory(pair.image.channels[0], opened.viewer.layers["cells"].data)
    np.testing.assert_array_equal(pair.labels[...], opened.viewer.layers["paint"].data)
    assert request.annotation.kind == "scribbles"
    assert request.settings.labels_are == "scribbles"
    assert request.output.name.startswith("cells ")
    assert request.start_from is None
    assert dock.footer.button.text() == "Stop"


def test_opens_fast(make_napari_viewer, worker):
    viewer = make_napari_viewer()
    image, labels = scribbled((512, 512))
    viewer.add_image(image)
    viewer.add_labels(labels)
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")  # Qt and magicgui are warm
    begin = time.thread_time()  # not the wall's clock: other tests may share the processor
    viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    assert time.thread_time() - begin < 0.5


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        (False, None, "There is no image yet."),
        (True, None, "There are no labels yet. Click 'New annotation layer'"),
        (True, np.zeros((64, 64), np.uint8), "Nothing is labelled yet."),
        (
            True,
            np.zeros((32, 64), np.uint8),
            "paint has the shape (32, 64), but cells needs labels of (64, 64)",
        ),
    ],
)
def test_says_what_is_missing_and_cannot_be_started(open_dock, worker, qtbot, image, labels, words):
    dock = open_dock(scribbled()[0] if image else None, labels, said=None).dock
    assert words in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    dock.train()
    settle(dock, qtbot)
    assert worker.requests == []
    assert not dock._wants_to_train


def test_in_doubt_it_asks(open_dock, worker, qtbot):
    image, _ = scribbled()
    labels = np.zeros((64, 64), np.uint8)
    labels[20:40, 20:40] = 1
    dock = open_dock(image, labels, said=None).dock
    assert dock.page.kind.kind is None
    assert dock.footer.line.text().startswith("Paint a second class, or say what the labels are")
    assert "border" in dock.page.kind.box.styleSheet()
    assert not dock.footer.button.isEnabled()
    box = dock.page.kind.box
    box.setCurrentIndex(box.findData("masks"))
    box.activated.emit(box.currentIndex())
    settle(dock, qtbot)
    assert "border" not in box.styleSheet()
    assert "2 classes, 4,096 labelled pixels" in dock.footer.line.text()
    assert press_train(dock, worker, qtbot).annotation.kind == "masks"


def test_what_the_user_said_is_kept_in_the_layer(open_dock, worker, qtbot):
    opened = open_dock(*scribbled(), said="masks")
    opened.wrapper.destroyOnClose()
    qtbot.wait(10)
    dock = open_dock(viewer=opened.viewer).dock
    assert dock.page.kind.said == "masks"


def test_what_is_said_before_painting_is_not_forgotten(open_dock, qtbot):
    opened = open_dock(scribbled()[0], np.zeros((64, 64), np.uint8), said="masks")
    opened.viewer.layers.selection.active = opened.viewer.layers["cells"]
    opened.viewer.layers["cells"].name = "renamed"
    settle(opened.dock, qtbot)
    assert opened.dock.page.kind.said == "masks"


def test_a_floating_dock_is_not_taken_for_the_viewer(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.run._watched = None
    opened.wrapper.setFloating(True)
    opened.viewer.window._qt_window.show()
    qtbot.waitUntil(lambda: opened.dock.run.window is not None, timeout=WAIT)
    assert opened.dock.run.window is opened.viewer.window._qt_window


# Painting


def test_a_new_annotation_layer_is_ready_to_paint(open_dock, qtbot):
    opened = open_dock(scribbled((3, 64, 64))[0])
    opened.viewer.layers["cells"].scale = (5, 0.5, 0.5)
    qtbot.mouseClick(opened.dock.page.source.new_annotation, Qt.MouseButton.LeftButton)
    settle(opened.dock, qtbot)
    layer = opened.viewer.layers["cells annotation"]
    assert layer.data.shape == (3, 64, 64)
    assert tuple(layer.scale) == (5, 0.5, 0.5)
    assert (layer.mode, opened.viewer.layers.selection.active) == ("paint", layer)
    assert opened.dock.page.source.pairs[0].labels is layer


def test_strokes_are_counted_while_painting(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    layer = opened.viewer.layers["paint"]
    layer.data_setitem(np.nonzero(np.eye(64, dtype=bool)), 3)
    layer.events.paint(value=[])
    settle(opened.dock, qtbot)
    assert "3 classes" in opened.dock.footer.line.text()
    assert opened.dock.page.classes.rowCount() == 3
    layer.undo()
    settle(opened.dock, qtbot)
    assert opened.dock.page.classes.rowCount() == 2


def test_a_stroke_just_before_train_counts(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    layer = opened.viewer.layers["paint"]
    layer.data_setitem(np.nonzero(np.eye(64, dtype=bool)), 3)
    layer.events.paint(value=[])
    assert press_train(opened.dock, worker, qtbot).annotation.values == (1, 2, 3)


def test_names_go_into_the_layer_and_the_request(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.page.classes.item(0, 2).setText("axon")
    assert annotation_of(opened.viewer.layers["paint"]).classes[0].name == "axon"
    assert press_train(opened.dock, worker, qtbot).annotation.classes[0].name == "axon"


def test_later_painting_does_not_reach_the_run(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    request = press_train(opened.dock, worker, qtbot)
    before = np.array(request.images[0].labels[...])
    opened.viewer.layers["paint"].data[:] = 7
    np.testing.assert_array_equal(request.images[0].labels[...], before)


# Sources


def test_several_layers_are_channels(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.viewer.add_image(scribbled()[0], name="actin")
    settle(opened.dock, qtbot)
    row = opened.dock.page.source.rows[0]
    for action in row.images.menu().actions():
        action.setChecked(True)
    settle(opened.dock, qtbot)
    (pair,) = press_train(opened.dock, worker, qtbot).images
    assert pair.image.n_channels == 2


def test_several_pairs(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    image, labels = scribbled((48, 64))
    opened.viewer.add_image(image, name="more cells")
    opened.viewer.add_labels(labels, name="more paint")
    opened.viewer.layers.selection.active = opened.viewer.layers["paint"]
    settle(opened.dock, qtbot)
    source = opened.dock.page.source
    qtbot.mouseClick(source.add_pair, Qt.MouseButton.LeftButton)
    settle(opened.dock, qtbot)
    assert opened.dock.footer.line.text().startswith("2 images, 2 classes")
    request = press_train(opened.dock, worker, qtbot)
    assert [pair.image.name for pair in request.images] == ["cells", "more cells"]
    tell(opened.dock, worker, qtbot, Finished(stopped=True))
    qtbot.mouseClick(source.rows[0].remove, Qt.MouseButton.LeftButton)
    settle(opened.dock, qtbot)
    assert opened.dock.footer.line.text().startswith("1 image")


def test_axes_can_be_corrected(open_dock, worker, qtbot):
    image = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
    opened = open_dock(image, scribbled()[1])
    assert "cells needs labels of (3, 64, 64) (axes ZYX)" in opened.dock.footer.line.text()
    row = opened.dock.page.source.rows[0]
    for text, is_wrong in (("CY", True), ("CYX", False)):
        row.axes.setText(text)
        row.axes.editingFinished.emit()
        assert ("border" in row.axes.styleSheet()) == is_wrong
    settle(opened.dock, qtbot)
    assert press_train(opened.dock, worker, qtbot).images[0].image.n_channels == 3


def test_a_pair_of_folders(open_dock, worker, qtbot, shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    dock = open_dock().dock
    source = dock.page.source
    source.use_folders.setChecked(True)
    assert "Choose a folder" in dock.footer.line.text()
    source.folder_pair.set_folders(str(folder / "images"), str(folder / "labels"))
    source.folder_pair.changed.emit()
    settle(dock, qtbot)
    assert "3 images are paired" in source.folder_pair._summary.text()
    box = dock.page.kind.box
    box.setCurrentIndex(box.findData("masks"))
    box.activated.emit(box.currentIndex())
    settle(dock, qtbot)
    assert dock.footer.line.text().startswith("3 images, 3 classes")
    request = press_train(dock, worker, qtbot)
    assert len(request.images) == 3
    assert request.output.name.startswith("axondeepseg_myelin_sem ")


def test_folders_the_wrong_way_round_are_noticed(open_dock, qtbot, shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    dock = open_dock().dock
    dock.page.source.use_folders.setChecked(True)
    dock.page.source.folder_pair.set_folders(str(folder / "labels"), str(folder / "images"))
    dock.page.source.folder_pair.changed.emit()
    settle(dock, qtbot)
    assert "wrong way round" in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()


def test_folders_without_pairs_are_a_sentence(open_dock, tmp_path):
    dock = open_dock().dock
    dock.page.source.use_folders.setChecked(True)
    dock.page.source.folder_pair.set_folders(str(tmp_path), str(tmp_path / "absent"))
    dock.page.source.folder_pair.changed.emit()
    assert not dock.footer.button.isEnabled()
    assert dock.footer.line.text() == dock.page.source.folder_pair.problem != ""


def test_layers_renamed_deleted_or_replaced_during_a_run_disturb_nothing(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    viewer, dock = opened.viewer, opened.dock
    request = press_train(dock, worker, qtbot)
    before = np.array(request.images[0].labels[...])
    viewer.layers["paint"].name = "renamed"
    viewer.layers["renamed"].data = np.zeros((5, 5), np.uint8)
    viewer.layers.remove("cells")
    viewer.layers.remove("renamed")
    tell(dock, worker, qtbot, ValidationRegions(((((0, 8), (0, 8)),),), True, "A part."), Finished())
    np.testing.assert_array_equal(request.images[0].labels[...], before)
    assert dock.run.report.phase == "finished"
    assert "There is no image yet." in dock.footer.line.text()


# Running


def test_a_run_is_shown_from_start_to_end(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    dock = opened.dock
    request = press_train(dock, worker, qtbot)
    tell(dock, worker, qtbot, Waiting("Waits for a segmentation to end."))
    assert dock.footer.line.text() == "Waits for a segmentation to end."
    assert not dock.page.choices.isEnabled()
    assert not dock.page.fold.isExpanded()
    tell(
        dock, worker, qtbot,
        Started("cpu", {"patch_size": 64, "batch_size": 4}),
        ValidationRegions(((((0, 16), (0, 64)),),), True, "A fifth of the image is held out."),
        Notice("Out of memory: the batch is halved to 2.", "warning"),
        TrainingStep(10, 6.0, 0.9, 1e-3),
        Validation(10, 6.0, 0.8, {1: 0.75, 2: float("nan")}, {1: 0.6, 2: float("nan")}, 0.75, True),
        Progress(0.4, 90.0, "step 10"),
    )  # fmt: skip
    assert dock.footer.progress.value() == 400
    assert dock.footer.line.text() == "step 10 · about 2 min left"
    panel = dock.page.report
    assert panel.log.toPlainText() == "⚠ Out of memory: the batch is halved to 2."
    table = [[panel.scores.item(r, c).text() for c in range(3)] for r in range(3)]
    assert table == [["class 1", "0.750", "0.600"], ["class 2", "–", "–"], ["mean", "0.750", "0.600"]]
    assert "A fifth of the image is held out." in panel.honesty.text()
    assert isinstance(opened.viewer.layers[-1], Shapes)
    panel.show_held_out.setChecked(False)
    assert not opened.viewer.layers[-1].visible
    assert dock.page.form.fields["patch_size"].native.lineEdit().text() == "auto (64)"
    request.output.touch()
    tell(dock, worker, qtbot, ModelSaved(str(request.output)), Finished(model_path=str(request.output)))
    assert (
        dock.footer.result.text()
        == f"Finished. Validation Dice 0.75. The model is saved as {request.output.name}."
    )
    assert dock.footer.button.text() == "Train"
    assert dock.footer.button.isEnabled()
    assert dock.page.choices.isEnabled()
    assert dock.page.output.path != request.output


def test_without_an_honest_score_none_is_shown(open_dock, worker, qtbot):
    dock = open_dock(*scribbled()).dock
    press_train(dock, worker, qtbot)
    reason = "No honest score: too little is annotated."
    tell(
        dock, worker, qtbot,
        ValidationRegions(((),), False, reason),
        TrainingStep(1, 1.0, 0.9, 1e-3),
        Validation(1, 1.0, 0.5, {1: 0.9}, {1: 0.9}, 0.9, True),
    )  # fmt: skip
    panel = dock.page.report
    assert panel.honesty.text() == reason
    assert panel.scores.isHidden()
    assert panel.show_held_out.isHidden()
    assert panel.curves._plots["dice"].isHidden()
    tell(dock, worker, qtbot, Finished(model_path="m.safetensors"))
    assert "Dice" not in dock.footer.result.text()


def test_a_double_click_does_not_stop_what_it_began(open_dock, worker, qtbot):
    dock = open_dock(*scribbled()).dock
    press_train(dock, worker, qtbot)
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    dock.train()
    assert len(worker.requests) == 1
    assert dock.run.report.phase == "running"
    qtbot.waitUntil(lambda: not dock.footer._ready_to_stop.isActive(), timeout=WAIT)
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    assert dock.run.report.phase == "stopping"
    assert dock.footer.button.text() == "Stopping…"
    assert worker.jobs[-1].stopped == 1
    tell(dock, worker, qtbot, Finished(stopped=True))
    assert dock.footer.button.text() == "Train"
    assert dock.footer.button.isEnabled()


@pytest.mark.parametrize(
    "failure", [Failed("The process was killed.", "Start again."), Failed("The disk is full.", "Make room.")]
)
def test_a_failure_is_a_sentence_and_the_dock_goes_on(open_dock, worker, qtbot, failure):
    dock = open_dock(*scribbled()).dock
    press_train(dock, worker, qtbot)
    tell(dock, worker, qtbot, failure)
    assert dock.footer.result.text() == f"{failure.problem} {failure.remedy}"
    assert dock.footer.button.isEnabled()
    assert dock.page.choices.isEnabled()
    press_train(dock, worker, qtbot)


def test_a_folder_that_cannot_be_made(open_dock, worker, qtbot, tmp_path, monkeypatch):
    dock = open_dock(*scribbled()).dock
    (tmp_path / "file").touch()
    monkeypatch.setattr("napari_unet.viewer.train.output.output_problem", lambda *_, **__: "")
    dock.page.output.choose(tmp_path / "file" / "m.safetensors")
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    assert "The folder for the model cannot be made" in dock.footer.line.text()
    assert worker.requests == []


# Device


NO_TORCH = DeviceReport("cpu", "CPU", "torch_without_gpu", "Install torch with: pip install torch")


def test_a_gpu_left_unused_takes_one_click(open_dock, worker, qtbot):
    worker.report = NO_TORCH
    dock = open_dock(*scribbled()).dock
    assert not dock.footer.button.isEnabled()
    assert "pip install torch" in dock.page.device.label.text()
    dock.page.device.confirmation.setChecked(True)
    press_train(dock, worker, qtbot)


def test_the_processor_chosen_by_name_needs_no_click(open_dock, worker, qtbot):
    worker.report = NO_TORCH
    dock = open_dock(*scribbled()).dock
    dock.page.form.fields["device"].value = "cpu"
    settle(dock, qtbot)
    assert dock.footer.button.isEnabled()


def test_train_waits_for_the_device(open_dock, worker, qtbot, make_napari_viewer):
    dock = open_dock(*scribbled()).dock
    worker.report = None
    dock.page.form.fields["device"].value = "cuda"
    qtbot.mouseClick(dock.footer.button, Qt.MouseButton.LeftButton)
    qtbot.wait(50)
    assert worker.requests == []
    assert dock.footer.line.text().startswith("Getting ready")
    dock.page.device._on_event(DeviceReport("cuda", "RTX", "gpu"))
    assert len(worker.requests) == 1


# Settings


def test_settings_are_remembered_and_reset(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.page.form.fields["minutes"].value = 2.5
    qtbot.waitUntil(lambda: not opened.dock._save_later.isActive(), timeout=WAIT)
    opened.wrapper.destroyOnClose()
    qtbot.wait(10)
    dock = open_dock(viewer=opened.viewer).dock
    assert dock.page.form.value.minutes == 2.5
    assert "about 2.5 min" in dock.footer.line.text()
    dock.page.form.reset_button.click()
    assert dock.page.form.value.minutes == 5


@pytest.mark.parametrize(
    "values", [{"settings": {"gone": 1}}, {"settings": 3}, {"folders": 4, "models_folder": 5}]
)
def test_settings_of_another_version_are_left_out(open_dock, worker, values):
    remembered.save("train", values)
    assert open_dock(*scribbled()).dock.page.form.value.minutes == 5


def test_a_wrong_setting_is_named(open_dock, worker, qtbot):
    dock = open_dock(*scribbled()).dock
    box = dock.page.form.fields["minutes"].native
    box.lineEdit().clear()
    qtbot.keyClicks(box, "soon")
    assert "Minutes must be" in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()


def test_the_keyboard_reaches_everything_in_order(open_dock, qtbot):
    dock = open_dock(*scribbled()).dock
    page = dock.page
    wanted = [
        page.fold.button,
        page.source.use_layers,
        page.source.rows[0].images,
        page.source.rows[0].labels,
        page.source.new_annotation,
        page.source.add_pair,
        page.kind.box,
        page.classes,
        page.start.box,
        page.output.edit,
        page.output.browse,
        page.form.fields["minutes"].native,
        page.form.advanced.button,
        dock.footer.button,
    ]
    chain, widget = [], dock
    for _ in range(2000):
        widget = widget.nextInFocusChain()
        if widget is dock:
            break
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisibleTo(dock) and widget.isEnabled():
            chain.append(widget)
    places = [chain.index(w) for w in wanted]
    assert places == sorted(places)
    assert page.form.fields["seed"].native not in chain  # folded away


# Fine-tuning


def model_file(path):
    """A model file as far as its header goes: a network of one number."""
    import json

    from napari_unet.images import Normalisation
    from napari_unet.labels import Annotation, LabelClass
    from napari_unet.models.record import ModelRecord
    from napari_unet.settings import NetworkSettings

    annotation = Annotation(
        kind="scribbles",
        classes=tuple(
            LabelClass(value=v, name=n, color="#112233") for v, n in ((1, "axon"), (2, "myelin"), (3, "rest"))
        ),
    )
    record = ModelRecord(
        network=NetworkSettings(n_channels=1, n_classes=3),
        annotation=annotation,
        normalisation=Normalisation(),
    )
    header = {
        "__metadata__": {"napari_unet": record.model_dump_json()},
        "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    return path


def test_a_dropped_model_is_trained_further(open_dock, worker, qtbot, tmp_path):
    model = model_file(tmp_path / "old.safetensors")
    dock = open_dock(*scribbled()).dock
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(model))])
    dock.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert dock.page.start.box.currentText() == "old"
    assert "Knows axon, myelin, rest; 1 channel." in dock.page.start.about.text()
    assert press_train(dock, worker, qtbot).start_from == model
    assert remembered.recent_models() == [model]


def test_a_file_that_is_no_model_is_a_sentence(open_dock, worker, tmp_path, monkeypatch):
    broken = tmp_path / "notes.txt"
    broken.write_text("not a model")
    dock = open_dock(*scribbled()).dock
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(broken), ""))
    box = dock.page.start.box
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.count() - 1)
    assert "notes.txt is not a model file" in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()
    box.setCurrentIndex(0)
    box.activated.emit(0)
    assert dock.footer.button.isEnabled()


# After the run


def test_the_model_can_be_copied_and_segmented_with(open_dock, worker, qtbot, tmp_path, monkeypatch):
    opened = open_dock(*scribbled())
    dock = opened.dock
    request = press_train(dock, worker, qtbot)
    model_file(request.output)
    tell(dock, worker, qtbot, Finished(model_path=str(request.output)))
    copy = tmp_path / "copy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(copy), ""))
    qtbot.mouseClick(dock.footer.save_button, Qt.MouseButton.LeftButton)
    assert copy.with_suffix(".safetensors").read_bytes() == request.output.read_bytes()
    opened_models = []
    monkeypatch.setattr(
        "napari_unet.viewer.segment.dock.SegmentDock.open_model",
        lambda self, path: opened_models.append(path),
    )
    qtbot.mouseClick(dock.footer.segment_button, Qt.MouseButton.LeftButton)
    assert opened_models == [request.output]


def test_a_copy_that_cannot_be_saved_is_a_sentence(open_dock, worker, qtbot, tmp_path):
    dock = open_dock(*scribbled()).dock
    request = press_train(dock, worker, qtbot)
    request.output.touch()
    tell(dock, worker, qtbot, Finished(model_path=str(request.output)))
    dock.footer.save_copy(tmp_path / "absent" / "copy")
    assert dock.footer.result.text().startswith("The copy could not be saved: No such file")


# Closing


def question():
    return next((w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox)), None)


@pytest.mark.parametrize("answer", ["Keep training", "Stop training"])
def test_closing_the_dock_during_a_run_asks(open_dock, worker, qtbot, answer):
    opened = open_dock(*scribbled())
    press_train(opened.dock, worker, qtbot)
    opened.wrapper.destroyOnClose()  # what the × of napari's title bar does
    qtbot.waitUntil(lambda: question() is not None, timeout=WAIT)
    button = next(b for b in question().buttons() if b.text() == answer)
    button.click()
    qtbot.waitUntil(lambda: question() is None, timeout=WAIT)
    assert worker.jobs[-1].stopped == (answer == "Stop training")
    worker.say(TrainingStep(1, 1.0, 0.5, 1e-3), Progress(0.3, 60.0))
    dock = open_dock(viewer=opened.viewer).dock
    qtbot.waitUntil(lambda: dock.run.report.progress is not None, timeout=WAIT)
    tell(dock, worker, qtbot, Progress(0.6, 30.0))
    assert dock.footer.progress.value() == 600
    assert dock.run.report.losses
    tell(dock, worker, qtbot, Finished(stopped=True))
    assert dock.footer.button.text() == "Train"


def test_closing_the_dock_without_a_run_asks_nothing(open_dock, qtbot):
    opened = open_dock(*scribbled())
    opened.wrapper.destroyOnClose()
    qtbot.wait(20)
    assert question() is None
    opened.viewer.layers["paint"].name = "still fine"  # nobody listens any more
    qtbot.wait(20)


def test_floating_the_dock_is_no_closing(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    press_train(opened.dock, worker, qtbot)
    opened.wrapper.setFloating(True)
    opened.wrapper.setFloating(False)
    qtbot.wait(20)
    assert question() is None
    tell(opened.dock, worker, qtbot, Finished(stopped=True))


def test_closing_the_viewer_during_a_run_stops_it(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    press_train(opened.dock, worker, qtbot)
    run = opened.dock.run
    opened.viewer.close()
    qtbot.waitUntil(lambda: worker.jobs[-1].stopped == 1, timeout=WAIT)
    worker.say(Finished(stopped=True))
    qtbot.waitUntil(lambda: not run.report.is_running, timeout=WAIT)

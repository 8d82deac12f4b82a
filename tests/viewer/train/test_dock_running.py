import pytest
from napari.layers import Shapes
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_unet.events import (
    Before,
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
from napari_unet.models.examples import examples_path
from train_support import WAIT, axon_model, press_train, scribbled, settle, tell

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
    table = [[panel.scores.item(r, c).text() for c in (0, 2, 3)] for r in range(3)]
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


# After the run


def test_the_model_can_be_copied_and_segmented_with(open_dock, worker, qtbot, tmp_path, monkeypatch):
    opened = open_dock(*scribbled())
    dock = opened.dock
    request = press_train(dock, worker, qtbot)
    axon_model(request.output)
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


@pytest.mark.parametrize(
    ("now", "words", "is_worse"), [(0.7, "This is worse than before", True), (0.9, "Before, on", False)]
)
def test_a_model_trained_further_is_compared_with_what_it_was(
    open_dock, worker, qtbot, tmp_path, monkeypatch, now, words, is_worse
):
    old = tmp_path / "old.safetensors"
    axon_model(old)
    dock = open_dock(*scribbled()).dock
    dock.open_model(old)
    request = press_train(dock, worker, qtbot)
    axon_model(request.output)
    tell(
        dock,
        worker,
        qtbot,
        ValidationRegions(((((0, 8), (0, 8)),),), True, "some"),
        Before({1: 0.8, 2: 0.8}, {1: 0.7, 2: 0.7}, 0.8),
        Validation(1, 1.0, 0.5, {1: now, 2: now}, {1: 0.6, 2: 0.6}, now, True),
        Finished(model_path=str(request.output)),
    )
    assert words in dock.footer.result.text()
    assert "0.800" in dock.footer.result.text()
    scores = dock.page.report.scores
    assert not scores.isColumnHidden(1)
    assert [scores.item(0, column).text() for column in (1, 2)] == ["0.800", f"{now:.3f}"]
    assert dock.footer.old_button.isVisibleTo(dock) == is_worse
    opened_models = []
    monkeypatch.setattr(
        "napari_unet.viewer.segment.dock.SegmentDock.open_model",
        lambda self, path: opened_models.append(path),
    )
    if is_worse:
        qtbot.mouseClick(dock.footer.old_button, Qt.MouseButton.LeftButton)
        assert opened_models == [old]


def test_a_copy_that_cannot_be_saved_is_a_sentence(open_dock, worker, qtbot, tmp_path):
    dock = open_dock(*scribbled()).dock
    request = press_train(dock, worker, qtbot)
    request.output.touch()
    tell(dock, worker, qtbot, Finished(model_path=str(request.output)))
    dock.footer.save_copy(tmp_path / "absent" / "copy")
    assert dock.footer.result.text().startswith("The copy could not be saved: No such file")


def test_a_copy_has_what_the_model_learnt_from_beside_it(open_dock, worker, qtbot, tmp_path):
    dock = open_dock(*scribbled()).dock
    request = press_train(dock, worker, qtbot)
    request.output.touch()
    examples_path(request.output).write_bytes(b"pieces")
    tell(dock, worker, qtbot, Finished(model_path=str(request.output)))
    dock.footer.save_copy(tmp_path / "copy")
    assert (tmp_path / "copy.examples.safetensors").read_bytes() == b"pieces"
    assert dock.footer.result.text() == "Saved a copy as copy.safetensors."


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
    assert not dock.page.fold.isExpanded()  # the run is what the dock was opened for
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


def test_closing_the_dock_just_after_train_begins_nothing(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.train()  # the labels are counted once more before a run
    opened.wrapper.destroyOnClose()
    qtbot.wait(100)
    assert worker.requests == []
    assert not opened.dock.run.report.is_running


def test_closing_the_dock_of_a_run_that_stops_asks_nothing(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    press_train(opened.dock, worker, qtbot)
    opened.dock.stop()
    opened.wrapper.destroyOnClose()
    qtbot.wait(50)
    assert question() is None
    worker.say(Finished(stopped=True))
    qtbot.waitUntil(lambda: not opened.dock.run.report.is_running, timeout=WAIT)

from pathlib import Path

import numpy as np
import pytest
from napari.utils import progress

from napari_unet.errors import JobLostError
from napari_unet.events import (
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
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import default_annotation
from napari_unet.requests import TrainingRequest
from napari_unet.settings import TrainSettings
from napari_unet.viewer.remembered import recent_models
from napari_unet.viewer.train.footer import result_text
from napari_unet.viewer.train.regions import Placement
from napari_unet.viewer.train.run import RunReport, TrainingRun, run_of


def request(output="m.safetensors"):
    image = AnnotatedImage(Image("a", (np.zeros((8, 8)),), "YX"), np.zeros((8, 8), np.uint8))
    return TrainingRequest((image,), default_annotation("scribbles", [1, 2]), TrainSettings(), Path(output))


class Job:
    stopped = 0

    def stop(self):
        self.stopped += 1


class Submit:
    """Stands in for ``Engine.submit``."""

    def __init__(self):
        self.calls = []
        self.job = Job()

    def __call__(self, asked, on_event):
        self.calls.append((asked, on_event))
        return self.job

    def say(self, *events):
        for event in events:
            self.calls[-1][1](event)


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((8, 8)), name="a")
    return viewer


@pytest.fixture
def submit():
    return Submit()


def validation(dice, *, is_best):
    return Validation(1, 60.0, 0.4, {1: dice}, {1: dice}, dice, is_best)


def test_a_report_holds_what_was_said():
    report = RunReport(phase="running")
    for event in (
        Waiting("behind a segmentation"),
        Started("cpu", {"patch_size": 64}),
        Notice("The batch was halved.", "warning"),
        TrainingStep(1, 30.0, 0.9, 1e-3),
        validation(0.8, is_best=True),
        validation(0.7, is_best=False),
        Progress(0.5, 60.0),
        ModelSaved("m.safetensors"),
    ):
        report.hear(event)
    assert (report.waiting, report.device, report.plan) == ("", "cpu", {"patch_size": 64})
    assert report.losses == [(0.5, 0.9)]
    assert report.best.mean_dice == 0.8
    assert report.is_running
    report.hear(Finished(stopped=True, model_path="n.safetensors"))
    assert (report.phase, report.stopped, report.model_path) == ("finished", True, Path("n.safetensors"))


@pytest.mark.parametrize(
    ("events", "text", "is_problem"),
    [
        ([], "", False),
        ([Finished(stopped=True)], "Stopped before anything was learnt; no model was written.", False),
        ([Finished(model_path="m.st")], "Finished. The model is saved as m.st.", False),
        (
            [ValidationRegions((), True, ""), validation(0.812, is_best=True), Finished(model_path="m.st")],
            "Finished. Validation Dice 0.81. The model is saved as m.st.",
            False,
        ),
        ([Failed("It broke.", "Try again.")], "It broke. Try again.", True),
        (
            [ModelSaved("m.st"), Failed("It was killed.")],
            "It was killed. The best weights until then are in m.st.",
            True,
        ),
    ],
)
def test_how_a_run_ended_in_words(events, text, is_problem):
    report = RunReport(phase="running")
    for event in events:
        report.hear(event)
    assert result_text(report) == (text, is_problem)


def test_train_pressed_twice_runs_once(viewer, submit):
    run = TrainingRun(viewer)
    run.start(submit, request(), (None,))
    run.start(submit, request(), (None,))
    assert len(submit.calls) == 1


def test_events_of_a_run_that_is_over_are_dropped(viewer, submit):
    run = TrainingRun(viewer)
    run.start(submit, request(), (None,))
    submit.say(Finished())
    old = submit.calls[-1][1]
    run.start(submit, request(), (None,))
    old(Failed("late"))
    assert run.report.is_running
    submit.say(Finished())
    submit.say(Notice("after the end"))
    assert run.report.notices == []


def test_stop_is_asked_once(viewer, submit):
    run = TrainingRun(viewer)
    run.stop()
    run.start(submit, request(), (None,))
    run.stop()
    run.stop()
    assert (submit.job.stopped, run.report.phase) == (1, "stopping")


def test_an_engine_that_cannot_start_fails_in_words(viewer):
    def refuse(asked, on_event):
        raise JobLostError("The process did not start.", "Restart napari.")

    run = TrainingRun(viewer)
    run.start(refuse, request(), (None,))
    assert (run.report.phase, run.report.failure.problem) == ("failed", "The process did not start.")


def test_the_bar_in_the_activity_dock_goes_with_the_run(viewer, submit):
    run = TrainingRun(viewer)
    run.start(submit, request(), (None,))
    (bar,) = progress._all_instances
    submit.say(Progress(0.25))
    assert bar.n == 25
    submit.say(Failed("x"))
    assert not progress._all_instances


def test_a_finished_model_is_offered_to_other_docks(viewer, submit, tmp_path):
    model = tmp_path / "m.safetensors"
    model.touch()
    run = TrainingRun(viewer)
    run.start(submit, request(model), (None,))
    submit.say(Finished(model_path=str(model)))
    assert recent_models() == [model]


def test_the_same_viewer_has_the_same_run_whatever_its_proxy(viewer):
    from napari.utils._proxies import PublicOnlyProxy

    assert run_of(PublicOnlyProxy(viewer)) is run_of(viewer)
    assert run_of(PublicOnlyProxy(viewer)) is run_of(PublicOnlyProxy(viewer))


def test_two_viewers_have_runs_of_their_own(viewer, make_napari_viewer):
    assert run_of(viewer) is not run_of(make_napari_viewer())


def test_held_out_regions_are_shown_hidden_and_taken_away(viewer, submit):
    run = TrainingRun(viewer)
    where = Placement.of(viewer.layers["a"], (8, 8))
    run.start(submit, request(), (where,))
    submit.say(ValidationRegions(((((0, 4), (0, 8)),),), True, "A part."))
    layer = viewer.layers[-1]
    assert layer.visible
    run.show_held_out(False)
    assert not layer.visible
    submit.say(Finished())
    run.start(submit, request(), (where,))
    assert len(viewer.layers) == 1
    submit.say(Finished())


def test_a_viewer_closed_during_training_stops_the_run(viewer, submit, qtbot):
    run = run_of(viewer)
    window = viewer.window._qt_window
    run.watch(window)
    run.start(submit, request(), (Placement.of(viewer.layers["a"], (8, 8)),))
    viewer.close()
    qtbot.waitUntil(lambda: submit.job.stopped == 1, timeout=5000)
    submit.say(ValidationRegions(((((0, 4), (0, 8)),),), True, ""), Finished(stopped=True))
    assert run.window is None

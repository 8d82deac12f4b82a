"""What a run looks like on a terminal and in a log."""

from __future__ import annotations

import math

import pytest

from napari_unet.cli import report
from napari_unet.events import (
    Finished,
    Notice,
    Progress,
    Started,
    TrainingStep,
    Validation,
    ValidationRegions,
    Waiting,
)

RUN = (
    Waiting("Another job is running."),
    Started("cpu", {"patch_size": 64, "device": "cpu", "steps": None}),
    Notice("The batch was halved.", "warning"),
    ValidationRegions((), False, "Only one image is annotated."),
    TrainingStep(3, 1.0, 0.5, 1e-3),
    Validation(3, 1.0, 0.4, {1: 0.7}, {1: 0.6}, 0.7, True),
    Progress(0.25, 135.0),
    Progress(0.5, 90.0),
    Finished(stopped=True),
)


def test_a_log_gets_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with report.Reporter("Training") as reporter:
        for event in RUN:
            reporter(event)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\r" not in captured.err
    assert "\x1b" not in captured.err
    assert captured.err.splitlines() == [
        "Another job is running.",
        "Training on cpu: patch size 64.",
        "Warning: The batch was halved.",
        "Warning: no honest score is possible. Only one image is annotated.",
        "Training  25%, 2 min 15 s left, step 3, loss 0.500, validation Dice 0.700",
        "Training was stopped.",
    ]


def test_a_line_follows_after_a_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(report.time, "monotonic", lambda: now)
    reporter = report.Reporter("Segmenting")
    for fraction in (0.1, 0.2, 0.3):
        reporter(Progress(fraction, None, "image 1 of 2"))
        now += 3.0
    assert capsys.readouterr().err.splitlines() == [
        "Segmenting  10%, image 1 of 2",
        "Segmenting  30%, image 1 of 2",
    ]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm-256color")
    with report.Reporter("Training") as reporter:
        for event in RUN:
            reporter(event)
    shown = capsys.readouterr().err
    assert "━" in shown
    assert "The batch was halved." in shown


def test_an_undefined_score_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = report.Reporter("Training")
    reporter(Validation(1, 1.0, 0.4, {}, {}, math.nan, True))
    reporter(Progress(0.5))
    assert capsys.readouterr().err == "Training  50%\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (-1.0, "0 s left"), (59.6, "1 min 0 s left"), (61, "1 min 1 s left")]
)
def test_time_left_is_said_as_people_do(seconds: float | None, text: str) -> None:
    assert report.time_left(seconds) == text


def test_stopping_says_where_the_best_weights_are(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = report.Reporter("Training")
    reporter(Finished(stopped=True, model_path="a.safetensors"))
    reporter(Finished(stopped=True))
    assert capsys.readouterr().err.splitlines() == [
        "Training was stopped. The best weights so far are in a.safetensors.",
        "Training was stopped.",
    ]

"""Events cross a process boundary unchanged and cannot be changed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from napari_unet import events

EXAMPLES: list[events.Event] = [
    events.Waiting("another job is running"),
    events.Notice("The batch was halved.", "warning"),
    events.Started("cpu", {"patch": 256}),
    events.Progress(0.5, 12.0, "training"),
    events.ValidationRegions(((((0, 5), (3, 9)),), ()), True, "one block"),
    events.TrainingStep(10, 1.5, 0.3, 1e-3),
    events.Before({0: 0.9}, {0: 0.8}, 0.9),
    events.Validation(10, 1.5, 0.3, {0: 0.9, 1: float("nan")}, {0: 0.8, 1: float("nan")}, 0.9, True),
    events.ModelSaved("model.safetensors"),
    events.PredictedRegion(0, ((0, 2), (0, 3)), np.ones((2, 3), np.uint8), np.ones((2, 2, 3), np.float16)),
    events.PredictedObjects(
        0, ((0, 2), (0, 3)), np.ones((2, 3), np.int32), False, np.ones((2, 2, 3), np.uint8)
    ),
    events.Preview(0, ((0, 2), (0, 3)), np.ones((2, 3), np.uint8), np.ones((2, 3), np.uint8), 7),
    events.Suggestion(0, (1.0, 2.5)),
    events.LiveState("learning", 7, 0.3, {1: 20}),
    events.Finished(True, "model.safetensors", {"mean_dice": 0.9}),
    events.Failed("It is broken.", "Repair it.", "InputError", "traceback"),
    events.RateFound(3e-3, "It fell there.", np.ones(2), np.ones(2), np.ones(2), False),
    events.DeviceReport("cpu", "CPU", "gpu_full", "Others use it.", 1, 2),
]


def test_every_event_has_an_example() -> None:
    defined = {c for c in vars(events).values() if isinstance(c, type) and issubclass(c, events.Event)}
    assert {type(e) for e in EXAMPLES} == defined - {events.Event}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: type(e).__name__)
def test_pickle_round_trip(event: events.Event) -> None:
    copy = pickle.loads(pickle.dumps(event))
    assert type(copy) is type(event)
    for field in fields(event):
        before, after = getattr(event, field.name), getattr(copy, field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
        else:
            assert repr(before) == repr(after)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: type(e).__name__)
def test_events_are_frozen(event: events.Event) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(event, fields(event)[0].name, None)


@pytest.mark.parametrize(
    ("status", "asks"),
    [
        ("gpu", False),
        ("no_gpu", False),
        ("torch_without_gpu", True),
        ("gpu_too_old", True),
        ("gpu_full", True),
    ],
)
def test_only_an_unused_gpu_needs_a_confirming_click(status: str, asks: bool) -> None:
    assert events.DeviceReport("cpu", "CPU", status).needs_confirmation is asks  # type: ignore[arg-type]


def test_events_load_neither_torch_nor_qt() -> None:
    code = (
        "import sys, napari_unet.events, napari_unet.requests; "
        "print([m for m in ('torch', 'napari', 'qtpy', 'skimage') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.images import AnnotatedImage, Image, Normalisation
from napari_unet.labels import KindGuess
from napari_unet.models.record import ModelRecord
from napari_unet.settings import NetworkSettings, TrainSettings
from napari_unet.viewer.train.classes import annotation_for
from napari_unet.viewer.train.preflight import Choices, examine
from napari_unet.viewer.train.survey import Survey


def pair(n_channels=1):
    return AnnotatedImage(
        Image(f"cells{n_channels}", (np.zeros((n_channels, 8, 8), np.uint8),), "CYX"),
        np.zeros((8, 8), np.uint8),
    )


COUNTS = {0: 12_000, 1: 300, 2: 45}
READY = Choices(
    images=[pair(), pair()],
    survey=Survey(COUNTS, guess=KindGuess("scribbles", "strokes")),
    kind="scribbles",
    annotation=annotation_for("scribbles", COUNTS),
    start=None,
    settings=TrainSettings(),
    output="",
    device="",
    device_words="the CPU",
)


def record(n_channels):
    return ModelRecord(
        network=NetworkSettings(n_channels=n_channels, n_classes=2),
        annotation=READY.annotation,
        normalisation=Normalisation(),
    )


def test_says_what_will_be_trained():
    check = examine(READY)
    assert check.is_ready
    assert check.text == "2 images, 2 classes, 345 labelled pixels, about 5 min on the CPU."


@pytest.mark.parametrize(
    ("settings", "length"),
    [
        (TrainSettings(minutes=0.5), "about 30 s"),
        (TrainSettings(minutes=7.5), "about 7.5 min"),
        (TrainSettings(minutes=300), "about 5 h"),
        (TrainSettings(steps=1), "1 step"),
        (TrainSettings(steps=1200), "1,200 steps"),
    ],
)
def test_says_how_long(settings, length):
    assert f" {length} on the CPU." in examine(replace(READY, settings=settings)).text


def test_every_pixel_of_a_mask_is_labelled():
    annotation = annotation_for("masks", COUNTS)
    check = examine(replace(READY, kind="masks", annotation=annotation))
    assert "3 classes, 12,345 labelled pixels" in check.text


ONLY_ONE = Survey({0: 90, 1: 10}, guess=KindGuess(None, "It could be anything."))


@pytest.mark.parametrize(
    ("changes", "part", "words"),
    [
        ({"images": "There is no image yet."}, "source", "There is no image yet."),
        ({"images": [pair(1), pair(3)]}, "source", "cells1 has 1 channel, cells3 3 channels"),
        ({"survey": Survey(error="The labels cannot be read.")}, "source", "cannot be read"),
        ({"survey": Survey({0: 100})}, "source", "Nothing is labelled yet"),
        ({"kind": None}, "kind", "Say what the labels are: scribbles, masks or objects."),
        ({"kind": None, "survey": ONLY_ONE}, "kind", "Paint a second class, or say what"),
        (
            {"survey": ONLY_ONE, "annotation": annotation_for("scribbles", ONLY_ONE.counts)},
            "source",
            "Only one class is painted (class 1)",
        ),
        (
            {"kind": "objects", "survey": Survey({4: 9}), "annotation": annotation_for("objects", {4: 9})},
            "source",
            "There must be both objects and background",
        ),
        ({"start": "It is truncated."}, "start", "It is truncated."),
        ({"start": record(3)}, "start", "looks at 3 channels, but cells1 has 1"),
        ({"settings": "Minutes must be a number."}, "settings", "Minutes must be"),
        ({"output": "It exists already."}, "output", "exists already"),
        ({"device": "Tick the box."}, "device", "Tick"),
    ],
)
def test_says_why_it_cannot_start(changes, part, words):
    check = examine(replace(READY, **changes))
    assert not check.is_ready
    assert check.part == part
    assert words in check.text


def test_a_model_with_the_same_channels_can_be_trained_further():
    assert examine(replace(READY, start=record(1))).is_ready


def test_too_many_values_to_be_classes():
    counts = dict.fromkeys(range(400), 1)
    check = examine(replace(READY, survey=Survey(counts), kind="masks", annotation=None))
    assert check.part == "kind"
    assert "choose objects" in check.text

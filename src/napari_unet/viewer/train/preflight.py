"""What will be trained, in one line, or why it cannot start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from napari_unet.errors import UNetError
from napari_unet.images import AnnotatedImage
from napari_unet.labels import Annotation, AnnotationKind
from napari_unet.models.record import ModelRecord
from napari_unet.settings import TrainSettings
from napari_unet.viewer.train.classes import annotation_for, class_pixels
from napari_unet.viewer.train.survey import Survey

Part = Literal["", "source", "kind", "start", "settings", "output", "device"]
"""What has to be corrected; empty where there is nothing to correct."""


@dataclass(frozen=True)
class Preflight:
    """Whether training can start.

    Attributes
    ----------
    text : str
        What will be trained on, or what is missing.
    is_ready : bool
        Whether it can start.
    part : Part
        What has to be corrected.
    """

    text: str
    is_ready: bool = False
    part: Part = ""


@dataclass(frozen=True)
class Choices:
    """Everything the pre-flight check looks at.

    Attributes
    ----------
    images : list of AnnotatedImage, or str
        What is learnt from, or why it cannot be.
    survey : Survey or None
        What is painted; ``None`` while it is counted.
    kind : AnnotationKind or None
        What the labels are; ``None`` while in doubt.
    annotation : Annotation or None
        The classes; ``None`` where there are none.
    start : ModelRecord or None, or str
        The model to train further, or why it cannot be used.
    settings : TrainSettings or str
        How to train, or why the settings cannot be used.
    output, device : str
        Why the model cannot be written, or the device not used; empty where they can.
    device_words : str
        The device within a sentence.
    """

    images: Sequence[AnnotatedImage] | str
    survey: Survey | None
    kind: AnnotationKind | None
    annotation: Annotation | None
    start: ModelRecord | str | None
    settings: TrainSettings | str
    output: str
    device: str
    device_words: str


def examine(choices: Choices) -> Preflight:
    """Return whether training can start; of several things to correct, the first from top to bottom."""
    images, survey, annotation = choices.images, choices.survey, choices.annotation
    if isinstance(images, str):
        return Preflight(images, part="source")
    if survey is not None and survey.error:
        return Preflight(survey.error, part="source")
    if survey is None or not images:
        return Preflight("Counting the labels…", is_ready=True)
    problem = check_images(images)
    if problem:
        return Preflight(problem, part="source")
    if not any(value > 0 for value in survey.counts):
        return Preflight("Nothing is labelled yet. Paint a little of at least two classes.", part="source")
    if choices.kind is None:
        n_values = sum(1 for value in survey.counts if value > 0)
        wish = "Paint a second class, or say" if n_values == 1 else "Say"
        return Preflight(f"{wish} what the labels are: scribbles, masks or objects.", part="kind")
    if annotation is None:
        try:
            annotation = annotation_for(choices.kind, survey.counts)
        except UNetError as error:
            return Preflight(str(error), part="kind")
    problem = check_classes(annotation, survey.counts)
    if problem:
        return Preflight(problem, part="source")
    start = choices.start
    if isinstance(start, ModelRecord):
        start = check_start(start, images)
    if start:
        return Preflight(start, part="start")
    settings = choices.settings
    if isinstance(settings, str):
        return Preflight(settings, part="settings")
    if choices.output:
        return Preflight(choices.output, part="output")
    if choices.device:
        return Preflight(choices.device, part="device")
    return Preflight(
        describe(images, annotation, survey.counts, settings, choices.device_words), is_ready=True
    )


def check_images(images: Sequence[AnnotatedImage]) -> str:
    """Return why ``images`` cannot be learnt from together; empty where they can."""
    first = images[0].image
    for other in images[1:]:
        if other.image.n_channels != first.n_channels:
            return (
                f"{first.name} has {_count(first.n_channels, 'channel')}, {other.image.name} "
                f"{_count(other.image.n_channels, 'channel')}. Learn from images with the same channels."
            )
    return ""


def check_classes(annotation: Annotation, counts: Mapping[int, int]) -> str:
    """Return why these classes cannot be learnt; empty where they can: at least two of them are painted."""
    painted = [c for c in annotation.classes if class_pixels(annotation, counts).get(c.value)]
    if len(painted) >= 2:
        return ""
    only = f"Only one class is painted ({painted[0].name})." if painted else "None of the classes is painted."
    remedies: dict[AnnotationKind, str] = {
        "scribbles": "Paint a second one too, for example the background with another label.",
        "masks": "Label a second one too.",
        "objects": "There must be both objects and background.",
    }
    return f"{only} {remedies[annotation.kind]}"


def check_start(record: ModelRecord, images: Sequence[AnnotatedImage]) -> str:
    """Return why a model cannot be trained further on ``images``; empty where it can."""
    needed, there = record.network.n_channels, images[0].image.n_channels
    if needed == there:
        return ""
    return (
        f"The model to start from looks at {_count(needed, 'channel')}, but {images[0].image.name} has "
        f"{there}. Choose other layers as channels, or start from a new network."
    )


def describe(
    images: Sequence[AnnotatedImage],
    annotation: Annotation,
    counts: Mapping[int, int],
    settings: TrainSettings,
    device: str,
) -> str:
    """Say what will be trained: ``2 images, 3 classes, 12,345 labelled pixels, about 5 min on the CPU``."""
    pixels = class_pixels(annotation, counts)
    n_classes = sum(1 for n in pixels.values() if n)
    parts = [
        _count(len(images), "image"),
        f"{n_classes} classes",
        f"{sum(pixels.values()):,} labelled pixels",
        _length(settings),
    ]
    return ", ".join(parts) + (f" on {device}" if device else "") + "."


def _length(settings: TrainSettings) -> str:
    if settings.steps is not None:
        return _count(settings.steps, "step")
    minutes = settings.minutes or 0.0
    if minutes < 1:
        return f"about {max(1, round(minutes * 60))} s"
    return f"about {minutes:.3g} min" if minutes < 120 else f"about {minutes / 60:.3g} h"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"

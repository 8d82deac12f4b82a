"""What a model file says about itself: everything needed to use the weights, free of torch.

The record is the JSON under ``napari_unet`` in the header of a safetensors file. Its format: eight bytes with
the header's length (little-endian), then the header as JSON (see the safetensors documentation), so that a
dock can show a model without loading torch.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

import napari_unet
from napari_unet.images import Normalisation
from napari_unet.labels import Annotation, object_strokes
from napari_unet.settings import NetworkSettings, ObjectSettings, TrainSettings

FORMAT_VERSION = 1
"""Raised when an older program could misread a newer file."""


class ClassScore(BaseModel):
    """Dice and IoU of one class; ``None`` where undefined."""

    model_config = ConfigDict(frozen=True)

    dice: float | None
    iou: float | None


class ValidationRecord(BaseModel):
    """How good the model is, and how that was found.

    Attributes
    ----------
    honest : bool
        False where too little was annotated; then there are no scores.
    method : str
        How the held-out regions were chosen, as a sentence.
    regions : dict
        By image hash: the held-out boxes, kept for any later fine-tuning on the same image.
    scores : dict
        By class value as a string.
    mean_dice : float, optional
        Mean over the defined classes.
    object_ap : float, optional
        Of a model for objects: mean of AP over IoU 0.5 to 0.95.
    mean_dice_before, object_ap_before : float, optional
        The same of the model that this one was fine-tuned from, on the same regions.
    """

    model_config = ConfigDict(frozen=True)

    honest: bool = False
    method: str = ""
    regions: dict[str, tuple[tuple[tuple[int, int], ...], ...]] = Field(default_factory=dict)
    scores: dict[str, ClassScore] = Field(default_factory=dict)
    mean_dice: float | None = None
    object_ap: float | None = None
    mean_dice_before: float | None = None
    object_ap_before: float | None = None

    @property
    def found(self) -> str:
        """The score, or why there is none: a part of a sentence, without how it was obtained."""
        if not self.honest:
            return "no honest score was possible"
        if self.mean_dice is None:
            return "stopped before it was scored"
        objects = "" if self.object_ap is None else f"AP of objects {self.object_ap:.3f}, "
        return f"{objects}mean Dice {self.mean_dice:.3f} on held-out pixels"


class HistoryPoint(BaseModel):
    """One validation during training; losses and scores ``None`` where undefined."""

    model_config = ConfigDict(frozen=True)

    step: int
    seconds: float
    training_loss: float | None = None
    validation_loss: float | None = None
    mean_dice: float | None = None
    object_ap: float | None = None


class ModelRecord(BaseModel):
    """Everything a model file knows besides its weights."""

    model_config = ConfigDict(frozen=True)

    format_version: int = FORMAT_VERSION
    kind: Literal["unet"] = "unet"
    name: str = ""
    created: str = Field("", description="UTC, ISO 8601")
    network: NetworkSettings
    annotation: Annotation
    normalisation: Normalisation
    axes: str = Field("", description="axes of the first training image")
    training: TrainSettings | None = None
    objects: ObjectSettings | None = Field(
        None, description="of a model for objects: how they are found, as suited the held-out regions best"
    )
    plan: dict[str, Any] = Field(
        default_factory=dict,
        description="what was chosen from the data: patch, batch, seed, threads, steps, device",
    )
    history: tuple[HistoryPoint, ...] = ()
    validation: ValidationRecord = Field(default_factory=ValidationRecord)
    images: dict[str, str] = Field(default_factory=dict, description="hash of each training image, by name")
    parents: tuple[str, ...] = Field(
        (), description="hashes of the models this was fine-tuned from, oldest first"
    )
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def known_images(self) -> set[str]:
        """Hashes of all images that were trained on, by this model and by those it was fine-tuned from."""
        return {*self.images.values(), *self.validation.regions}

    @property
    def strokes(self) -> Annotation | None:
        """The classes of strokes that the network's outputs stand for, in their order; ``None`` where they do not."""
        if self.network.outputs == "borders":
            return object_strokes()
        return self.annotation if self.network.outputs == "classes" else None

    @model_validator(mode="after")
    def _classes_fit_the_network(self) -> ModelRecord:
        n_classes, n_logits = len(self.annotation.classes), self.network.n_classes
        if self.network.outputs != "classes":
            return self
        if n_classes != n_logits and (n_classes, n_logits) != (2, 1):
            raise ValueError(f"there are {n_classes} classes, but the network gives {n_logits} logits")
        return self


def with_images(known: Mapping[str, str], found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Hashes of training images by name, with further ones: another image of a known name gets a name of its own.

    Parameters
    ----------
    known : mapping
        Hashes by name.
    found : iterable of (str, str)
        Name and hash of each further image.
    """
    images = dict(known)
    for name, fingerprint in found:
        if fingerprint in images.values():
            continue
        free, number = name, 2
        while free in images:
            free, number = f"{name} ({number})", number + 1
        images[free] = fingerprint
    return images


def versions() -> dict[str, str]:
    """What a model is made with here, to be kept in its record."""
    return {
        "napari_unet": napari_unet.__version__,
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }

"""How to train."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from napari_unet.labels import AnnotationKind
from napari_unet.settings.base import ADVANCED, ComputeSettings, LossName, Norm, ObjectTargets, Settings

FrozenLayers = Literal["none", "encoder", "all but the last"]
"""What of a model that is trained further stays as it is."""


class AugmentationSettings(Settings):
    """How training patches are varied. Zero or off leaves that variation out."""

    flips: bool = Field(True, title="Flips", description="Mirror patches along every axis at random.")
    turns: bool = Field(True, title="90° turns", description="Turn patches by multiples of 90° at random.")
    rotation: float = Field(15.0, ge=0, le=180, title="Rotation", description="Largest rotation, in degrees.")
    scale: float = Field(
        0.15, ge=0, le=0.9, title="Scale", description="Largest change of size, as a fraction."
    )
    elastic: float = Field(
        4.0,
        ge=0,
        le=50,
        title="Elastic",
        description="Standard deviation of the elastic displacement, in pixels.",
    )
    distorted: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Distorted",
        description="Share of the patches that are rotated, scaled and bent. The others are flipped and turned only, "
        "which leaves their pixels as sharp as those that will be predicted. auto: half of them where objects are "
        "learnt, else all.",
    )
    brightness: float = Field(
        0.2, ge=0, le=2, title="Brightness", description="Largest shift, in standard deviations of the image."
    )
    contrast: float = Field(
        0.25, ge=0, le=0.95, title="Contrast", description="Largest change, as a fraction."
    )
    color: float = Field(
        1.0,
        ge=0,
        le=1,
        title="Colour",
        description="How much brightness and contrast vary from channel to channel, as a fraction of how much they "
        "vary together: stains and filters differ from image to image. Only where there are several channels.",
    )
    noise: float = Field(
        0.1, ge=0, le=2, title="Noise", description="Largest noise, in standard deviations of the image."
    )
    gamma: float = Field(
        0.0,
        ge=0,
        le=3,
        title="Gamma",
        description="Largest change of the grey curve: exponents from 1 / (1 + gamma) to 1 + gamma.",
    )
    blur: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Blur",
        description="Largest Gaussian blur: its standard deviation, in pixels.",
    )


class TrainSettings(ComputeSettings):
    """How to train."""

    labels_are: AnnotationKind | None = Field(
        None,
        title="Labels are",
        description="What the labels mean. scribbles: 0 is unlabelled. masks: 0 is the background. objects: every "
        "value is one object. auto: found from the labels.",
    )
    minutes: float | None = Field(
        5.0,
        gt=0,
        le=10080,
        title="Minutes",
        description="Length of the training, in minutes.",
        json_schema_extra={"none": "by steps"},
    )
    steps: int | None = Field(
        None,
        ge=1,
        title="Steps",
        description="Length of the training, in steps, instead of a time. Repeatable with the same seed.",
        json_schema_extra=ADVANCED | {"none": "by time"},
    )
    recipe: Literal["default", "classic"] = Field(
        "default",
        title="Recipe",
        description="default: learning rate annealed over the given time, averaged weights. classic: Adam 1e-4, "
        "halved when the validation loss stalls, as in the usual U-Net tutorial.",
        json_schema_extra=ADVANCED,
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Start of all random numbers.",
        json_schema_extra=ADVANCED,
    )
    width: int | None = Field(
        None,
        ge=1,
        le=512,
        title="Width",
        description="Feature channels of the first level; they double at each level down.",
        json_schema_extra=ADVANCED,
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=7,
        title="Depth",
        description="Number of times the image is halved.",
        json_schema_extra=ADVANCED,
    )
    norm: Norm | None = Field(
        "batch",
        title="Normalisation layers",
        description="batch is exact for tiles of any size; group and instance can leave seams between tiles.",
        json_schema_extra=ADVANCED | {"none": "none"},
    )
    padding: Literal["same", "valid"] = Field(
        "same",
        title="Padding",
        description="same: output as large as the input. valid: unpadded, as in the U-Net paper.",
        json_schema_extra=ADVANCED,
    )
    patch_size: int | None = Field(
        None, ge=16, le=4096, title="Patch", description="Side of a training patch, in pixels.",
        json_schema_extra=ADVANCED,
    )  # fmt: skip
    batch_size: int | None = Field(
        None, ge=1, le=1024, title="Batch", description="Patches per step.", json_schema_extra=ADVANCED
    )
    learning_rate: float | None = Field(
        None, gt=0, le=1, title="Learning rate", description="Largest step size.", json_schema_extra=ADVANCED
    )
    loss: LossName = Field(
        "cross-entropy+dice",
        title="Loss",
        description="What training makes small. Dice follows the overlap of each class, cross-entropy every pixel; "
        "focal is a cross-entropy that dwells on difficult pixels. A sum counts half and half.",
        json_schema_extra=ADVANCED,
    )
    class_weights: bool = Field(
        False,
        title="Balance classes",
        description="Count the pixels of a rare class for more, so that all classes have the same say in "
        "cross-entropy and focal loss.",
        json_schema_extra=ADVANCED,
    )
    border_weight: float = Field(
        0.0,
        ge=0,
        le=1000,
        title="Border weight",
        description="How much more the pixels between objects that nearly touch count, so that they are kept apart; "
        "10 in the U-Net paper, in units of the weight of other pixels. 0: no more than others.",
        json_schema_extra=ADVANCED,
    )
    consistency: float | None = Field(
        None,
        ge=0,
        le=100,
        title="Consistency",
        description="How much the answers to two views of a patch, one turned and both varied, have to agree. "
        "0: there are no second views. auto: 1 where little is annotated, otherwise 0.",
        json_schema_extra=ADVANCED,
    )
    object_targets: ObjectTargets = Field(
        "flows",
        title="Objects by",
        description="What is learnt from objects, each with its own number. flows: where the middle of its object is, "
        "seen from every pixel, as in Cellpose; borders: a class of its own for the border; distances: how far inside "
        "an object a pixel lies; weights: the foreground, with gaps between objects that count more, as in the U-Net "
        "paper.",
        json_schema_extra=ADVANCED,
    )
    validation_fraction: float = Field(
        0.2,
        ge=0,
        le=0.5,
        title="Held out",
        description="Fraction of the annotation kept from training to score it honestly. 0: no score.",
        json_schema_extra=ADVANCED,
    )
    rehearsal: bool = Field(
        True,
        title="Earlier annotations",
        description="When a model is trained further, learn from its earlier annotations too, which are kept beside "
        "it, so that it forgets nothing. At least half of the patches are of the new images.",
        json_schema_extra=ADVANCED,
    )
    frozen_layers: FrozenLayers = Field(
        "none",
        title="Frozen layers",
        description="When a model is trained further, which of its layers stay as they are. encoder: those that find "
        "edges and textures, on the way down. all but the last: only how classes are told from features is learnt.",
        json_schema_extra=ADVANCED,
    )
    patience: int | None = Field(
        None,
        ge=1,
        title="Patience",
        description="Stop after this many validations without improvement. auto: 20.",
        json_schema_extra=ADVANCED,
    )
    augmentation: AugmentationSettings = Field(
        default_factory=AugmentationSettings,
        title="Augmentation",
        description="How training patches are varied.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> TrainSettings:
        if self.minutes is None and self.steps is None:
            raise ValueError("give the length of the training, in minutes or in steps")
        return self

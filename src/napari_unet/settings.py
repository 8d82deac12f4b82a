"""Every option, once: behind the docks, the command line and the API.

Each field has a title (its label in a form), a description with its unit (tooltip and command-line help) and bounds.
``None`` means "chosen from the data and the device" and is shown as *auto*. ``json_schema_extra={"advanced": True}``
folds a field away in the dock; ``{"none": ...}`` says what ``None`` is called where it is not *auto*.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unet.labels import AnnotationKind

Device = Literal["auto", "cpu", "cuda", "mps", "xpu"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Norm = Literal["batch", "group", "instance"]
LossName = Literal["cross-entropy+dice", "cross-entropy", "focal", "focal+dice", "dice"]
ObjectTargets = Literal["distances", "borders", "weights"]
"""What a network learns about objects, see :mod:`napari_unet.training.object_targets`."""

Outputs = Literal["classes", "borders", "distances"]
"""What a network's outputs mean, see :mod:`napari_unet.nets.outputs`."""

_ADVANCED: dict[str, Any] = {"advanced": True}


class Settings(BaseModel):
    """Base: frozen, and a misspelt option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkSettings(Settings):
    """What it takes to build a network; stored in every model file."""

    n_channels: int = Field(ge=1)
    n_classes: int = Field(ge=1)
    width: int = Field(64, ge=1, le=512)
    depth: int = Field(4, ge=1, le=7)
    ndim: Literal[2, 3] = 2
    padding: Literal["same", "valid"] = "same"
    norm: Norm | None = "batch"
    outputs: Outputs = "classes"


class AugmentationSettings(Settings):
    """How training patches are varied. Zero or off leaves that variation out."""

    flips: bool = Field(True, title="Flips", description="Mirror patches along Y and X at random.")
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
    brightness: float = Field(
        0.2, ge=0, le=2, title="Brightness", description="Largest shift, in standard deviations of the image."
    )
    contrast: float = Field(
        0.25, ge=0, le=0.95, title="Contrast", description="Largest change, as a fraction."
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


class ObjectSettings(Settings):
    """How objects are found in the predicted maps. A model stores what suited its held-out regions best."""

    foreground: float = Field(
        0.5,
        ge=0.05,
        le=0.95,
        title="Foreground",
        description="Probability from which on a pixel belongs to an object. Lower: larger objects, and more of them.",
    )
    splitting: float = Field(
        0.8,
        ge=0,
        le=1,
        title="Splitting",
        description="How readily objects that touch are taken apart: two become one where the neck between them is "
        "wider than this fraction of the smaller. 0: never apart; 1: at the slightest neck.",
    )
    min_size: int = Field(
        10,
        ge=0,
        le=10**9,
        title="Smallest object",
        description="Objects of fewer pixels (voxels) join the neighbour they touch most openly, or are left out.",
    )
    fill_holes: bool = Field(True, title="Fill holes", description="Fill what an object encloses.")
    edge_objects: bool = Field(
        True, title="Objects at the edge", description="Keep objects that the edge of the image cuts."
    )


def _auto(name: str) -> Any:
    """The field of :class:`ObjectSettings` of this name, with ``None`` as default."""
    info = ObjectSettings.model_fields[name]
    bounds = {type(bound).__name__.lower(): astuple(bound)[0] for bound in info.metadata}
    return Field(None, title=info.title, description=info.description, json_schema_extra=_ADVANCED, **bounds)


class ObjectChoice(Settings):
    """What to find objects by instead of what the model says; ``None`` leaves it to the model."""

    foreground: float | None = _auto("foreground")
    splitting: float | None = _auto("splitting")
    min_size: int | None = _auto("min_size")
    fill_holes: bool | None = _auto("fill_holes")
    edge_objects: bool | None = _auto("edge_objects")

    def over(self, settings: ObjectSettings | None) -> ObjectSettings:
        """The model's settings, or the defaults, with what was chosen."""
        return (settings or ObjectSettings()).model_copy(update=self.model_dump(exclude_none=True))


class ComputeSettings(Settings):
    """Where and how precisely to compute."""

    device: Device = Field(
        "auto",
        title="Device",
        description="Where to compute. auto: the GPU if there is one that works, else the processor.",
        json_schema_extra=_ADVANCED,
    )
    precision: Precision = Field(
        "auto",
        title="Precision",
        description="Number format. auto: 16 bit where the device is faster with it, else 32 bit.",
        json_schema_extra=_ADVANCED,
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=512,
        title="Threads",
        description="Processor threads. auto: all cores, one of them left to the viewer when there are more than two.",
        json_schema_extra=_ADVANCED,
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
        json_schema_extra=_ADVANCED | {"none": "by time"},
    )
    recipe: Literal["default", "classic"] = Field(
        "default",
        title="Recipe",
        description="default: learning rate annealed over the given time, averaged weights. classic: Adam 1e-4, "
        "halved when the validation loss stalls, as in the usual U-Net tutorial.",
        json_schema_extra=_ADVANCED,
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Start of all random numbers.",
        json_schema_extra=_ADVANCED,
    )
    width: int | None = Field(
        None,
        ge=1,
        le=512,
        title="Width",
        description="Feature channels of the first level; they double at each level down.",
        json_schema_extra=_ADVANCED,
    )
    depth: int | None = Field(
        None,
        ge=1,
        le=7,
        title="Depth",
        description="Number of times the image is halved.",
        json_schema_extra=_ADVANCED,
    )
    norm: Norm | None = Field(
        "batch",
        title="Normalisation layers",
        description="batch is exact for tiles of any size; group and instance can leave seams between tiles.",
        json_schema_extra=_ADVANCED | {"none": "none"},
    )
    padding: Literal["same", "valid"] = Field(
        "same",
        title="Padding",
        description="same: output as large as the input. valid: unpadded, as in the U-Net paper.",
        json_schema_extra=_ADVANCED,
    )
    patch_size: int | None = Field(
        None, ge=16, le=4096, title="Patch", description="Side of a training patch, in pixels.",
        json_schema_extra=_ADVANCED,
    )  # fmt: skip
    batch_size: int | None = Field(
        None, ge=1, le=1024, title="Batch", description="Patches per step.", json_schema_extra=_ADVANCED
    )
    learning_rate: float | None = Field(
        None, gt=0, le=1, title="Learning rate", description="Largest step size.", json_schema_extra=_ADVANCED
    )
    loss: LossName = Field(
        "cross-entropy+dice",
        title="Loss",
        description="What training makes small. Dice follows the overlap of each class, cross-entropy every pixel; "
        "focal is a cross-entropy that dwells on difficult pixels. A sum counts half and half.",
        json_schema_extra=_ADVANCED,
    )
    class_weights: bool = Field(
        False,
        title="Balance classes",
        description="Count the pixels of a rare class for more, so that all classes have the same say in "
        "cross-entropy and focal loss.",
        json_schema_extra=_ADVANCED,
    )
    border_weight: float = Field(
        0.0,
        ge=0,
        le=1000,
        title="Border weight",
        description="How much more the pixels between objects that nearly touch count, so that they are kept apart; "
        "10 in the U-Net paper, in units of the weight of other pixels. 0: no more than others.",
        json_schema_extra=_ADVANCED,
    )
    object_targets: ObjectTargets = Field(
        "distances",
        title="Objects by",
        description="What is learnt from objects, each with its own number. distances: how far inside an object a "
        "pixel lies; borders: a class of its own for the border; weights: the foreground, with the pixels between "
        "objects counting more, as in the U-Net paper.",
        json_schema_extra=_ADVANCED,
    )
    validation_fraction: float = Field(
        0.2,
        ge=0,
        le=0.5,
        title="Held out",
        description="Fraction of the annotation kept from training to score it honestly. 0: no score.",
        json_schema_extra=_ADVANCED,
    )
    patience: int | None = Field(
        None,
        ge=1,
        title="Patience",
        description="Stop after this many validations without improvement. auto: 20.",
        json_schema_extra=_ADVANCED,
    )
    augmentation: AugmentationSettings = Field(
        default_factory=AugmentationSettings,
        title="Augmentation",
        description="How training patches are varied.",
        json_schema_extra=_ADVANCED,
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> TrainSettings:
        if self.minutes is None and self.steps is None:
            raise ValueError("give the length of the training, in minutes or in steps")
        return self


class PredictSettings(ComputeSettings):
    """How to predict."""

    tile_size: int | None = Field(
        None,
        ge=16,
        le=16384,
        title="Tile",
        description="Side of the kept part of a tile, in pixels. auto: from the memory there is.",
        json_schema_extra=_ADVANCED,
    )
    probabilities: bool = Field(
        False, title="Probabilities", description="Also return the probability of every class."
    )
    objects: ObjectChoice = Field(
        default_factory=ObjectChoice,
        title="Objects",
        description="How objects are found. auto: as suited the model's held-out regions best.",
        json_schema_extra=_ADVANCED,
    )
    link_slices: bool = Field(
        True,
        title="Link slices",
        description="Objects in neighbouring slices of a stack that lie above each other get the same number.",
        json_schema_extra=_ADVANCED,
    )
    link_frames: bool = Field(
        True,
        title="Link frames",
        description="Objects keep their numbers, and so their colours, from frame to frame of a time series.",
        json_schema_extra=_ADVANCED,
    )
    average_turns: bool = Field(
        False,
        title="Average flips and turns",
        description="Predict every tile mirrored and turned in all ways, and average the probabilities: often a "
        "little better, and 8 times as long (16 times in 3D).",
        json_schema_extra=_ADVANCED,
    )
    compile_network: bool = Field(
        False,
        title="Compile",
        description="Compile the network before it predicts: faster for long runs, after a minute or more of "
        "waiting. Only on NVIDIA GPUs.",
        json_schema_extra=_ADVANCED,
    )

"""How to predict."""

from __future__ import annotations

from pydantic import Field

from napari_unet.settings.base import ADVANCED, ComputeSettings
from napari_unet.settings.objects import ObjectChoice


class PredictSettings(ComputeSettings):
    """How to predict."""

    tile_size: int | None = Field(
        None,
        ge=16,
        le=16384,
        title="Tile",
        description="Side of the kept part of a tile, in pixels. auto: from the memory there is.",
        json_schema_extra=ADVANCED,
    )
    probabilities: bool = Field(
        False, title="Probabilities", description="Also return the probability of every class."
    )
    objects: ObjectChoice = Field(
        default_factory=ObjectChoice,
        title="Objects",
        description="How objects are found. auto: as suited the model's held-out regions best.",
        json_schema_extra=ADVANCED,
    )
    link_slices: bool = Field(
        True,
        title="Link slices",
        description="Objects in neighbouring slices of a stack that lie above each other get the same number.",
        json_schema_extra=ADVANCED,
    )
    link_frames: bool = Field(
        True,
        title="Link frames",
        description="Objects keep their numbers, and so their colours, from frame to frame of a time series.",
        json_schema_extra=ADVANCED,
    )
    adapt_to_image: bool = Field(
        True,
        title="Adapt to image",
        description="Mix the network's batch norm statistics with those of the image, if it was trained on few "
        "images: one that looks a little different comes out better. Not done for a model of Live.",
        json_schema_extra=ADVANCED,
    )
    average_turns: bool = Field(
        False,
        title="Average flips and turns",
        description="Predict every tile mirrored and turned in all ways, and average the probabilities: often a "
        "little better, and 8 times as long (16 times in 3D).",
        json_schema_extra=ADVANCED,
    )
    compile_network: bool = Field(
        False,
        title="Compile",
        description="Compile the network before it predicts: faster for long runs, after a minute or more of "
        "waiting. Only on NVIDIA GPUs.",
        json_schema_extra=ADVANCED,
    )

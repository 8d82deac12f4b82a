"""How to learn while somebody paints."""

from __future__ import annotations

from pydantic import Field

from napari_unet.settings.base import ADVANCED, ComputeSettings


class LiveSettings(ComputeSettings):
    """How to learn while somebody paints."""

    processor_share: float = Field(
        1.0,
        ge=0.05,
        le=1,
        title="Computing time",
        description="Share of the time that may be spent computing. Less: quieter, and everything comes later.",
    )
    rest_after: float = Field(
        60.0,
        ge=1,
        le=86400,
        title="Rest after",
        description="Seconds without anything new painted after which learning rests until there is.",
        json_schema_extra=ADVANCED,
    )
    objects: bool = Field(
        False,
        title="Objects",
        description="Find objects: strokes are of the background (1), the inside of objects (2), and their border (3), "
        "above all where two touch.",
    )
    starter: bool = Field(
        True,
        title="Starter",
        description="Let features that were learnt from other images help with the first strokes, unless a model of "
        "your own is started from. Off: only edges, ridges and intensities do.",
        json_schema_extra=ADVANCED,
    )
    width: int | None = Field(
        None,
        ge=1,
        le=512,
        title="Width",
        description="Feature channels of the first level, of a network that is not started from another one.",
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

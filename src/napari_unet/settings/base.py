"""What all settings have in common."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Device = Literal["auto", "cpu", "cuda", "mps", "xpu"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Norm = Literal["batch", "group", "instance"]
LossName = Literal["cross-entropy+dice", "cross-entropy", "focal", "focal+dice", "dice"]
ObjectTargets = Literal["borders", "distances", "flows", "weights"]
"""What a network learns about objects, see :mod:`napari_unet.training.object_targets`."""

Outputs = Literal["classes", "borders", "distances", "flows"]
"""What a network's outputs mean, see :mod:`napari_unet.nets.outputs`."""


ADVANCED: dict[str, Any] = {"advanced": True}
"""Of fields that the dock folds away."""


class Settings(BaseModel):
    """Base: frozen, and a misspelt option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ComputeSettings(Settings):
    """Where and how precisely to compute."""

    device: Device = Field(
        "auto",
        title="Device",
        description="Where to compute. auto: the GPU if there is one that works, else the processor.",
        json_schema_extra=ADVANCED,
    )
    precision: Precision = Field(
        "auto",
        title="Precision",
        description="Number format. auto: 16 bit where the device is faster with it, else 32 bit.",
        json_schema_extra=ADVANCED,
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=512,
        title="Threads",
        description="Processor threads. auto: all cores, one of them left to the viewer when there are more than two.",
        json_schema_extra=ADVANCED,
    )

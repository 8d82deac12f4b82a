"""What it takes to build a network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_unet.settings.base import Norm, Outputs, Settings


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

    @property
    def is_directed(self) -> bool:
        """Whether objects are found by directions to their centres, not by heights."""
        return self.outputs == "flows"

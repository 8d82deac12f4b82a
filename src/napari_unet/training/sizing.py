"""Sizes chosen from the data and the device where the user chose none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from napari_unet.nets import UNet
from napari_unet.settings import NetworkSettings, TrainSettings
from napari_unet.training.coverage import Plane

PATCH = {"cpu": 128, "gpu": 256}
"""Side of a patch, in pixels. See docs/decisions/0002-default-recipe.md for the numbers behind these."""

BATCH = 8
"""Patches of that size per step; more if they are smaller."""

CLASSIC_RATE = 1e-4
"""Of the classic recipe, whatever was asked: see :mod:`~napari_unet.training.classic`."""

RATE, RATE_WITHOUT_NORM, RATE_OF_CHILD = 4e-3, 5e-4, 1e-3
"""Largest learning rate: usually, for a network without norm layers, and for fine-tuning (whichever is less)."""

LONG_MINUTES = 30
"""Training time from which a processor can make use of a network twice as wide."""


@dataclass(frozen=True)
class Plan:
    """Sizes of a run.

    Attributes
    ----------
    network : NetworkSettings
        What is trained.
    patch_size : int
        Side of the network's input, in pixels.
    batch_size : int
        Patches per step.
    learning_rate : float
        Largest step size.
    """

    network: NetworkSettings
    patch_size: int
    batch_size: int
    learning_rate: float

    def to_dict(self) -> dict[str, Any]:
        """By settings name."""
        sizes = asdict(self)
        network = sizes.pop("network").model_dump()
        return sizes | {k: network[k] for k in ("width", "depth", "norm", "padding")}


def choose_plan(
    settings: TrainSettings,
    planes: Sequence[Plane],
    n_channels: int,
    n_classes: int,
    device: torch.device,
    parent: NetworkSettings | None = None,
) -> Plan:
    """Sizes for a run: the user's where given, otherwise from the images and the device.

    The same for the same arguments: nothing is timed, so that a run can be repeated.

    Parameters
    ----------
    settings : TrainSettings
        The user's choice.
    planes : sequence of Plane
        What is annotated.
    n_channels, n_classes : int
        Of the network.
    device : torch.device
        Where training runs.
    parent : NetworkSettings, optional
        Architecture to keep.
    """
    if parent is not None:
        network = parent.model_copy(update={"n_classes": n_classes})
    else:
        network = NetworkSettings(
            n_channels=n_channels,
            n_classes=n_classes,
            width=settings.width or _width(settings, device),
            depth=settings.depth or 4,
            padding=settings.padding,
            norm=settings.norm if settings.padding == "same" else None,
        )
    with torch.device("meta"):
        shape = UNet.from_settings(network)
    kind = "cpu" if device.type == "cpu" else "gpu"
    patch = settings.patch_size or _patch_size(planes, shape, PATCH[kind])
    patch = shape.next_valid_size(-(-patch // shape.stride) * shape.stride if shape.margin == 0 else patch)
    batch = settings.batch_size or int(np.clip(BATCH * PATCH[kind] ** 2 // patch**2, 2, 32))
    rate = RATE if network.norm is not None else RATE_WITHOUT_NORM
    if parent is not None:
        rate = min(rate, RATE_OF_CHILD)
    rate = settings.learning_rate or rate
    if settings.recipe == "classic":
        rate = CLASSIC_RATE
    return Plan(network, patch, batch, rate)


def _width(settings: TrainSettings, device: torch.device) -> int:
    """As wide as the device can train in the time: see docs/decisions/0002-default-recipe.md."""
    if device.type != "cpu":
        return 64
    minutes = settings.minutes if settings.steps is None else None
    return 32 if minutes is not None and minutes >= LONG_MINUTES else 16


def _patch_size(planes: Sequence[Plane], network: UNet, largest: int) -> int:
    """``largest``, less where most images are smaller; for an unpadded network the size of its output."""
    typical = int(np.median([max(plane.shape) for plane in planes]))
    return network.input_size(min(largest, max(64, -(-typical // network.stride) * network.stride)))

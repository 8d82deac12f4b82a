"""How objects are found by a trained network: settled on the held-out regions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unet.nets import UNet
from napari_unet.objects.tuning import tune
from napari_unet.scores.objects import score_image
from napari_unet.settings import ObjectSettings
from napari_unet.training.held_out import HeldOut

START = ObjectSettings(certainty=0.95)
"""Between what suits networks that have learnt for long and for a moment; decision 0006."""


def settle_decoding(
    held_out: HeldOut,
    network: UNet,
    forward: Callable[[nn.Module, Tensor], Tensor],
    device: torch.device,
) -> ObjectSettings | None:
    """Settings with the best AP, mean over IoU 0.5 to 0.95 and over the windows; ``None`` without objects there.

    Parameters
    ----------
    held_out : HeldOut
        What the network is tried on.
    network : UNet
        For objects, in evaluation mode.
    forward : callable
        Applies the network to a batch in the run's precision.
    device : torch.device
        Where the network is.
    """
    maps = [
        (foreground, relief, objects)
        for (foreground, relief), objects in held_out.maps(network, forward, device)
        if (objects > 0).any()
    ]
    if not maps:
        return None
    return tune(maps, _ap, START, network.settings.is_directed)[0]


def _ap(found: NDArray[np.int32], objects: NDArray[np.signedinteger]) -> float:
    return float(score_image(found, objects).ap.mean())

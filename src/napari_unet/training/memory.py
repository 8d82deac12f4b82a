"""How much memory a training step takes, without doing it."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from napari_unet.errors import OutOfMemoryError
from napari_unet.nets import UNet
from napari_unet.settings import NetworkSettings

_COPIES = 5
"""Of every weight in 32 bit: itself, its gradient, AdamW's two means, the average."""

_BACKWARD = 1.5
"""What a step takes at its peak, over what the forward pass keeps: gradients of activations come on top."""


def halved(batch: int, patches_per_step: int) -> tuple[int, int]:
    """Half as many patches at once, and how many such batches make a step, so that it stays as good.

    Raises
    ------
    OutOfMemoryError
        If it is a single patch already.
    """
    if batch == 1:
        raise OutOfMemoryError(
            "There is not enough memory to train on a single patch.",
            "Choose a smaller patch or width under Advanced, or close other programs.",
        )
    return batch // 2, ceil(patches_per_step / (batch // 2))


def bytes_of_weights(network: NetworkSettings) -> int:
    """Memory for weights, gradients and what the optimiser keeps, in bytes."""
    with torch.device("meta"):
        weights = UNet.from_settings(network).parameters()
    return _COPIES * 4 * sum(weight.numel() for weight in weights)


def bytes_per_patch(network: NetworkSettings, patch_size: int, precision: torch.dtype) -> int:
    """Memory that one patch takes in a training step, in bytes.

    What autograd keeps of a forward pass is counted on torch's "meta" device, which computes shapes and nothing else.

    Parameters
    ----------
    network : NetworkSettings
        What is trained.
    patch_size : int
        Side of its input, in pixels.
    precision : torch.dtype
        Of the activations.
    """
    with torch.device("meta"):
        model = UNet.from_settings(network).to(precision).train()
        patches = torch.empty(2, network.n_channels, *(patch_size,) * network.ndim, dtype=precision)
    weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # an address may be used again once a tensor is gone

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits = model(patches)
    return int(_BACKWARD * (sum(kept.values()) + logits.numel() * 4) / len(patches))

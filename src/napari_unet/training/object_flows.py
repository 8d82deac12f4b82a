"""Learning objects by flows: at every pixel of an object a vector of length 1 that points towards the object's centre.

As Cellpose does (Stringer et al. 2021, Nat Methods 18:100), with straight ways to the centre instead of those of heat.
Where two objects touch their vectors point away from each other, and all pixels of an object have a say in where it
ends: a border that is hardly seen is found all the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.training.losses import CombinedLoss
from napari_unet.training.object_targets import foreground_loss, from_centres, numbered

WEIGHT = 2.5
"""Of the squared error of the vectors, beside the loss of the foreground."""

TIE = 0.01
"""Squared pixels by which the last of equally near pixels seems farther from the centre than the first."""


def towards_centre(objects: Tensor) -> Tensor:
    """Unit vectors from the pixels of objects to their centres; 0 in the centre, and outside.

    The centre of an object is that one of its pixels which is nearest to its centre of mass, which may lie outside.

    Parameters
    ----------
    objects : Tensor of int, (N, *spatial)
        0 and below is no object. Numbers should be small, the memory grows with them.

    Returns
    -------
    Tensor of float32, (N, components, *spatial)
        A component for each spatial axis. In pixels, however large these are: a line stays one in other units.
    """
    offsets, _ = from_centres(objects, [1.0] * (objects.ndim - 1))
    squared = torch.stack([offset**2 for offset in offsets]).sum(0)
    for axis, size in enumerate(
        objects.shape[1:]
    ):  # of equally near ones the first, in float32, as GPUs have it
        along = torch.linspace(0, TIE / (1 + axis), size, device=objects.device)
        squared = squared + along.view(-1, *[1] * (objects.ndim - axis - 2))
    number, n = numbered(objects)
    flat = squared.flatten()
    least = torch.full((n,), float("inf"), device=objects.device).scatter_reduce(0, number, flat, "amin")
    nearest = (flat <= least[number]).float()
    count = torch.bincount(number, nearest, minlength=n).float().clamp(min=1)
    ways = torch.stack(
        [
            (torch.bincount(number, offset.flatten() * nearest, minlength=n).float() / count)[number].view(
                objects.shape
            )
            - offset
            for offset in offsets
        ],
        dim=1,
    )
    length = ways.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1)
    return ways / length * (objects > 0).unsqueeze(1)


class FlowLoss(nn.Module):
    """Loss of networks whose outputs are ``flows``: that of the foreground, and the squared error of the vectors.

    Outside of objects the vectors are to be 0.

    Parameters
    ----------
    loss : CombinedLoss
        Of the foreground.
    """

    def __init__(self, loss: CombinedLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits: Tensor, objects: Tensor) -> Tensor:
        """Loss of a batch: logits (N, 1 + ndim, *spatial), object numbers (N, *spatial), 0 outside, -1 unknown."""
        logits = logits.float()
        known = objects >= 0
        error = (logits[:, 1:] - towards_centre(objects)).pow(2).sum(1)
        mean = (error * known).sum() / known.sum().clamp(min=1)
        return foreground_loss(self.loss, logits, objects) + WEIGHT * mean

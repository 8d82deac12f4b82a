"""The U-Net paper's way to learn objects: a gap where they touch, and weights that keep it open.

Like other targets of objects these are made of their numbers in a patch after augmentation, so that the gap is as wide
as it was meant to be, whatever the patch was turned and stretched by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn

from napari_unet.labels import IGNORE
from napari_unet.training.border_weights import REACH, SIGMA, W0
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.object_targets import beside_another


def separated(objects: Tensor) -> Tensor:
    """Objects without the pixels by which they touch: those with a neighbour along an axis that is of another object.

    Parameters
    ----------
    objects : Tensor of int, (N, *spatial)
        0 is background, every other positive value an object, negative ones are unknown.

    Returns
    -------
    Tensor
        As ``objects``, 0 where two touch.
    """
    return objects.masked_fill(beside_another(objects, 1), 0)


@dataclass
class _Two:
    """Squared distances to the nearest object and to the nearest other one, and their numbers (0: none)."""

    first: Tensor
    first_number: Tensor
    second: Tensor
    second_number: Tensor

    def moved(self, axis: int, start: int, size: int) -> _Two:
        """The part of ``size`` from ``start`` along an axis, as views."""
        return _Two(*(tensor.narrow(axis, start, size) for tensor in vars(self).values()))

    def copy(self) -> _Two:
        """With tensors of its own."""
        return _Two(*(tensor.clone() for tensor in vars(self).values()))

    def offer(self, distance: Tensor, number: Tensor) -> None:
        """Take in a distance to an object where it is among the two nearest, in place."""
        same, nearer = number == self.first_number, distance < self.first
        better = nearer & ~same
        replaced = torch.where(better, self.first, distance)
        replaced_number = torch.where(better, self.first_number, number)
        # Where it is better, what was first is second now, also if what was second is as near.
        second = (better | (replaced < self.second)) & ~same
        torch.where(second, replaced, self.second, out=self.second)
        torch.where(second, replaced_number, self.second_number, out=self.second_number)
        torch.where(nearer, distance, self.first, out=self.first)
        torch.where(nearer, number, self.first_number, out=self.first_number)


def pair_weights(
    objects: Tensor, w0: float = W0, sigma: float = SIGMA, spacing: Sequence[float] | None = None
) -> Tensor:
    """:func:`~napari_unet.training.border_weights.border_weights` of a batch of patches, on any device.

    Axis by axis, with the minimum over shifts as in :func:`~napari_unet.training.object_targets.distance_to`. The two
    nearest objects of a pixel are among the two nearest of the pixels beside it along an axis, so two are enough.

    Parameters
    ----------
    objects : Tensor of int, (N, *spatial)
        0 and below belong to no object.
    w0 : float
        Weight where the distances are 0.
    sigma : float
        Width, in pixels, or in units of ``spacing``. Distances are followed as far as a weight is half of 1/255.
    spacing : sequence of float, optional
        Size of a pixel along every axis; 1 if not given.

    Returns
    -------
    Tensor of float32, as ``objects``
    """
    longest = REACH * sigma
    numbers = objects.clamp(min=0)
    far = torch.full(objects.shape, float("inf"), device=objects.device)
    none = torch.zeros_like(numbers)
    two = _Two(far.masked_fill(numbers > 0, 0.0), numbers, far, none)
    for axis, step in enumerate(spacing or [1.0] * (objects.ndim - 1), start=1):
        nearest, size = two.copy(), objects.shape[axis]
        for shift in range(1, min(ceil(longest / step), size)):
            added = (shift * step) ** 2
            for to, of in ((0, shift), (shift, 0)):
                target, source = nearest.moved(axis, to, size - shift), two.moved(axis, of, size - shift)
                target.offer(source.first + added, source.first_number)
                if axis > 1:  # along the first axis no pixel has a second object yet
                    target.offer(source.second + added, source.second_number)
        two = nearest
    total = two.first.sqrt() + two.second.sqrt()
    weights: Tensor = w0 * torch.exp(-(total**2) / (2 * sigma**2))
    return weights


class SeparatedLoss(nn.Module):
    """Loss of networks that learn objects by ``weights``: their foreground, with gaps, which count for more.

    Parameters
    ----------
    loss : CombinedLoss
        Of background and foreground.
    w0 : float
        Weight added where objects touch, to the 1 (or the weight of the class) every pixel has.
    """

    def __init__(self, loss: CombinedLoss, w0: float = W0) -> None:
        super().__init__()
        self.loss = loss
        self.w0 = w0

    def forward(self, logits: Tensor, objects: Tensor) -> Tensor:
        """Loss of a batch: logits (N, K, *spatial), object numbers (N, *spatial), 0 outside, negative unknown."""
        apart = separated(objects)
        classes = torch.where(objects >= 0, (apart > 0).long(), IGNORE)
        loss: Tensor = self.loss(logits, classes, pair_weights(apart, self.w0))
        return loss

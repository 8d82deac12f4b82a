"""What a network learns about objects, computed from their numbers in a patch after it was augmented.

So borders stay one pixel sharp, whatever a patch was turned and stretched by. Everything is about what is *seen* of an
object in the patch: the edge of a patch is no border, and the part of an object beyond it does not count. A network
pads with zeros there, at the edge of a patch as at the edge of an image, and so can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, pi, prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.labels import IGNORE
from napari_unet.nets import UNet
from napari_unet.nets.outputs import BORDER, CENTRE, DEEPEST, DEPTH, FOREGROUND, INTERIOR
from napari_unet.training.losses import CombinedLoss

LONGEST = 64
"""Pixels: a distance is not followed further."""


def inner_borders(objects: Tensor) -> Tensor:
    """Pixels of an object with a neighbour along an axis that is not of the same object.

    Parameters
    ----------
    objects : Tensor of int, (N, *spatial)
        0 is background, every other positive value an object. Negative pixels are unknown and no neighbours.

    Returns
    -------
    Tensor of bool, as ``objects``
        The edge of the patch is no border.
    """
    return beside_another(objects, 0) & (objects > 0)


def beside_another(numbers: Tensor, least: int) -> Tensor:
    """Pixels of at least this number with a neighbour along an axis that has another such number.

    Parameters
    ----------
    numbers : Tensor of int, (N, *spatial)
    least : int
        Smaller ones are no neighbours.

    Returns
    -------
    Tensor of bool, as ``numbers``
    """
    found = torch.zeros_like(numbers, dtype=torch.bool)
    for axis in range(1, numbers.ndim):
        size = numbers.shape[axis] - 1
        low, high = numbers.narrow(axis, 0, size), numbers.narrow(axis, 1, size)
        differs = (low != high) & (low >= least) & (high >= least)
        found.narrow(axis, 0, size).logical_or_(differs)
        found.narrow(axis, 1, size).logical_or_(differs)
    return found


def distance_to(places: Tensor, longest: float, spacing: Sequence[float] | None = None) -> Tensor:
    """Euclidean distance of every pixel to the nearest of some, exact up to a limit.

    Axis by axis, as Felzenszwalb and Huttenlocher, Distance Transforms of Sampled Functions (2012), with the minimum
    over shifts instead of their envelope of parabolas: it takes no more than whole-tensor operations, on any device.

    Parameters
    ----------
    places : Tensor of bool, (N, *spatial)
    longest : float
        Larger distances, and those where there is no such pixel, are this.
    spacing : sequence of float, optional
        Size of a pixel along every axis; 1 if not given.

    Returns
    -------
    Tensor of float32, as ``places``
    """
    spacing = spacing or [1.0] * (places.ndim - 1)
    squared = torch.where(places, 0.0, longest**2)
    for axis, step in enumerate(spacing, start=1):
        nearest = squared.clone()
        size = squared.shape[axis]
        for shift in range(1, min(ceil(longest / step), size)):
            added = (shift * step) ** 2
            near, far = slice(0, size - shift), slice(shift, size)
            for to, of in ((near, far), (far, near)):
                target = nearest.narrow(axis, to.start, size - shift)
                source = squared.narrow(axis, of.start, size - shift)
                torch.minimum(target, source + added, out=target)
        squared = nearest
    return squared.sqrt_()


def depth(objects: Tensor, longest: float = LONGEST, spacing: Sequence[float] | None = None) -> Tensor:
    """How deep inside its object a pixel lies: distance to its border, whose pixels have depth 1; 0 outside.

    Parameters
    ----------
    objects : Tensor of int, (N, *spatial)
        As :func:`inner_borders` takes them.
    longest : float
        Greatest depth.
    spacing : sequence of float, optional
        Size of a pixel along every axis; 1 if not given.
    """
    border = inner_borders(objects)
    outermost = min(spacing) if spacing else 1.0
    return (distance_to(border, longest, spacing) + outermost) * (objects > 0)


def closeness(objects: Tensor, spacing: Sequence[float] | None = None) -> Tensor:
    """How close a pixel is to the centre of what is seen of its object; 0 outside.

    ``exp(-(s / r)**2)`` at the distance ``s`` from the centre of mass of an object as large as a disc (a ball in 3D) of
    radius ``r``: 1 in the centre, and in a disc 0.37 at the border.

    Parameters
    ----------
    objects, spacing
        As :func:`depth` takes them; numbers should be small, the memory grows with them.

    Returns
    -------
    Tensor of float32, as ``objects``
    """
    spacing = spacing or [1.0] * (objects.ndim - 1)
    offsets, size = from_centres(objects, spacing)
    squared = torch.stack([offset**2 for offset in offsets]).sum(0)
    ball = {1: 2.0, 2: pi, 3: 4 / 3 * pi}[len(spacing)]  # content of the ball of radius 1
    radius = (size * prod(spacing) / ball) ** (1 / len(spacing))
    return torch.exp(-squared / radius**2) * (objects > 0)


def from_centres(objects: Tensor, spacing: Sequence[float]) -> tuple[list[Tensor], Tensor]:
    """Offset of every pixel from the centre of mass of what is seen of its object, and the size of that.

    Parameters
    ----------
    objects, spacing
        As :func:`closeness` takes them.

    Returns
    -------
    list of Tensor of float32, as ``objects``
        For every axis, in units of ``spacing``; of no meaning outside of objects.
    Tensor of float32, as ``objects``
        Pixels of the object.
    """
    number, n = numbered(objects)
    size = torch.bincount(number, minlength=n).float()
    offsets = []
    for axis, (length, step) in enumerate(zip(objects.shape[1:], spacing, strict=True)):
        along = torch.arange(length, dtype=torch.float32, device=objects.device) * step
        positions = along.view(-1, *[1] * (len(spacing) - axis - 1)).expand(objects.shape).flatten()
        centre = torch.bincount(number, positions, minlength=n).float() / size.clamp(min=1)
        offsets.append((positions - centre[number]).view(objects.shape))
    return offsets, size[number].view(objects.shape)


def numbered(objects: Tensor) -> tuple[Tensor, int]:
    """Numbers that tell the objects of all patches apart, of every pixel, flattened; and above the largest."""
    n_numbers = int(objects.max()) + 1
    first = torch.arange(len(objects), device=objects.device) * max(n_numbers, 1)
    number = objects.clamp(min=0) + first.view(-1, *[1] * (objects.ndim - 1))
    return number.flatten(), len(objects) * max(n_numbers, 1)


@torch.no_grad()
def start_from_means(network: UNet, foreground: float) -> None:
    """Set the bias of a new network's output layer, in place, so that it says what is true on average.

    Where no feature is active, as in much of the background, the bias alone is the answer; from 0 it would take
    hundreds of steps to get there (Lin et al., Focal Loss for Dense Object Detection, 2017, section 3.3).

    Parameters
    ----------
    network : UNet
        With outputs for ``distances`` or ``flows``; other ones are left as they are.
    foreground : float
        Part of the pixels that belong to objects.
    """
    means = {
        # the closeness of a disc: 1 - 1 / e
        "distances": {FOREGROUND: foreground, DEPTH: foreground / 3, CENTRE: foreground * 0.63},
        "flows": {FOREGROUND: foreground},
    }
    for output, mean in means.get(network.settings.outputs, {}).items():
        network.outc.get_parameter("conv.bias")[output] = torch.logit(torch.tensor(float(mean)), eps=0.01)


def border_classes(objects: Tensor) -> Tensor:
    """0 outside, 1 inside, 2 where :func:`inner_borders` are, -1 where unknown; int64."""
    classes = (objects > 0).long() * INTERIOR
    classes[inner_borders(objects)] = BORDER
    classes[objects < 0] = IGNORE
    return classes


class BorderClassLoss(nn.Module):
    """Loss of networks whose outputs are ``borders``: of the three classes of :func:`border_classes`."""

    def __init__(self, loss: CombinedLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, logits: Tensor, objects: Tensor) -> Tensor:
        """Loss of a batch: logits (N, 3, *spatial), object numbers (N, *spatial), 0 outside, -1 unknown."""
        loss: Tensor = self.loss(logits, border_classes(objects))
        return loss


def foreground_loss(loss: CombinedLoss, logits: Tensor, objects: Tensor) -> Tensor:
    """Loss of the first of the logits (N, K, *spatial), that of the foreground, given object numbers (N, *spatial)."""
    foreground = torch.where(objects >= 0, (objects > 0).long(), IGNORE)
    answer = logits[:, FOREGROUND : FOREGROUND + 1]
    # Softmax beside a logit of 0 is the sigmoid; so the Dice is that of the background, too.
    cost: Tensor = loss(torch.cat([torch.zeros_like(answer), answer], dim=1), foreground)
    return cost


class DistanceLoss(nn.Module):
    """Loss of networks whose outputs are ``distances``: foreground, depth and closeness to the centre.

    The foreground has the loss given. Depth ``d`` is learnt as ``d / (d + radius)``, which lies between 0 and 1 and
    tells apart depths near the border of an object best; depth and closeness have a cross-entropy each, which is
    lowest where the output is the target (its own entropy is taken off, so that the lowest is 0).

    Parameters
    ----------
    loss : CombinedLoss
        Of the foreground.
    radius : float
        Radius of a typical object, in pixels, or in units of ``spacing``.
    spacing : sequence of float, optional
        Size of a pixel along every axis; 1 if not given.
    """

    def __init__(self, loss: CombinedLoss, radius: float, spacing: Sequence[float] | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.radius = radius
        self.spacing = spacing

    def forward(self, logits: Tensor, objects: Tensor) -> Tensor:
        """Loss of a batch: logits (N, 3, *spatial), object numbers (N, *spatial), 0 outside, -1 unknown."""
        logits = logits.float()
        known = objects >= 0
        loss = foreground_loss(self.loss, logits, objects)
        deep = depth(objects, min(LONGEST, DEEPEST * self.radius), self.spacing)
        close = closeness(objects, self.spacing)
        for output, target in ((DEPTH, deep / (deep + self.radius)), (CENTRE, close)):
            cost = F.binary_cross_entropy_with_logits(logits[:, output], target, reduction="none")
            cost = cost + torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target)
            loss = loss + (cost * known).sum() / known.sum().clamp(min=1)
        return loss

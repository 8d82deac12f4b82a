"""What a network's outputs mean: from logits to probabilities, class indices and the maps that objects are found in.

``classes``: one logit per class, which exclude each other (softmax); a single one is that of the foreground (sigmoid).
``borders``: three classes, background, inside of an object, border of an object.
``distances``: foreground, depth, closeness to the centre; each a sigmoid of its own, see
:mod:`napari_unet.training.object_targets`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_unet.settings import Outputs

N_OUTPUTS: dict[Outputs, int] = {"borders": 3, "distances": 3}
"""Of networks for objects."""

INTERIOR, BORDER = 1, 2
"""Outputs of ``borders``, after the background."""

FOREGROUND, DEPTH, CENTRE = 0, 1, 2
"""Outputs of ``distances``."""

DEEPEST = 4.0
"""Depth in units of the typical object's radius from which on the height map is flat."""


def probabilities(logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """From logits ``(N, K, *spatial)`` to probabilities of the same shape."""
    if logits.shape[1] == 1 or outputs == "distances":
        return torch.sigmoid(logits)
    return torch.softmax(logits, dim=1)


def logits_of(mean: Tensor, outputs: Outputs = "classes") -> Tensor:
    """Logits whose probabilities are these."""
    if mean.shape[1] == 1 or outputs == "distances":
        return torch.logit(mean, eps=1e-7)
    return torch.log(mean.clamp_min(1e-12))


def class_probabilities(logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """Probabilities of the annotation's classes ``(N, classes, *spatial)``: of objects background and foreground."""
    found = probabilities(logits, outputs)
    if outputs == "distances":
        found = found[:, FOREGROUND : FOREGROUND + 1]
    elif outputs == "borders":
        found = 1 - found[:, :1]
    return torch.cat([1 - found, found], dim=1) if found.shape[1] == 1 else found


def class_indices(logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """From logits ``(N, K, *spatial)`` to indices of the annotation's classes, int64 ``(N, *spatial)``.

    The largest of several logits; for a single one 1 where its sigmoid is above 0.5, else 0. Of objects 1 where the
    foreground is the likelier.
    """
    if outputs == "borders":
        inside = torch.logsumexp(logits[:, 1:].float(), dim=1)
        return (inside > logits[:, 0].float()).long()
    if logits.shape[1] == 1 or outputs == "distances":
        return (torch.sigmoid(logits[:, FOREGROUND].float()) > 0.5).long()  # 16 bits would round to 0.5
    return logits.argmax(dim=1)


def object_maps(logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """The two maps that objects are found in.

    Parameters
    ----------
    logits : Tensor, (N, K, *spatial)
        Of a network for objects; with ``classes`` of background and foreground.

    Returns
    -------
    Tensor of uint8, (N, 2, *spatial)
        Probability of the foreground, 255 for 1; and height, which rises from the border of an object inwards: the
        depth, 255 for :data:`DEEPEST`, or the probability of the inside.
    """
    logits = logits.float()
    foreground = class_probabilities(logits, outputs)[:, 1]
    if outputs == "distances":
        # depth d and radius r: the output is d / (d + r), so the exponential of its logit is d / r.
        height = logits[:, DEPTH].clamp(max=5).exp() / DEEPEST
    elif outputs == "borders":
        height = probabilities(logits, outputs)[:, INTERIOR]
    else:
        height = foreground
    maps = torch.stack([foreground, height.clamp(max=1)], dim=1)
    return (255 * maps).round().to(torch.uint8)

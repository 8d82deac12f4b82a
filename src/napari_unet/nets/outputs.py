"""What a network's outputs mean: from logits to probabilities, class indices and the maps that objects are found in.

``classes``: one logit per class, which exclude each other (softmax); a single one is that of the foreground (sigmoid).
``borders``: three classes, background, inside of an object, border of an object.
``distances``: foreground, depth, closeness to the centre; each a sigmoid of its own, see
:mod:`napari_unet.training.object_targets`.
``flows``: foreground (sigmoid), then a vector towards the centre of the object, a component for each spatial axis, see
:mod:`napari_unet.training.object_flows`.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from napari_unet.directions import direction_table
from napari_unet.nets.symmetry import Symmetry
from napari_unet.settings import Outputs

INTERIOR, BORDER = 1, 2
"""Outputs of ``borders``, after the background."""

FOREGROUND, DEPTH, CENTRE = 0, 1, 2
"""Outputs of ``distances``; of ``flows`` the foreground is the first, too."""

DEEPEST = 4.0
"""Depth in units of the typical object's radius from which on the height map is flat."""

_AT_ONCE = 1 << 16
"""Vectors that are compared with every direction at a time: 64 MiB."""

BY_SIGMOID = ("distances", "flows")
"""Whose foreground has a logit of its own."""


def n_outputs(outputs: Outputs, ndim: int, n_classes: int) -> int:
    """How many outputs a network has: for objects what is learnt of them, else one for each class.

    Parameters
    ----------
    outputs : {"classes", "borders", "distances", "flows"}
        What they mean.
    ndim : int
        Spatial dimensions.
    n_classes : int
        Of the annotation.
    """
    return {"classes": n_classes, "borders": 3, "distances": 3, "flows": 1 + ndim}[outputs]


def probabilities(logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """From logits ``(N, K, *spatial)`` to probabilities of the same shape; vectors stay as they are."""
    if outputs == "flows":
        return torch.cat([torch.sigmoid(logits[:, :1]), logits[:, 1:]], dim=1)
    if logits.shape[1] == 1 or outputs == "distances":
        return torch.sigmoid(logits)
    return torch.softmax(logits, dim=1)


def logits_of(mean: Tensor, outputs: Outputs = "classes") -> Tensor:
    """Logits whose :func:`probabilities` are these."""
    if outputs == "flows":
        return torch.cat([torch.logit(mean[:, :1], eps=1e-7), mean[:, 1:]], dim=1)
    if mean.shape[1] == 1 or outputs == "distances":
        return torch.logit(mean, eps=1e-7)
    return torch.log(mean.clamp_min(1e-12))


def undo_symmetry(symmetry: Symmetry, logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """What the logits ``(N, K, *spatial)`` of a changed image say about the image as it was."""
    if outputs != "flows":
        return symmetry.undo(logits)
    return torch.cat([symmetry.undo(logits[:, :1]), symmetry.undo_vectors(logits[:, 1:])], dim=1)


def class_probabilities(logits: Tensor, outputs: Outputs = "classes") -> Tensor:
    """Probabilities of the annotation's classes ``(N, classes, *spatial)``: of objects background and foreground."""
    found = probabilities(logits, outputs)
    if outputs in BY_SIGMOID:
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
    if logits.shape[1] == 1 or outputs in BY_SIGMOID:
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
        depth, 255 for :data:`DEEPEST`, or the probability of the inside. Of ``flows`` the second map holds directions
        instead, as indices into :func:`~napari_unet.directions.direction_table`.
    """
    logits = logits.float()
    foreground = class_probabilities(logits, outputs)[:, 1]
    if outputs == "flows":
        certain = (255 * foreground).round().to(torch.uint8)
        return torch.stack([certain, direction_codes(logits[:, 1:])], dim=1)
    if outputs == "distances":
        # depth d and radius r: the output is d / (d + r), so the exponential of its logit is d / r.
        height = logits[:, DEPTH].clamp(max=5).exp() / DEEPEST
    elif outputs == "borders":
        height = probabilities(logits, outputs)[:, INTERIOR]
    else:
        height = foreground
    maps = torch.stack([foreground, height.clamp(max=1)], dim=1)
    return (255 * maps).round().to(torch.uint8)


def direction_codes(vectors: Tensor) -> Tensor:
    """The direction of vectors ``(N, components, *spatial)``, uint8 ``(N, *spatial)``.

    The index of the nearest in :func:`~napari_unet.directions.direction_table`, whose 256 directions lie 1.4° apart in
    a plane, and about 13° in space.
    """
    ndim = vectors.shape[1]
    if ndim == 2:
        turns = torch.atan2(vectors[:, 0], vectors[:, 1]) / (2 * pi)
        return (256 * turns).round().long().remainder(256).to(torch.uint8)
    table = torch.tensor(direction_table(ndim)).to(vectors)
    n, _, *shape = vectors.shape
    every = vectors.movedim(1, -1).reshape(-1, ndim)
    nearest = [(some @ table.T).argmax(dim=1).to(torch.uint8) for some in torch.split(every, _AT_ONCE)]
    return torch.cat(nearest).view(n, *shape)

"""The output layer for a task in closed form: at once from a few strokes, and differentiable, to learn features by.

Bertinetto et al. 2019, Meta-learning with differentiable closed-form solvers, ICLR: ridge regression from features to
classes, whose solution is differentiable in the features.
"""

from __future__ import annotations

import torch
from torch import Tensor


def solve(features: Tensor, classes: Tensor, n_classes: int, strength: Tensor | float) -> Tensor:
    """Weights of a 1×1 convolution and its bias.

    Parameters
    ----------
    features : Tensor of float32, (n, F)
        Of painted pixels.
    classes : Tensor of int64, (n,)
        Of the same pixels.
    n_classes : int
        Each counts the same, however much of it is painted.
    strength : float
        Of the ridge, relative to the mean square of the features.

    Returns
    -------
    Tensor, (F + 1, n_classes)
        The bias last.
    """
    counts = torch.bincount(classes, minlength=n_classes).clamp(min=1)
    weights = (1 / (n_classes * counts.float()))[classes]
    design = torch.cat([features, features.new_ones(len(features), 1)], dim=1)
    targets = torch.nn.functional.one_hot(classes, n_classes).to(features.dtype) * 2 - 1
    weighted = design * weights[:, None]
    gram = weighted.T @ design
    size = gram.diagonal()[:-1].mean().detach()
    ridge = gram.new_ones(len(gram)) * strength * size
    ridge = torch.cat([ridge[:-1], ridge[-1:] * 0 + 1e-6])
    solution: Tensor = torch.linalg.solve(gram + torch.diag(ridge), weighted.T @ targets)
    return solution

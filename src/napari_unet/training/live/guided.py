"""Answers that end where the image has its edges.

References
----------
He et al., Guided image filtering. IEEE Transactions on Pattern Analysis and Machine Intelligence 2013.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

RADIUS = 3
"""Of the squares in which an answer is taken to follow the image, in pixels."""

LEAST_CONTRAST = 0.1
"""Variance of the normalised image below which that is no edge."""

MOST_CHANNELS = 4
"""Of a guide; of more their mean is taken."""


def guided_filter(guide: Tensor, answers: Tensor) -> Tensor:
    """Answers as a linear function of the image in every small square (He et al. 2013, eq. 14 to 16).

    Parameters
    ----------
    guide : Tensor of float32, (C, Y, X)
        The normalised image.
    answers : Tensor of float32, (K, Y, X)
        Probabilities of classes.

    Returns
    -------
    Tensor of float32, (K, Y, X)
        Of sum 1 in every pixel.
    """
    if len(guide) > MOST_CHANNELS:
        guide = guide.mean(0, keepdim=True)
    n, size = len(guide), guide.shape[1:]
    of_guide, of_answers = _mean(guide), _mean(answers)
    together = _mean((guide[:, None] * guide).flatten(0, 1)).view(n, n, *size)
    variance = (together - of_guide[:, None] * of_guide).permute(2, 3, 0, 1)
    variance = variance + LEAST_CONTRAST * torch.eye(n, device=guide.device)
    products = _mean((guide[:, None] * answers).flatten(0, 1)).view(n, -1, *size)
    covariance = (products - of_guide[:, None] * of_answers).permute(2, 3, 0, 1)
    slope = torch.linalg.solve(variance, covariance).permute(2, 3, 0, 1)
    offset = of_answers - (slope * of_guide[:, None]).sum(0)
    slope = _mean(slope.flatten(0, 1)).view(n, -1, *size)
    found: Tensor = ((slope * guide[:, None]).sum(0) + _mean(offset)).clamp(min=0)
    return found / found.sum(0).clamp(min=torch.finfo(found.dtype).tiny)


def _mean(planes: Tensor) -> Tensor:
    """Over the square around every pixel, as far as it lies inside, of (N, Y, X)."""
    return F.avg_pool2d(planes[None], 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)[0]

"""Intensity, edges and ridges of an image at several scales: what is known of a pixel before anything is learnt.

The features of ``skimage.feature.multiscale_basic_features`` (Gaussian, gradient magnitude, eigenvalues of the
Hessian), of every channel by itself, in torch: wherever the network is, in a fraction of the time.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMAS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Of the Gaussians, in pixels."""

PER_CHANNEL = 4 * len(SIGMAS)
REACH = 32
"""Pixels around a region that its features are taken from: two deviations of the widest Gaussian."""

CONTRAST, BRIGHTNESS = 0.3, 0.3
"""How far channels are varied against one another, see :func:`restained`."""


def filter_bank(images: Tensor) -> Tensor:
    """Features of images.

    Parameters
    ----------
    images : Tensor of float32, (N, C, Y, X)
        Normalised.

    Returns
    -------
    Tensor of float32, (N, C * PER_CHANNEL, Y, X)
        Channel by channel, scale by scale: intensity, edge strength, the larger and the smaller curvature;
        derivatives in units of their scale.
    """
    n, channels, height, width = images.shape
    planes = images.reshape(n * channels, 1, height, width)
    found = []
    for sigma in SIGMAS:
        smooth = _blurred(planes, sigma)
        down, right = torch.gradient(smooth, dim=(2, 3))
        (yy, yx), (xx,) = torch.gradient(down, dim=(2, 3)), torch.gradient(right, dim=3)
        middle, spread = (yy + xx) / 2, ((yy - xx) ** 2 / 4 + yx**2).sqrt()
        edge = (down**2 + right**2).sqrt()
        found += [smooth, edge * sigma, (middle + spread) * sigma**2, (middle - spread) * sigma**2]
    return torch.cat(found, dim=1).reshape(n, channels * PER_CHANNEL, height, width)


def restained(features: Tensor, random: torch.Generator) -> Tensor:
    """Features (n, C * PER_CHANNEL) as if the channels of every pixel had another contrast and brightness.

    All of them but the intensities grow with the contrast of their channel, and do not depend on its brightness, so
    that nothing has to be filtered again. A single channel stays as it is: its normalisation sees to that.
    """
    n, channels = len(features), features.shape[1] // PER_CHANNEL
    if channels == 1:
        return features
    factor = (CONTRAST * torch.randn(n, channels, 1, generator=random)).exp().to(features)
    shift = (BRIGHTNESS * torch.randn(n, channels, 1, generator=random)).to(features)
    varied = features.view(n, channels, PER_CHANNEL) * factor
    varied[..., ::4] += shift
    return varied.view(n, -1)


def _blurred(planes: Tensor, sigma: float) -> Tensor:
    reach = min(int(3 * sigma + 0.5), min(planes.shape[-2:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=planes.dtype, device=planes.device)
    kernel = torch.exp(-(at**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(planes, (reach, reach, reach, reach), mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))

"""Classical features of an image at several scales, which the starter learns to give among its own.

Intensity, edge strength and the two curvatures of ``skimage.feature.multiscale_basic_features``, on the mean of the
channels, in torch: batches of patches on the training device.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMAS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Of the Gaussians, in pixels."""

N_FEATURES = 4 * len(SIGMAS)


def classical(images: Tensor) -> Tensor:
    """Features (N, N_FEATURES, Y, X) of images (N, C, Y, X); derivatives in units of their scale."""
    grey = images.mean(1, keepdim=True)
    found = []
    for sigma in SIGMAS:
        smooth = _blurred(grey, sigma)
        down, right = torch.gradient(smooth, dim=(2, 3))
        (yy, yx), (xx,) = torch.gradient(down, dim=(2, 3)), torch.gradient(right, dim=3)
        middle, spread = (yy + xx) / 2, ((yy - xx) ** 2 / 4 + yx**2).sqrt()
        edge = (down**2 + right**2).sqrt()
        found += [smooth, edge * sigma, (middle + spread) * sigma**2, (middle - spread) * sigma**2]
    return torch.cat(found, dim=1)


def _blurred(grey: Tensor, sigma: float) -> Tensor:
    reach = min(int(3 * sigma + 0.5), min(grey.shape[-2:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=grey.dtype, device=grey.device)
    kernel = torch.exp(-(at**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(grey, (reach, reach, reach, reach), mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))

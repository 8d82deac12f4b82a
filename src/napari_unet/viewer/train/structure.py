"""How fine the structures of an image are, so that the first brush suits them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

_WINDOW = 512
"""Side of the part in the middle that is looked at: a few milliseconds."""


def structure_width(image_layer: Any) -> float | None:
    """Half the width of fine structures, in pixels: how far one goes before the image looks different.

    The standard deviation over the mean gradient, which for membranes, axons and organelles in electron micrographs is
    about half the width of the thinnest class. ``None`` where that cannot be told at once: an image without contrast,
    or one that is not in memory.
    """
    data = image_layer.data[0] if image_layer.multiscale else image_layer.data
    if not isinstance(data, np.ndarray):
        return None
    n_space = data.ndim - 1 if image_layer.rgb else data.ndim
    middle = tuple(n // 2 for n in data.shape[: n_space - 2])
    plane = data[middle]
    window = tuple(
        slice(max(0, (n - _WINDOW) // 2), max(0, (n - _WINDOW) // 2) + _WINDOW) for n in plane.shape[:2]
    )
    part = np.asarray(plane[window], np.float32)
    if image_layer.rgb:
        part = part[..., :3].mean(axis=-1)
    if min(part.shape) < 2 or not np.isfinite(part).all():
        return None
    smooth = gaussian_filter(part, 1)  # noise of single pixels is no structure
    slope = float(np.hypot(*np.gradient(smooth)).mean())
    return float(smooth.std()) / slope if slope > 0 else None

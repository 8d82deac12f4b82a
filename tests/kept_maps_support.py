"""Maps made by hand, in a layer that holds their objects."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unet.settings import ObjectSettings
from napari_unet.viewer.objects.kept_maps import KeptMaps, keep_maps

START = ObjectSettings(min_size=0, splitting=0.5)


def dumbbell() -> np.ndarray:
    """Maps (2, Y, X) of two bulges 80 high with a neck of about 60."""
    rows, columns = np.indices((40, 90))
    height = np.maximum(*(80 - np.hypot(rows - 20, columns - x) * 1.2 for x in (27, 60)))
    maps = np.stack([np.where(height > 50, 255, 0), height.clip(0)])
    return np.asarray(maps, np.uint8)


def dumbbells(n: int = 3) -> np.ndarray:
    """Maps (2, Z, Y, X) of a stack of them."""
    return np.stack([dumbbell()] * n, axis=1)


def result(steps: Generator[float, None, Any]) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def lying(maps: np.ndarray, leading: str = "", **options: Any) -> tuple[Labels, KeptMaps]:
    """A layer with the objects of these maps, found with :data:`START`, and the maps, of which nothing is known yet."""
    found = result(KeptMaps(maps, leading, "ZT", START, **options).finding(START))
    layer, kept = Labels(found.data, name="found"), KeptMaps(maps, leading, "ZT", START, **options)
    keep_maps(layer, kept, found.checksums)
    return layer, kept

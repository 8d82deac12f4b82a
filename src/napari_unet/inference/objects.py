"""Objects from a network's answer: the maps of a plane collected tile by tile, then decoded."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.objects.decoding import cut, find_basins
from napari_unet.settings import ObjectSettings


class PlaneMaps:
    """The maps of one plane (a volume for a 3D network), filled tile by tile.

    Parameters
    ----------
    region : Box
        What is predicted of it, in spatial axes.
    """

    def __init__(self, region: Box) -> None:
        self._origin = [start for start, _ in region]
        self._maps = np.zeros((2, *(stop - start for start, stop in region)), np.uint8)
        self._missing = prod(self._maps.shape[1:])

    def add(self, core: Box, maps: NDArray[np.uint8]) -> bool:
        """Take the maps ``(2, *core)`` of a tile; returns whether the plane is complete now."""
        inside = tuple(slice(a - o, b - o) for (a, b), o in zip(core, self._origin, strict=True))
        self._maps[(slice(None), *inside)] = maps
        self._missing -= prod(maps.shape[1:])
        return self._missing <= 0

    def decode(self, settings: ObjectSettings) -> NDArray[np.int32]:
        """Number the objects."""
        return decode(self._maps, settings)


def decode(maps: NDArray[np.uint8], settings: ObjectSettings) -> NDArray[np.int32]:
    """Objects in maps ``(2, *spatial)``: foreground and height, see :func:`napari_unet.nets.outputs.object_maps`."""
    foreground, height = maps
    return cut(find_basins(foreground, height), foreground, settings)

"""Objects from a network's answer: maps collected tile by tile, decoded plane by plane, linked through a stack."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box, PredictedObjects
from napari_unet.images.room import zeros
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut
from napari_unet.objects.stack import link_planes, linked_axes, plane_settings
from napari_unet.objects.stitching import decode_blocks
from napari_unet.settings import ObjectSettings

LARGEST_IN_MEMORY = 1 << 28
"""Bytes of maps or objects from which on they are kept in a file."""

LARGEST_AT_ONCE = 1 << 26
"""Pixels of a plane from which on it is decoded block by block, to the same objects."""

_CORE = {2: 1024, 3: 128}


def decode(maps: NDArray[np.uint8], settings: ObjectSettings, directed: bool = False) -> NDArray[np.int32]:
    """Objects in maps ``(2, *spatial)``, see :func:`napari_unet.nets.outputs.object_maps`.

    Parameters
    ----------
    maps : ndarray of uint8
        Foreground and heights.
    settings : ObjectSettings
        How objects are found.
    directed : bool
        Whether there are directions instead of heights.
    """
    foreground, relief = maps
    if foreground.size <= LARGEST_AT_ONCE:
        return cut(find_basins(foreground, relief, directed), foreground, settings)
    found = zeros(foreground.shape, np.int32, LARGEST_IN_MEMORY)

    def read(box: Box) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        key = tuple(slice(*bounds) for bounds in box)
        return foreground[key], relief[key]

    def write(box: Box, objects: NDArray[np.int32]) -> None:
        found[tuple(slice(*bounds) for bounds in box)] = objects

    decode_blocks(read, write, foreground.shape, settings, _CORE[foreground.ndim], directed)
    return found


class ObjectFinder:
    """Finds the objects of one image as its tiles come in.

    Parameters
    ----------
    image : int
        Index into the images of the request.
    box : Box
        What is predicted of the image, in its label axes.
    axes : str
        The image's label axes.
    ndim : int
        Spatial dimensions of the network, the last axes.
    settings : ObjectSettings
        How objects are found.
    linked : str
        Of ``"ZT"`` those along which objects are linked: slices of a stack, frames of a time series.
    directed : bool
        Whether the second map holds directions instead of heights.
    """

    def __init__(
        self,
        image: int,
        box: Box,
        axes: str,
        ndim: int,
        settings: ObjectSettings,
        linked: str,
        directed: bool = False,
    ) -> None:
        self._image, self._box, self._ndim, self._settings = image, box, ndim, settings
        self._directed = directed
        self._leading = axes[: len(axes) - ndim]
        shape = [stop - start for start, stop in box]
        self._linked = linked_axes(self._leading, tuple(shape), linked)
        self._plane_settings = plane_settings(settings, self._linked)
        self._planes: dict[Box, _Plane] = {}
        self._stack = zeros(shape, np.int32, LARGEST_IN_MEMORY) if self._linked else None

    def add(self, position: Box, core: Box, maps: NDArray[np.uint8]) -> PredictedObjects | None:
        """Take the maps ``(2, *core)`` of a tile; returns the objects of its plane if that is complete now.

        Parameters
        ----------
        position : Box
            Of the plane, along the leading axes.
        core : Box
            Of the tile, in spatial axes.
        """
        spatial = self._box[len(self._leading) :]
        plane = self._planes.setdefault(position, _Plane(spatial))
        if not plane.add(core, maps):
            return None
        del self._planes[position]
        region = (*position, *spatial)
        objects = decode(plane.maps, self._plane_settings, self._directed)
        objects = objects.reshape([stop - start for start, stop in region])
        if self._stack is not None:
            self._stack[self._inside(region)] = objects
        given = plane.maps.reshape(2, *objects.shape)
        return PredictedObjects(self._image, region, objects, self._stack is None, given)

    def finish(self) -> Iterator[PredictedObjects]:
        """Link the objects of all planes, which then come again, with their final numbers."""
        stack = self._stack
        if stack is None:
            return
        link_planes(stack, self._leading, self._linked, self._settings)
        spatial = self._box[len(self._leading) :]
        for at in np.ndindex(*stack.shape[: len(self._leading)]):
            region = (
                *((low + i, low + i + 1) for i, (low, _) in zip(at, self._box, strict=False)),
                *spatial,
            )
            yield PredictedObjects(self._image, region, np.array(stack[self._inside(region)]))

    def _inside(self, region: Box) -> tuple[slice, ...]:
        return tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(region, self._box, strict=True))


class _Plane:
    """The maps of one plane (a volume for a 3D network)."""

    def __init__(self, box: Box) -> None:
        self._origin = [start for start, _ in box]
        self.maps = zeros((2, *(stop - start for start, stop in box)), np.uint8, LARGEST_IN_MEMORY)
        self._missing = prod(self.maps.shape[1:])

    def add(self, core: Box, maps: NDArray[np.uint8]) -> bool:
        """Take a tile; returns whether the plane is complete now."""
        inside = tuple(slice(a - o, b - o) for (a, b), o in zip(core, self._origin, strict=True))
        self.maps[(slice(None), *inside)] = maps
        self._missing -= prod(maps.shape[1:])
        return self._missing <= 0

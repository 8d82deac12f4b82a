"""Showing a slice or an object of a layer in the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Labels

if TYPE_CHECKING:
    import napari


def show_slice(viewer: napari.Viewer, layer: Labels, position: Sequence[int]) -> None:
    """Move the sliders to a slice of a layer.

    Parameters
    ----------
    position : sequence of int
        Along the leading axes of the layer.
    """
    _move(viewer, layer, layer.data_to_world((*position, 0, 0))[: len(position)])


def centre_on(viewer: napari.Viewer, layer: Labels, point: Sequence[float]) -> None:
    """Move sliders and camera so that a point of a layer lies in the middle of the canvas; the zoom stays.

    Parameters
    ----------
    point : sequence of float
        In pixels along all axes of the layer.
    """
    world = layer.data_to_world(tuple(point))
    _move(viewer, layer, world)
    first = viewer.dims.ndim - layer.ndim
    displayed = [world[axis - first] for axis in viewer.dims.displayed if axis >= first]
    camera = getattr(viewer, "scene", viewer).camera  # where it is from napari 0.9 on
    centre = camera.center
    camera.center = (*centre[: len(centre) - len(displayed)], *displayed)


def _move(viewer: napari.Viewer, layer: Labels, world: Sequence[float]) -> None:
    first = viewer.dims.ndim - layer.ndim
    for axis, value in enumerate(world, start=first):
        if axis not in viewer.dims.displayed:
            viewer.dims.set_point(axis, value)

"""Labels that cannot be changed in place, and their copies that can."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_unet.device import available_memory
from napari_unet.errors import InputError
from napari_unet.viewer.layers import METADATA, unique_name
from napari_unet.viewer.score.background import Steps
from napari_unet.viewer.score.choice import pixels
from napari_unet.viewer.score.error_layer import PLACEMENT

if TYPE_CHECKING:
    import napari

ROWS = 1024


def obstacle(layer: Labels) -> str:
    """Why the layer cannot be corrected in place, as a sentence; empty if it can."""
    data = layer.data
    if layer.multiscale:
        return f"{layer.name} holds its labels in several resolutions and cannot be changed in place."
    if not isinstance(data, np.ndarray) or _is_file(data):
        return f"{layer.name} is read from a file or computed piece by piece, and is not changed in place."
    if not data.flags.writeable or not layer.editable:
        return f"{layer.name} is locked against changes."
    return ""


def copying(layer: Labels) -> Steps:
    """Copy a layer's pixels, of its finest resolution, into memory, in steps of the fraction done.

    Raises
    ------
    InputError
        If there is no room for them.
    """
    data = pixels(layer)
    shape, dtype = tuple(data.shape), np.dtype(data.dtype)
    check_room(layer, dtype)
    copy = np.empty(shape, dtype)
    planes = list(np.ndindex(*shape[:-2]))
    for done, position in enumerate(planes):
        for top in range(0, shape[-2], ROWS):
            where = (*position, slice(top, top + ROWS))
            copy[where] = np.asarray(data[where])
            yield (done + top / shape[-2]) / len(planes)
    return copy


def check_room(layer: Labels, dtype: np.dtype[Any]) -> None:
    """Raise InputError where a copy of a layer, in this type, does not fit into the memory."""
    shape = tuple(pixels(layer).shape)
    size, free = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize, available_memory()
    if size > 0.8 * free:
        raise InputError(
            f"A copy of {layer.name} takes {size / 1e9:.1f} GB; {free / 1e9:.1f} GB of memory are free.",
            "Close other programs, or crop the labels first.",
        )


def add_copy(viewer: napari.Viewer, layer: Labels, data: np.ndarray) -> Labels:
    """Add what was copied as a layer that looks like the first, which is hidden."""
    ours = layer.metadata.get(METADATA, {})
    copy = Labels(
        data,
        name=unique_name(viewer, f"{layer.name} corrected"),
        colormap=deepcopy(layer.colormap),
        opacity=layer.opacity,
        features=layer.features.copy(),
        metadata={METADATA: dict(ours)} if ours else {},
        **{key: getattr(layer, key) for key in PLACEMENT},
    )
    viewer.add_layer(copy)
    layer.visible = False
    return copy


def _is_file(data: np.ndarray) -> bool:
    """Whether the array lies in a file that a change would reach, itself or as a view."""
    base: object = data
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode != "c":
            return True
        base = base.base
    return False

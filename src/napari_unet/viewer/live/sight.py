"""What of a layer is in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.events import Box

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer


def region_in_view(viewer: napari.Viewer, layer: Layer) -> Box | None:
    """The part of a layer that is on the screen, in the layer's pixels; 1 thick along the axes that are not seen.

    ``None`` where no plane of Y and X is: in the view of volumes, along other axes, or beside the layer.
    """
    shape = tuple(int(n) for n in layer.data.shape)
    if viewer.dims.ndisplay != 2:
        return None
    shift = viewer.dims.ndim - layer.ndim
    displayed = {axis - shift for axis in viewer.dims.displayed}
    if displayed != {layer.ndim - 2, layer.ndim - 1}:
        return None
    at = np.asarray(layer.world_to_data(np.asarray(viewer.dims.point)[shift:])).round().astype(int)
    low, high = np.asarray(layer.corner_pixels)
    box = []
    for axis, size in enumerate(shape):
        first, last = (low[axis], high[axis] + 1) if axis in displayed else (at[axis], at[axis] + 1)
        first, last = max(0, int(first)), min(size, int(last))
        if first >= last:
            return None
        box.append((first, last))
    return tuple(box)

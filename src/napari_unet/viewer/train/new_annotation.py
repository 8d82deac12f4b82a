"""An empty labels layer that fits an image, ready to be painted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import class_colormap, image_from_layers, unique_name
from napari_unet.viewer.results import placement

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

_BRUSHES = 60  # across the shorter side of the image


def add_annotation_layer(viewer: napari.Viewer, images: Sequence[Any]) -> Labels:
    """Add a layer for scribbles on these image layers, its brush as large as suits them.

    Of images with several resolutions it has the one that is shown now.

    Raises
    ------
    UNetError
        If the layers are no image together.
    MemoryError
        If it is too large to be painted on.
    """
    level = int(images[0].data_level) if all(image.multiscale for image in images) else 0
    shape = image_from_layers(images, level).label_shape
    data = np.zeros(shape, np.uint8)
    added = viewer.add_labels(
        data, name=unique_name(viewer, f"{images[0].name} annotation"), **placement(images[0], level=level)
    )
    layer: Labels = next(la for la in viewer.layers if la.name == added.name)
    layer.colormap = class_colormap(default_annotation("scribbles", [1]))
    layer.brush_size = max(2, round(min(shape[-2:]) / _BRUSHES))
    layer.mode = "paint"
    return layer

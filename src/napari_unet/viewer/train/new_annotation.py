"""A labels layer that fits an image, ready to be painted on: empty, or a copy of a prediction to be corrected."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import (
    METADATA,
    annotation_of,
    image_from_layers,
    layer_axes,
    set_annotation,
    unique_name,
)
from napari_unet.viewer.live.preview import OPACITY
from napari_unet.viewer.results import placement
from napari_unet.viewer.score.error_layer import PLACEMENT
from napari_unet.viewer.train.classes import announce
from napari_unet.viewer.train.structure import structure_width

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

_BRUSHES = 60
"""Of the largest brush, across the shorter side of the image."""
_SMALLEST_BRUSH = 2


def add_annotation_layer(viewer: napari.Viewer, images: Sequence[Any]) -> Labels:
    """Add a layer for scribbles of two classes on these image layers, its brush as large as suits them.

    Of images with several resolutions it has the one that is shown now.

    Raises
    ------
    UNetError
        If the layers are no image together.
    MemoryError
        If it is too large to be painted on.
    """
    level = int(images[0].data_level) if all(image.multiscale for image in images) else 0
    data = np.zeros(image_from_layers(images, level).label_shape, np.uint8)
    layer = _add(viewer, data, f"{images[0].name} annotation", placement(images[0], level=level))
    set_annotation(layer, default_annotation("scribbles", [1, 2]))
    announce(layer, [1, 2])
    _make_ready(viewer, layer, images)
    return layer


def add_copy(
    viewer: napari.Viewer, prediction: Labels, painted: Labels | None, images: Sequence[Any]
) -> Labels:
    """Add a copy of a prediction that can be painted on; neither it nor what was painted is changed.

    Parameters
    ----------
    prediction : Labels
        What is copied, its finest level.
    painted : Labels or None
        What was painted before, if it is of the same shape: it counts more than the prediction.
    images : sequence of Image layer
        What it was predicted of.

    Raises
    ------
    MemoryError
        If it is too large to be painted on.
    """
    source = prediction.data[0] if prediction.multiscale else prediction.data
    annotation = annotation_of(prediction)
    if painted is not None and (painted.multiscale or painted.data.shape != source.shape):
        painted = None
    kept = (
        painted.data
        if painted is not None and annotation is not None and annotation.kind != "objects"
        else None
    )
    layer = _add(
        viewer,
        _copied(source, kept),
        f"{prediction.name.removesuffix(' preview')} corrections",
        {name: getattr(prediction, name) for name in PLACEMENT},
    )
    layer.metadata[METADATA] = {"axes": layer_axes(prediction)}
    if annotation is not None:
        set_annotation(layer, annotation)
        announce(layer, annotation.values)
    _make_ready(viewer, layer, images)
    layer.opacity = OPACITY  # the image has to be seen
    if painted is not None:
        layer.brush_size = painted.brush_size
    return layer


def _copied(source: Any, kept: Any) -> NDArray[Any]:
    """Plane by plane: what holds nothing takes no memory."""
    dtype = source.dtype if kept is None else np.result_type(source.dtype, kept.dtype)
    data = np.zeros(source.shape, dtype)
    for position in product(*(range(n) for n in source.shape[:-2])):
        plane = np.asarray(source[position])
        if kept is not None:
            painted = np.asarray(kept[position])
            plane = np.where(painted != 0, painted, plane)
        if plane.any():
            data[position] = plane
    return data


def _add(viewer: napari.Viewer, data: Any, name: str, where: dict[str, Any]) -> Labels:
    added = viewer.add_labels(data, name=unique_name(viewer, name), **where)
    layer: Labels = next(la for la in viewer.layers if la.name == added.name)
    return layer


def _make_ready(viewer: napari.Viewer, layer: Labels, images: Sequence[Any]) -> None:
    shape = layer.data.shape[-2:]
    width = structure_width(images[0]) if images else None
    largest = min(shape) / _BRUSHES
    layer.brush_size = max(_SMALLEST_BRUSH, round(largest if width is None else min(width, largest)))
    layer.n_edit_dimensions = 2  # a brush in a stack paints what is seen
    layer.selected_label = 1
    layer.mode = "paint"
    viewer.layers.selection.active = layer

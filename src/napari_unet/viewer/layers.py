"""Layers in: napari layers as the engine's images and annotations; GUI thread only, nothing large is copied.

What a layer needs beyond napari's own attributes lives in ``layer.metadata["napari_unet"]``: ``axes`` (the
user's correction of the axes), ``kind`` (of an annotation), ``record`` (of the run that made a prediction).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.utils.colormaps import DirectLabelColormap
from pydantic import ValidationError

from napari_unet.axes import check_axes, default_axes
from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images.image import AnnotatedImage, Image
from napari_unet.labels import Annotation, LabelClass, default_color
from napari_unet.labels.snapshot import snapshot_labels

METADATA = "napari_unet"
"""Key of what this plugin keeps in a layer's metadata."""

_WORDS = {"channel": "C", "channels": "C", "class": "C", "time": "T", "depth": "Z", "slice": "Z",
          "height": "Y", "width": "X", "row": "Y", "column": "X"}  # fmt: skip


def layer_axes(layer: Layer) -> str:
    """Return one letter per dimension of ``layer.data``.

    Taken, in this order, from the user (``layer.metadata["napari_unet"]["axes"]``), the layer's axis labels,
    its metadata (``"axes"``, as readers of TIFF write it), and :func:`napari_unet.axes.default_axes`.
    """
    rgb = bool(getattr(layer, "rgb", False))
    shape = tuple(_level(layer).shape)
    labelled = "".join(_WORDS.get(str(a).lower(), str(a)) for a in layer.axis_labels) + ("C" if rgb else "")
    for axes in (layer.metadata.get(METADATA, {}).get("axes"), labelled, layer.metadata.get("axes")):
        if isinstance(axes, str):
            try:
                return check_axes(axes, shape)
            except InputError:
                continue  # napari's own axis labels are "-2", "-1": not letters, nobody's mistake
    return default_axes(len(shape), rgb=rgb)


def image_from_layers(layers: Sequence[ImageLayer], level: int = 0) -> Image:
    """Return the engine's view of one layer, or of several layers as channels.

    Colour layers lose their alpha channel, multiscale layers give one level. Arrays are passed by reference.

    Parameters
    ----------
    layers : sequence of Image layers
        One, or the channels.
    level : int
        Of multiscale layers; 0 is the finest.

    Raises
    ------
    InputError
        For no layer, an empty layer, values that are not real numbers, or axes that do not end in ``YX``.
    ShapeMismatchError
        If layers meant as channels differ in shape; names both.
    """
    if not layers:
        raise InputError("No image layer is chosen.", "Choose the image layer.")
    first = layers[0]
    axes = layer_axes(first)
    for other in layers[1:]:
        shapes = [tuple(_level(layer, level).shape) for layer in (first, other)]
        if shapes[0] != shapes[1]:
            raise ShapeMismatchError(
                f"{first.name} {shapes[0]} and {other.name} {shapes[1]} differ in shape.",
                "Layers used as channels of one image need the same shape.",
            )
    scale = [float(s * factor) for s, factor in zip(first.scale, level_factors(first, level), strict=True)]
    if "C" in axes and not first.rgb:
        del scale[axes.index("C")]
    return Image(
        name=" + ".join(layer.name for layer in layers),
        channels=tuple(_pixels(layer, level) for layer in layers),
        axes=axes,
        scale=tuple(scale),
    )


def annotated_image(image_layers: Sequence[ImageLayer], labels_layer: LabelsLayer) -> AnnotatedImage:
    """Return an image and a snapshot of its labels, which later painting does not change.

    Labels that span the image's channel axis too (napari's *New Labels* on a channel stack) are merged along
    it: the largest value counts.

    Raises
    ------
    ShapeMismatchError
        If the labels do not cover the image; names both layers, their shapes and axes.
    """
    image = image_from_layers(image_layers, level_for(image_layers, labels_layer))
    labels = _level(labels_layer)
    shape = tuple(labels.shape)
    if shape == image.label_shape:
        return AnnotatedImage(image, snapshot_labels(labels))
    if "C" in image.axes and shape == tuple(image.channels[0].shape):
        channel = image.axes.index("C")
        merged = labels.max(axis=channel) if hasattr(labels, "max") else np.asarray(labels).max(axis=channel)
        return AnnotatedImage(image, snapshot_labels(merged))
    raise ShapeMismatchError(
        f"{labels_layer.name} has the shape {shape}, but {image.name} needs labels of {image.label_shape} "
        f"(axes {image.label_axes}).",
        "Choose labels drawn on this very image, or correct the axes.",
    )


def annotation_of(labels_layer: LabelsLayer) -> Annotation | None:
    """Return what the layer says about its classes, ``None`` where nobody said anything (or it is broken)."""
    kind = labels_layer.metadata.get(METADATA, {}).get("kind")
    table = labels_layer.features
    index = next((c for c in ("index", "label") if c in table.columns), None)
    if kind is None or index is None or "name" not in table.columns or len(table) == 0:
        return None
    colors = table["color"] if "color" in table.columns else [None] * len(table)
    try:
        return Annotation(
            kind=kind,
            classes=tuple(
                LabelClass(
                    value=int(value),
                    name=str(name),
                    color=color if isinstance(color, str) else default_color(int(value)),
                )
                for value, name, color in zip(table[index], table["name"], colors, strict=True)
                if isinstance(name, str) and name
            ),
        )
    except (ValidationError, ValueError):
        return None


def set_annotation(labels_layer: LabelsLayer, annotation: Annotation) -> None:
    """Keep class names and colours in the layer's features and show them; other feature columns stay."""
    import pandas as pd  # here, as a dock that is only opened does not need its 0.2 s

    ours = pd.DataFrame(
        {
            "index": [c.value for c in annotation.classes],
            "name": [c.name for c in annotation.classes],
            "color": [c.color for c in annotation.classes],
        }
    )
    theirs = labels_layer.features.drop(columns=["name", "color"], errors="ignore")
    if "index" in theirs.columns and len(theirs.columns) > 1:
        ours = ours.merge(theirs, on="index", how="outer")
    labels_layer.features = ours
    labels_layer.metadata[METADATA] = {**labels_layer.metadata.get(METADATA, {}), "kind": annotation.kind}
    if annotation.kind != "objects":  # objects keep napari's many colours
        labels_layer.colormap = class_colormap(annotation)


def class_colormap(annotation: Annotation) -> DirectLabelColormap:
    """Return the colours of the classes; 0 is transparent, values that are no class yet get a colour too."""
    colors: dict[int | None, str] = {None: "#999999"} | {v: default_color(v) for v in range(1, 9)}
    colors |= {c.value: c.color for c in annotation.classes}
    return DirectLabelColormap(color_dict=colors | {0: "#00000000"})


@contextmanager
def selection_kept(viewer: ViewerModel) -> Iterator[None]:
    """Leave the selected layers selected while others are added: whoever is painting goes on painting."""
    selected, active = list(viewer.layers.selection), viewer.layers.selection.active
    yield
    if selected:
        viewer.layers.selection = selected
        viewer.layers.selection.active = active


def without_proxy(thing: Any) -> Any:
    """Return the viewer or the layer itself: napari hands plugins proxies, a new one each time."""
    return getattr(thing, "__wrapped__", thing)


def unique_name(viewer: ViewerModel, name: str) -> str:
    """Return ``name``, or ``name 2``, ``name 3``... where a layer is called that already."""
    taken = {layer.name for layer in viewer.layers}
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} {number}"
    return candidate


def level_for(image_layers: Sequence[ImageLayer], labels_layer: LabelsLayer) -> int:
    """The level of multiscale images that labels were drawn on, by their shape; the finest if on none of them."""
    shape = tuple(_level(labels_layer).shape)
    if image_layers and all(layer.multiscale for layer in image_layers):
        for level in range(min(len(layer.data) for layer in image_layers)):
            if image_from_layers(image_layers, level).label_shape == shape:
                return level
    return 0


def level_factors(layer: ImageLayer, level: int) -> tuple[float, ...]:
    """Pixels of the finest level per pixel of a level, along every axis of the layer."""
    if not layer.multiscale:
        return (1.0,) * layer.ndim
    sizes = zip(layer.data[0].shape, layer.data[level].shape, strict=True)
    return tuple(fine / coarse for fine, coarse in sizes)[: layer.ndim]


def _level(layer: Layer, level: int = 0) -> Any:
    """The data of a layer, of one level where there are several."""
    return layer.data[level] if getattr(layer, "multiscale", False) else layer.data


def _pixels(layer: ImageLayer, level: int) -> Any:
    data = _level(layer, level)
    if layer.rgb and data.shape[-1] == 4:
        if not isinstance(data, np.ndarray) and not hasattr(data, "dask"):
            from dask.array import from_array  # here, as importing dask takes half a second

            data = from_array(data)  # slicing a zarr array would read all of it
        return data[..., :3]
    return data

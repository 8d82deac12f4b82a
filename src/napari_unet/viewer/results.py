"""Results out: predictions as new layers, never into a layer of the user's."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer

from napari_unet.errors import InputError
from napari_unet.events import Box
from napari_unet.labels import Annotation
from napari_unet.viewer.layers import METADATA, layer_axes, level_factors, set_annotation, unique_name


def add_prediction(
    viewer: ViewerModel,
    image_layer: ImageLayer,
    data: Any,
    annotation: Annotation,
    name: str,
    run_record: dict[str, Any],
    level: int = 0,
) -> LabelsLayer:
    """Add a Labels layer at the image's place in space, with the class names and colours of ``annotation``.

    Parameters
    ----------
    data : ndarray of int
        Class values, or numbers of objects, in the image's label axes; filled in later through
        :func:`paint_region`, or complete.
    run_record : dict
        Where it came from; kept in ``layer.metadata["napari_unet"]["record"]``.
    level : int
        Of a multiscale image, on which it was predicted.
    """
    layer = LabelsLayer(
        data,
        name=unique_name(viewer, name),
        metadata={METADATA: {"prediction": True, "axes": label_axes_of(image_layer), "record": run_record}},
        **placement(image_layer, level=level),
    )
    set_annotation(layer, annotation)
    viewer.add_layer(layer)
    return layer


def add_probabilities(
    viewer: ViewerModel,
    image_layer: ImageLayer,
    data: Any,
    annotation: Annotation,
    name: str,
    run_record: dict[str, Any],
) -> ImageLayer:
    """Add one Image layer of probabilities, 0..1, with a class axis first (a slider in the viewer).

    Parameters
    ----------
    data : ndarray of float
        Classes first, then the image's label axes.
    """
    where = placement(image_layer, leading="class")
    layer = ImageLayer(
        data,
        name=unique_name(viewer, name),
        metadata={
            METADATA: {
                "prediction": True,
                "axes": "C" + label_axes_of(image_layer),
                "classes": [c.name for c in annotation.classes],
                "record": run_record,
            }
        },
        contrast_limits=(0, 1),
        colormap="viridis",
        opacity=0.7,
        visible=False,
        **where,
    )
    viewer.add_layer(layer)
    return layer


def add_doubt(
    viewer: ViewerModel, image_layer: ImageLayer, data: Any, name: str, level: int = 0
) -> ImageLayer:
    """Add an Image layer that glows where a prediction is not sure.

    Parameters
    ----------
    data : ndarray of uint8
        255 where all classes are as probable; in the image's label axes. It is shown, not copied.
    level : int
        Of a multiscale image, on which it was predicted.
    """
    layer = ImageLayer(
        data,
        name=unique_name(viewer, name),
        metadata={METADATA: {"prediction": True, "axes": label_axes_of(image_layer)}},
        contrast_limits=(0, 255),
        colormap="inferno",
        blending="additive",
        opacity=0.6,  # the image has to be seen
        **placement(image_layer, level=level),
    )
    viewer.add_layer(layer)
    return layer


def paint_region(layer: Layer, box: Box, values: Any, *, refresh: bool = True) -> None:
    """Write a finished piece into a prediction layer of ours.

    Parameters
    ----------
    layer : Labels or Image layer
        From :func:`add_prediction` or :func:`add_probabilities`.
    box : Box
        Where, in the image's label axes.
    values : ndarray
        Of the box's shape; with the class axis first for probabilities.
    refresh : bool
        Whether to draw at once; a caller with many pieces refreshes after the last.

    Raises
    ------
    InputError
        If the layer is not a prediction of ours, or was given other data meanwhile.
    """
    if not layer.metadata.get(METADATA, {}).get("prediction"):
        raise InputError(
            f"{layer.name} is not a prediction.", "Predictions are written into layers of their own."
        )
    region = tuple(slice(start, stop) for start, stop in box)
    if isinstance(layer, ImageLayer):
        region = (slice(None), *region)
    if len(region) != layer.data.ndim or layer.data[region].shape != np.shape(values):
        raise InputError(
            f"The data of {layer.name} was replaced while it was being filled.", "Segment again."
        )
    layer.data[region] = values
    if refresh:
        layer.refresh()


def label_axes_of(image_layer: ImageLayer) -> str:
    """Axes of a prediction of this layer: the same without channels."""
    return layer_axes(image_layer).replace("C", "")


def placement(image_layer: ImageLayer, leading: str = "", level: int = 0) -> dict[str, Any]:
    """Keyword arguments that put a prediction where the image is.

    Scale, translation, rotation, shear, affine, units and axis labels without the image's channel axis.

    Parameters
    ----------
    image_layer : Image layer
        What was predicted.
    leading : str
        Name of an axis put first (the classes of probabilities).
    level : int
        Of a multiscale layer; the middle of a coarse pixel lies in the middle of the fine ones that it covers.
    """
    axes = layer_axes(image_layer)
    ndim = image_layer.ndim
    keep = [i for i in range(ndim) if image_layer.rgb or axes[i] != "C"]
    square = np.ix_(keep, keep)
    # napari stores shear as the upper triangle above the diagonal, row by row.
    shear = np.eye(ndim)
    shear[np.triu_indices(ndim, 1)] = image_layer.shear
    affine = image_layer.affine.affine_matrix
    factors = np.array(level_factors(image_layer, level))[keep]
    rotate, shear = image_layer.rotate[square], shear[square]
    scale = image_layer.scale[keep] * factors
    shift = rotate @ np.triu(shear) @ (image_layer.scale[keep] * (factors - 1) / 2)
    translate = image_layer.translate[keep] + shift
    affine = affine[np.ix_([*keep, ndim], [*keep, ndim])]
    units = [image_layer.units[i] for i in keep]
    names = [image_layer.axis_labels[i] for i in keep]
    if leading:
        scale, translate = np.r_[1.0, scale], np.r_[0.0, translate]
        rotate, shear, affine = _bordered(rotate), _bordered(shear), _bordered(affine)
        units, names = ["pixel", *units], [leading, *names]
    return {
        "scale": scale,
        "translate": translate,
        "rotate": rotate,
        "shear": shear,
        "affine": affine,
        "units": units,
        "axis_labels": names,
    }


def _bordered(matrix: Any) -> Any:
    """The matrix with an axis put first that it leaves alone."""
    out = np.eye(len(matrix) + 1)
    out[1:, 1:] = matrix
    return out

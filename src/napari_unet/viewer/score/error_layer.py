"""Errors as Labels layers, at the place of the prediction they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_unet.labels import Annotation, LabelClass
from napari_unet.scores import ObjectComparison
from napari_unet.scores.errors import WRONG_STATES
from napari_unet.scores.findings import State
from napari_unet.viewer.layers import METADATA, class_colormap, unique_name
from napari_unet.viewer.score.object_panel import STATE_COLORS

if TYPE_CHECKING:
    import napari

# Okabe and Ito (2008): told apart with every common colour blindness, on dark and on bright images.
RIGHT_AND_WRONG = (("right", "#009e73"), ("wrong", "#d55e00"))
ONE_CLASS = (("true positive", "#009e73"), ("false positive", "#e69f00"), ("false negative", "#cc79a7"))

PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


OF_OBJECTS = tuple((state, STATE_COLORS[state]) for state in WRONG_STATES)

CONTOUR = 2
"""Pixels: outlines leave the image and overlapping objects of two layers to be seen."""


def legend(meanings: tuple[tuple[str, str], ...]) -> str:
    """What the colours mean, as rich text."""
    return " &nbsp; ".join(
        f'<span style="color: {color}">■</span>&nbsp;{name.replace(" ", "&nbsp;")}'
        for name, color in meanings
    )


def is_error_layer(layer: Any) -> bool:
    """Whether a layer shows errors and is no annotation or prediction itself."""
    return bool(layer.metadata.get(METADATA, {}).get("errors"))


def add_error_layer(
    viewer: napari.Viewer, prediction: Labels, errors: Any, class_name: str | None, record: dict[str, Any]
) -> Labels:
    """Add an error image; all classes are right or wrong where ``class_name`` is None.

    Parameters
    ----------
    errors : ndarray of uint8
        From :func:`napari_unet.scores.errors.error_steps`.
    record : dict
        What was compared; kept in the layer's metadata.
    """
    meanings = RIGHT_AND_WRONG if class_name is None else ONE_CLASS
    classes = tuple(
        LabelClass(value=value, name=name, color=color)
        for value, (name, color) in enumerate(meanings, start=1)
    )
    layer = Labels(
        errors,
        name=unique_name(viewer, f"Errors of {prediction.name}" + (f": {class_name}" if class_name else "")),
        colormap=class_colormap(Annotation(kind="scribbles", classes=classes)),
        features={"index": [c.value for c in classes], "name": [c.name for c in classes]},
        metadata={METADATA: {"errors": True, "record": record}},
        opacity=0.5 if class_name is None else 0.8,
        **{key: getattr(prediction, key) for key in PLACEMENT},
    )
    viewer.add_layer(layer)
    return layer


def add_object_layers(
    viewer: napari.Viewer,
    prediction: Labels,
    errors: dict[State, Any],
    objects: ObjectComparison,
    record: dict[str, Any],
) -> list[Labels]:
    """Add a layer for each kind of wrong objects, in one colour, with the objects' own numbers.

    A missed object often lies under a spurious one, so that one layer could not show both; and each kind can be hidden
    for itself.

    Parameters
    ----------
    errors : dict of str to ndarray of int
        From :func:`napari_unet.scores.errors.object_error_steps`.
    objects : ObjectComparison
        What they were made from.
    record : dict
        What was compared; kept in the metadata of the layers.
    """
    layers = []
    for state, shapes in errors.items():
        found = [scores.found.ids(state) for scores in objects.images.values()]
        ids = np.unique(np.concatenate(found)).tolist()
        layer = Labels(
            shapes,
            name=unique_name(viewer, f"{state.capitalize()}: {prediction.name}"),
            colormap=DirectLabelColormap(color_dict={None: STATE_COLORS[state], 0: "#00000000"}),
            features={"index": ids, "state": [state] * len(ids)},
            metadata={METADATA: {"errors": True, "record": record}},
            opacity=1.0,
            **{key: getattr(prediction, key) for key in PLACEMENT},
        )
        layer.contour = CONTOUR
        viewer.add_layer(layer)
        layers.append(layer)
    return layers

"""An error image as a Labels layer, at the place of the prediction it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_unet.labels import Annotation, LabelClass
from napari_unet.viewer.layers import METADATA, class_colormap, unique_name

if TYPE_CHECKING:
    import napari

# Okabe and Ito (2008): told apart with every common colour blindness, on dark and on bright images.
RIGHT_AND_WRONG = (("right", "#009e73"), ("wrong", "#d55e00"))
ONE_CLASS = (("true positive", "#009e73"), ("false positive", "#e69f00"), ("false negative", "#cc79a7"))

PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


def legend(*, one_class: bool) -> str:
    """What the colours mean, as rich text."""
    return " &nbsp; ".join(
        f'<span style="color: {color}">■</span>&nbsp;{name.replace(" ", "&nbsp;")}'
        for name, color in (ONE_CLASS if one_class else RIGHT_AND_WRONG)
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

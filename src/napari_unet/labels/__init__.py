"""What an annotation means: scribbles, masks or objects; classes, names, colours, ignore."""

from napari_unet.labels.annotation import (
    CLASS_COLORS,
    IGNORE,
    Annotation,
    AnnotationKind,
    LabelClass,
    default_annotation,
    default_color,
    object_strokes,
    signed,
    to_class_indices,
    what_to_paint,
)
from napari_unet.labels.kinds import KindGuess, infer_kind
from napari_unet.labels.planes import annotated_plane_mask
from napari_unet.labels.summary import LabelSummary, summarize_labels

__all__ = [
    "CLASS_COLORS",
    "IGNORE",
    "Annotation",
    "AnnotationKind",
    "KindGuess",
    "LabelClass",
    "LabelSummary",
    "annotated_plane_mask",
    "default_annotation",
    "default_color",
    "infer_kind",
    "object_strokes",
    "signed",
    "summarize_labels",
    "to_class_indices",
    "what_to_paint",
]

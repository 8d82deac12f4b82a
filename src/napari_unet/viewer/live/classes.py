"""The classes of what is painted: those that are known, and those whose first stroke was just made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.errors import AnnotationError, InputError
from napari_unet.labels import Annotation, default_annotation, object_strokes
from napari_unet.models.record import ModelRecord
from napari_unet.viewer.layers import annotation_of, set_annotation
from napari_unet.viewer.train.classes import announce

if TYPE_CHECKING:
    from napari.layers import Labels

LARGEST_CLASS = 255
"""A preview is an image of 8 bit."""


def known_classes(layers: Sequence[Labels], before: Annotation | None, painted: set[int]) -> Annotation:
    """Return the classes, with the names and colours they have; at least two.

    Parameters
    ----------
    layers : sequence of Labels
        Where they may have been named; the first that names one counts.
    before : Annotation or None
        The classes so far, none of which is lost.
    painted : set of int
        Values that are painted.

    Raises
    ------
    AnnotationError
        If there are too many, or one is too large.
    """
    known = [*(annotation_of(layer) for layer in layers), before]
    given = {c.value: c for a in reversed(known) if a is not None for c in a.classes if c.value}
    values = sorted(painted | set(given))
    if values and values[-1] > LARGEST_CLASS:
        raise AnnotationError(
            f"A stroke has the value {values[-1]}; the classes of strokes are 1 to {LARGEST_CLASS}.",
            "Undo it, and paint with a smaller value.",
        )
    if len(values) < 2:
        values = sorted({*values, 1, 2})
    annotation = default_annotation("scribbles", values)
    return annotation.model_copy(update={"classes": tuple(given.get(c.value, c) for c in annotation.classes)})


def name_object_strokes(layers: Sequence[Labels]) -> None:
    """Let the classes of these layers be those that objects are learnt from; names and colours that fit stay.

    Raises
    ------
    InputError
        If one has other classes already, or strokes whose classes have no names; then none is changed.
    """
    wanted = object_strokes()
    for layer in layers:
        if are_object_strokes(annotation_of(layer)):
            continue
        if not _has_no_classes(layer) or _is_painted(layer):
            raise InputError(
                f"{layer.name} has classes of its own. Objects are learnt from three: "
                + ", ".join(f"{c.name} ({c.value})" for c in wanted.classes)
                + ".",
                "Click 'New annotation layer' for strokes of these.",
            )
    for layer in layers:
        there = annotation_of(layer)
        kept = {c.value: c for c in there.classes} if are_object_strokes(there) and there else {}
        classes = tuple(kept.get(c.value, c) for c in wanted.classes)
        set_annotation(layer, wanted.model_copy(update={"classes": classes}))
        announce(layer, wanted.values)


def are_object_strokes(annotation: Annotation | None) -> bool:
    """Whether these are the classes that objects are learnt from, at least two of them and no others."""
    if annotation is None:
        return False
    wanted = {(c.value, c.name) for c in object_strokes().classes}
    found = {(c.value, c.name) for c in annotation.classes}
    return len(found) > 1 and found <= wanted


def name_classes_of(record: ModelRecord, layers: Sequence[Labels]) -> None:
    """Let layers that nothing is painted on, and without names of their own, have the classes of a model's strokes."""
    known = record.strokes
    if known is not None and known.kind == "scribbles":
        name_classes(known, layers)


def first_classes(layers: Sequence[Labels], *, objects: bool) -> Annotation:
    """The classes that a run begins with, of objects' strokes if wanted; they are named where nothing is painted yet.

    Raises
    ------
    AnnotationError, InputError
        As :func:`known_classes` and :func:`name_object_strokes`.
    """
    if objects:
        name_object_strokes(layers)
    known = known_classes(layers, None, set())
    name_classes(known, layers)
    return known


def name_classes(known: Annotation, layers: Sequence[Labels]) -> None:
    """The same with any classes of strokes: there has to be something to choose before the first stroke."""
    for layer in layers:
        if _has_no_classes(layer) and not _is_painted(layer):
            set_annotation(layer, known)
            announce(layer, known.values)


def _has_no_classes(layer: Labels) -> bool:
    """Whether nobody has named a class of it, or added one."""
    there = annotation_of(layer)
    return there is None or (
        all(c.name.startswith("class ") for c in there.classes)
        and set(there.values) <= set(object_strokes().values)
    )


def _is_painted(layer: Labels) -> bool:
    """Whether anything is painted; of what does not lie in memory that is taken for granted."""
    return not isinstance(layer.data, np.ndarray) or bool(layer.data.any())

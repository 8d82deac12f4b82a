"""What an annotation means: its kind, its classes, and the class index of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unet.errors import AnnotationError

AnnotationKind = Literal["scribbles", "masks", "objects"]
"""``scribbles``: 0 is unlabelled. ``masks``: 0 is the background class. ``objects``: each is one object."""

IGNORE = -1
"""Class index of a pixel that costs nothing in the loss and counts in no score."""

CLASS_COLORS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999",
)  # fmt: skip
"""Okabe and Ito (2008), distinguishable with every common colour blindness."""


LARGEST_VALUE = 65535
"""Predictions are label images of 16 bit at most."""


class LabelClass(BaseModel):
    """One class: the value it is painted with, its name, and its colour as ``#rrggbb``."""

    model_config = ConfigDict(frozen=True)

    value: int = Field(ge=0, le=LARGEST_VALUE)
    name: str = Field(min_length=1)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")


class Annotation(BaseModel):
    """Kind and classes of an annotation, in the order of the network's outputs.

    For ``objects`` the classes are background (0) and foreground (1) whatever the object numbers.
    """

    model_config = ConfigDict(frozen=True)

    kind: AnnotationKind
    classes: tuple[LabelClass, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _values_are_unique_and_fit_the_kind(self) -> Annotation:
        values = [c.value for c in self.classes]
        if len(set(values)) != len(values):
            raise ValueError(f"class values repeat: {values}")
        if self.kind == "scribbles" and 0 in values:
            raise ValueError("0 means unlabelled in scribbles and cannot be a class")
        return self

    @property
    def values(self) -> tuple[int, ...]:
        """Class values as painted, by network output."""
        return tuple(c.value for c in self.classes)


def default_color(value: int) -> str:
    """Colour of a class nobody coloured; background is black."""
    return "#000000" if value == 0 else CLASS_COLORS[(value - 1) % len(CLASS_COLORS)]


def what_to_paint(kind: AnnotationKind) -> str:
    """What to do where nothing is labelled yet, as a sentence."""
    if kind == "objects":
        return "Give every object a number of its own and leave the background 0, then train."
    return "Paint at least two classes, then train."


def default_annotation(kind: AnnotationKind, values: Sequence[int]) -> Annotation:
    """Annotation for the ``values`` found in the labels, with default names and colours.

    Parameters
    ----------
    kind : {"scribbles", "masks", "objects"}
        What the labels are.
    values : sequence of int
        Distinct values present, 0 included or not.

    Raises
    ------
    AnnotationError
        If nothing is labelled, or there are too many or too large values for classes.
    """
    painted = sorted({int(v) for v in values} - {0})
    if not painted:
        raise AnnotationError("Nothing is labelled yet.", what_to_paint(kind))
    if kind == "objects":
        painted = [1]
    elif len(painted) > 255:
        raise AnnotationError(
            f"The labels hold {len(painted)} different values, too many to be classes.",
            "If every value is one object, choose objects.",
        )
    elif painted[-1] > LARGEST_VALUE:
        raise AnnotationError(
            f"The labels hold the value {painted[-1]}, too large for a class.",
            "Number the classes 1, 2, 3, …; if every value is one object, choose objects.",
        )
    names = {0: "background"} | ({1: "foreground"} if painted == [1] and kind != "scribbles" else {})
    wanted = painted if kind == "scribbles" else [0, *painted]
    return Annotation(
        kind=kind,
        classes=tuple(
            LabelClass(value=v, name=names.get(v, f"class {v}"), color=default_color(v)) for v in wanted
        ),
    )


def object_strokes() -> Annotation:
    """The three classes of strokes that objects are learnt from, in the order of a network's outputs ``borders``."""
    names = ("background", "object", "border")
    return Annotation(
        kind="scribbles",
        classes=tuple(
            LabelClass(value=v, name=name, color=default_color(v)) for v, name in enumerate(names, start=1)
        ),
    )


def to_class_indices(labels: NDArray[Any], annotation: Annotation) -> NDArray[np.int16]:
    """Network output index of every pixel, :data:`IGNORE` where the annotation says nothing.

    Parameters
    ----------
    labels : ndarray of int or bool
        Values as painted, any shape. Negative values are ignored pixels.
    annotation : Annotation
        What the values mean. Values that are no class are ignored pixels.

    Returns
    -------
    ndarray of int16
        Same shape.
    """
    labels = np.asarray(labels)
    if annotation.kind == "objects":
        indices = (labels > 0).astype(np.int16)
        if labels.dtype.kind != "u":
            indices[labels < 0] = IGNORE
        return indices
    largest = max(annotation.values)
    table = np.full(largest + 1, IGNORE, np.int16)
    for index, value in enumerate(annotation.values):
        table[value] = index
    inside = (labels >= 0) & (labels <= largest)
    # 0 fits every dtype: a number that does not would wrap around and turn into a class
    return np.where(inside, table[np.where(inside, labels, 0).astype(np.intp)], np.int16(IGNORE))


def signed(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers of objects with a sign, which negative ones need to mean unknown pixels.

    Raises
    ------
    AnnotationError
        If one is 2**63 or more: it would turn into a negative one.
    """
    labels = np.asarray(labels)
    if labels.dtype == np.uint64 and labels.size and labels.max() > np.iinfo(np.int64).max:
        raise AnnotationError(
            f"An object has the number {labels.max()}, and numbers from 2**63 on cannot be learnt from.",
            "Number the objects anew, for example with Relabel all in the Objects dock.",
        )
    return labels.astype(np.int64)

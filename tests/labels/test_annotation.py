"""Annotation: classes and the class index of every pixel."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from napari_unet.errors import AnnotationError
from napari_unet.labels import (
    CLASS_COLORS,
    IGNORE,
    Annotation,
    AnnotationKind,
    LabelClass,
    default_annotation,
    default_color,
    signed,
    to_class_indices,
)

LABELS = hnp.arrays(
    st.sampled_from([np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64, bool]),
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=5),
)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("scribbles", (1, 3), {0: IGNORE, 1: 0, 2: IGNORE, 3: 1, 9: IGNORE}),
        ("masks", (2, 5), {0: 0, 1: IGNORE, 2: 1, 5: 2, 200: IGNORE}),
        ("objects", (4, 7, 300), {0: 0, 4: 1, 7: 1, 9: 1, 300: 1}),
    ],
)
def test_class_indices(kind: AnnotationKind, values: tuple[int, ...], expected: dict[int, int]) -> None:
    annotation = default_annotation(kind, values)
    indices = to_class_indices(np.array(list(expected)), annotation)
    assert indices.dtype == np.int16
    assert indices.tolist() == list(expected.values())


def test_negative_values_are_ignored() -> None:
    for kind in get_args(AnnotationKind):
        assert to_class_indices(np.array([-3]), default_annotation(kind, [1, 2])).tolist() == [IGNORE]


@given(labels=LABELS, kind=st.sampled_from(get_args(AnnotationKind)))
def test_indices_lead_back_to_the_painted_value(labels: np.ndarray[Any, Any], kind: AnnotationKind) -> None:
    values = [int(v) for v in np.unique(labels) if v > 0]
    if not values:
        with pytest.raises(AnnotationError):
            default_annotation(kind, values)
        return
    if kind != "objects" and max(values) > 10_000:
        values = [v for v in values if v <= 10_000] or [1]
    annotation = default_annotation(kind, values)
    indices = to_class_indices(labels, annotation)
    assert indices.shape == labels.shape
    for value, index in zip(labels.ravel().tolist(), indices.ravel().tolist(), strict=True):
        if kind == "objects":
            assert index == (IGNORE if value < 0 else int(value > 0))
        elif int(value) in annotation.values:
            assert annotation.values[index] == int(value)
        else:
            assert index == IGNORE


def test_default_names_and_colours() -> None:
    masks = default_annotation("masks", [0, 1])
    assert [(c.value, c.name, c.color) for c in masks.classes] == [
        (0, "background", "#000000"),
        (1, "foreground", CLASS_COLORS[0]),
    ]
    assert default_annotation("scribbles", [2, 1]).values == (1, 2)
    assert default_annotation("scribbles", [2, 1]).classes[0].name == "class 1"
    assert default_annotation("objects", range(500)).values == (0, 1)
    assert default_color(len(CLASS_COLORS) + 1) == CLASS_COLORS[0]


def test_too_many_values_for_classes() -> None:
    with pytest.raises(AnnotationError, match="choose objects"):
        default_annotation("masks", range(300))


def test_impossible_annotations() -> None:
    with pytest.raises(ValidationError, match="repeat"):
        Annotation(kind="masks", classes=(_class(1), _class(1)))
    with pytest.raises(ValidationError, match="unlabelled"):
        Annotation(kind="scribbles", classes=(_class(0), _class(1)))
    with pytest.raises(ValidationError):
        Annotation(kind="masks", classes=())
    with pytest.raises(ValidationError):
        LabelClass(value=1, name="x", color="red")


def test_json_round_trip() -> None:
    annotation = default_annotation("masks", [3, 4])
    assert Annotation.model_validate_json(annotation.model_dump_json()) == annotation


def _class(value: int) -> LabelClass:
    return LabelClass(value=value, name="x", color="#000000")


def test_ignored_values_do_not_wrap_around_into_a_class() -> None:
    annotation = default_annotation("masks", [1, 255])
    labels = np.array([[-1, 0, 1, 127]], np.int8)  # 256 would be 0 in eight bits
    assert to_class_indices(labels, annotation).tolist() == [[IGNORE, 0, 1, IGNORE]]


def test_values_that_no_prediction_can_hold_are_no_classes() -> None:
    with pytest.raises(AnnotationError, match="65536, too large"):
        default_annotation("masks", [1, 65536])
    assert default_annotation("objects", [2**62]).values == (0, 1)
    with pytest.raises(ValidationError):
        LabelClass(value=65536, name="a", color="#000000")


def test_numbers_keep_their_value_with_a_sign_or_are_refused():
    small, large = np.array([0, 2**63 - 1], np.uint64), np.array([0, 2**63], np.uint64)
    assert signed(small).tolist() == [0, 2**63 - 1]
    assert signed(np.array([-1, 3], np.int8)).tolist() == [-1, 3]
    assert signed(np.zeros(0, np.uint64)).dtype == np.int64
    with pytest.raises(AnnotationError, match=f"{2**63}.*Relabel"):
        signed(large)

"""The kind of an annotation: right where it is clear, a question where it is not, never a wrong answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.images import image_paths, read_labels
from napari_unet.labels import AnnotationKind, infer_kind, summarize_labels

Labels = np.ndarray[Any, Any]

KINDS: dict[str, AnnotationKind] = {
    "axondeepseg_myelin_sem": "masks",
    "bbbc039_nuclei": "objects",
    "bbbc050_embryo_nuclei3d": "objects",
    "chase_retinal_vessels": "masks",
    "dsb2018_fluo_nuclei": "objects",
    "dsb2018_histology_rgb": "objects",
    "epfl6_em_organelles": "masks",
    "isbi2012_em_membrane": "masks",
    "monuseg_he_nuclei": "objects",
    "plantseg_ovule_membrane3d": "objects",
    "stardist_sample_nuclei2d": "objects",
}


def kind_of(*labels: Labels) -> str | None:
    return infer_kind([summarize_labels(a) for a in labels]).kind


def strokes(
    rng: np.random.Generator, shape: tuple[int, int], n_classes: int, n: int, brush: int, length: int
) -> Labels:
    """Wandering strokes of a round brush, as napari paints them."""
    labels = np.zeros(shape, np.uint8)
    for value in np.repeat(range(1, n_classes + 1), n):
        path = np.ones(shape, bool)
        place, angle = rng.uniform(0, shape), rng.uniform(0, 6.3)
        for _ in range(length):
            if (place >= 0).all() and (place < shape).all():
                path[tuple(place.astype(int))] = False
            angle += rng.normal(0, 0.2)
            place = place + np.array([np.sin(angle), np.cos(angle)])
        labels[ndimage.distance_transform_edt(path) <= (brush - 1) / 2] = value
    return labels


def some_of(shared_data: Path, name: str, n: int) -> list[Labels]:
    paths = image_paths(shared_data / name / "train" / "labels")
    chosen = sorted({round(i) for i in np.linspace(0, len(paths) - 1, n)})
    return [np.asarray(read_labels(paths[i])[...]) for i in chosen]


@pytest.mark.parametrize("name", KINDS)
def test_every_real_set_is_recognised(shared_data: Path, name: str) -> None:
    summaries = [summarize_labels(labels) for labels in some_of(shared_data, name, 24)]
    guess = infer_kind(summaries)
    assert guess.kind == KINDS[name], guess.reason
    for summary in summaries:  # a single image may be unclear, but is never taken for something else
        assert infer_kind([summary]).kind in (KINDS[name], None)


@pytest.mark.parametrize("brush", range(1, 11))
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_strokes_are_scribbles(brush: int, n_classes: int) -> None:
    rng = np.random.default_rng(brush)
    length = 8 * brush + 10
    labels = [strokes(rng, (300, 400), n_classes, 2, brush, length) for _ in range(2)]
    assert kind_of(*labels) == "scribbles"


def test_strokes_on_a_few_slices_of_a_stack_are_scribbles() -> None:
    rng = np.random.default_rng(0)
    stack = np.zeros((40, 200, 220), np.uint8)
    for z in (3, 20, 21):
        stack[z] = strokes(rng, (200, 220), 2, 2, 5, 70)
    summary = summarize_labels(stack)
    assert (summary.n_planes, summary.n_labelled_planes) == (40, 3)
    assert infer_kind([summary]).kind == "scribbles"


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_images=st.integers(1, 3),
    n_classes=st.integers(2, 5),
    n=st.integers(1, 4),
    brush=st.integers(1, 10),
    length=st.integers(1, 150),
)
def test_strokes_are_never_taken_for_something_else(
    seed: int, n_images: int, n_classes: int, n: int, brush: int, length: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = [strokes(rng, (180, 200), n_classes, n, brush, length) for _ in range(n_images)]
    assert kind_of(*labels) in ("scribbles", None)


def test_one_scribbled_class_or_a_sparse_mask_is_asked_for(shared_data: Path) -> None:
    rng = np.random.default_rng(0)
    assert kind_of(strokes(rng, (200, 200), 1, 3, 5, 80)) is None
    assert kind_of(*(strokes(rng, (200, 200), 1, 3, 5, 80) for _ in range(4))) is None
    assert kind_of(some_of(shared_data, "chase_retinal_vessels", 1)[0]) is None


def test_a_fully_painted_slice_is_masks(shared_data: Path) -> None:
    for name in ("isbi2012_em_membrane", "axondeepseg_myelin_sem"):
        painted = some_of(shared_data, name, 1)[0]
        stack = np.zeros((8, *painted.shape), np.uint8)
        stack[3] = painted
        assert kind_of(stack) == "masks"


def test_saturated_scribbles_are_asked_for() -> None:
    rng = np.random.default_rng(3)
    full = strokes(rng, (140, 150), 4, 8, 10, 120)
    nearly_empty = strokes(rng, (140, 150), 3, 5, 1, 20)
    assert (full > 0).mean() > 0.4
    assert kind_of(full) is None
    assert kind_of(full, nearly_empty) is None


def test_semantic_labels_made_from_objects_are_masks(shared_data: Path) -> None:
    objects = some_of(shared_data, "monuseg_he_nuclei", 7)
    assert kind_of(*((a > 0).astype(np.uint8) for a in objects)) == "masks"
    outlined = []
    for a in objects:
        outline = ndimage.maximum_filter(a, 3) != ndimage.minimum_filter(a, 3)
        outlined.append(np.where(outline, 2, a > 0))
    assert kind_of(*outlined) == "masks"


def test_few_or_suspicious_objects_are_asked_for() -> None:
    squares = np.zeros((200, 200), np.uint16)
    for i in range(15):
        squares[12 * i + 2 : 12 * i + 10, 20:28] = i + 1
    assert kind_of(squares) == "objects"
    assert kind_of(np.where(squares <= 5, squares, 0)) is None
    assert kind_of(squares, squares) is None  # the same numbers in every image: an atlas?
    lines = np.zeros((200, 200), np.uint16)
    for i in range(15):
        lines[12 * i + 2, 20:80] = i + 1
    assert kind_of(lines) is None


def test_nothing_labelled_says_so() -> None:
    for summaries in ([], [summarize_labels(np.zeros((3, 9, 9), int))]):
        guess = infer_kind(summaries)
        assert guess.kind is None
        assert "Nothing is labelled" in guess.reason


def test_empty_images_are_passed_over(shared_data: Path) -> None:
    labels = some_of(shared_data, "axondeepseg_myelin_sem", 3)
    assert kind_of(np.zeros((64, 64), np.uint8), *labels) == "masks"


def test_values_and_counts() -> None:
    labels = np.zeros((4, 30, 40), np.int32)
    labels[1, 2:4, 5:10] = 7
    labels[2, 0, 0] = 3_000_000
    labels[3] = -1
    summary = summarize_labels(labels)
    assert summary.values == (7, 3_000_000)
    assert summary.counts == (10, 1)
    assert summary.n_labelled_planes == 2
    assert summary.coverage == pytest.approx(11 / 2400)
    assert summary.complete


def test_huge_labels_cost_a_bounded_number_of_reads() -> None:
    class Huge:
        shape = (10_000, 8000, 8000)
        pixels = 0

        def __getitem__(self, key: tuple[Any, ...]) -> Labels:
            z, rows = key
            size = len(range(*rows.indices(8000)))
            Huge.pixels += size * 8000
            return np.zeros((size, 8000), np.uint8) if z else np.ones((size, 8000), np.uint8)

    summary = summarize_labels(Huge())
    assert not summary.complete
    assert summary.values == (1,)
    assert Huge.pixels < 1.2 * 2**28


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.int64, np.uint32, bool]),
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=12),
    )
)
def test_any_labels_give_an_answer_with_a_reason(labels: Labels) -> None:
    summary = summarize_labels(labels)
    assert summary.values == tuple(int(v) for v in np.unique(labels) if v > 0)
    assert summary.counts == tuple(int((labels == v).sum()) for v in summary.values)
    assert 0 <= summary.coverage <= 1
    assert 0 <= summary.strokes <= 1
    assert infer_kind([summary]).reason.endswith(".")

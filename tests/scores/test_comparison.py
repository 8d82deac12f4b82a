from contextlib import closing

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import AnnotationError, InputError, ShapeMismatchError
from napari_unet.scores import compare, compare_steps
from napari_unet.scores import comparison as module
from napari_unet.scores.comparison import block_boxes, class_score, distinct_values

LABELS = np.array([[0, 0, 1], [1, 2, 2]])
PREDICTION = np.array([[0, 1, 1], [0, 2, 0]])


def test_masks_count_every_value_zero_included():
    result = compare(PREDICTION, LABELS, "masks")
    assert result.values == (0, 1, 2)
    np.testing.assert_array_equal(result.total.matrix, [[1, 1, 0], [1, 1, 0], [1, 0, 1]])


def test_scribbles_ignore_unlabelled_pixels_and_predicted_zero_is_a_miss():
    result = compare(PREDICTION, LABELS, "scribbles")
    assert result.values == (1, 2)
    np.testing.assert_array_equal(result.total.matrix, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(result.total.unmatched, [1, 1])
    np.testing.assert_allclose(result.total.dice(), [2 / 3, 2 / 3])


def test_objects_are_foreground_whatever_their_numbers():
    result = compare(PREDICTION * 40, LABELS * 70_000, "objects")
    assert result.values == (0, 1)
    score = result.foreground(result.total)
    assert (score.overlap, score.labelled, score.predicted) == (2, 4, 3)
    assert score.dice == pytest.approx(4 / 7)
    assert score.iou == pytest.approx(2 / 5)


def test_foreground_of_classes_is_label_above_zero_against_prediction_above_zero():
    result = compare(PREDICTION, LABELS, "masks")
    score = result.foreground(result.total)
    true, predicted = LABELS > 0, PREDICTION > 0
    assert (score.overlap, score.labelled, score.predicted) == (
        (true & predicted).sum(),
        true.sum(),
        predicted.sum(),
    )


def test_negative_labels_are_ignored_and_negative_predictions_wrong():
    result = compare(np.array([[1, -1]]), np.array([[-1, 1]]), "masks")
    np.testing.assert_array_equal(result.total.matrix, np.zeros((2, 2)))
    np.testing.assert_array_equal(result.total.unmatched, [0, 1])
    assert compare(np.array([[1, 0]]), np.array([[-1, 1]]), "objects").total.matrix.tolist() == [
        [0, 0],
        [1, 0],
    ]


@settings(deadline=None)  # dask is slow to start
@given(st.integers(0, 10_000), st.sampled_from([1, 7, 64, 1 << 22]), st.booleans())
def test_slices_and_blocks_of_any_size_give_the_same_counts(seed, at_once, large):
    rng = np.random.default_rng(seed)
    shape = (2, 3, int(rng.integers(1, 9)), int(rng.integers(1, 9)))
    factor = 100_000 if large else 1
    prediction, labels = rng.integers(0, 4, shape) * factor, rng.integers(0, 4, shape) * factor
    before = module.PIXELS_AT_ONCE
    module.PIXELS_AT_ONCE = at_once
    try:
        result = compare(da.from_array(prediction, chunks=2), labels, "masks", values=[factor, 2 * factor])
    finally:
        module.PIXELS_AT_ONCE = before
    assert list(result.slices) == [(t, z) for t in range(2) for z in range(3)]
    for index, value in enumerate(result.values):
        for position, counts in result.slices.items():
            score = class_score(counts, index)
            p, t = prediction[position] == value, labels[position] == value
            assert (score.overlap, score.labelled, score.predicted) == ((p & t).sum(), t.sum(), p.sum())
    assert result.total.matrix.sum() == labels.size


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 200))
def test_blocks_cover_every_pixel_once(height, width, at_once):
    seen = np.zeros((2, height, width), int)
    for box in block_boxes(seen.shape, at_once):
        seen[tuple(slice(*bounds) for bounds in box)] += 1
        assert np.prod([b - a for a, b in box]) <= max(at_once, width)
    assert (seen == 1).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int8, np.int32, np.int64, np.uint64])
def test_values_of_any_integer_type_are_found(dtype):
    block = np.array([[0, 1], [1, 0]], dtype)
    assert distinct_values(block) == {0, 1}
    assert compare(block, block, "masks").total.dice().tolist() == [1, 1]


def test_far_apart_values_need_no_table():
    labels = np.array([[0, 2**40, 2**40]])
    assert compare(np.array([[0, 2**40, 5]]), labels, "masks").values == (0, 5, 2**40)


def test_named_classes_that_do_not_occur_are_undefined():
    result = compare(LABELS, LABELS, "masks", values=[7])
    assert result.values == (0, 1, 2, 7)
    assert np.isnan(result.total.dice()[3])
    assert result.total.mean_dice() == 1


def test_complete_values_make_any_other_prediction_wrong():
    result = compare(PREDICTION, LABELS, "masks", values=[1, 2], complete=True)
    with_nine = np.where(PREDICTION == 2, 9, PREDICTION)
    other = compare(with_nine, LABELS, "masks", values=[1, 2], complete=True)
    assert other.values == result.values == (0, 1, 2)
    assert other.total.unmatched.tolist() == [0, 0, 1]


def test_progress_rises_to_one_and_can_be_left():
    steps = list(compare_steps(PREDICTION, LABELS, "masks"))
    assert steps == sorted(steps)
    assert steps[-1] == 1
    with closing(compare_steps(PREDICTION, LABELS, "masks")) as run:
        next(run)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(ShapeMismatchError, match=r"\(2, 2\).*\(2, 3\)"):
        compare(np.zeros((2, 2), int), LABELS, "masks")
    with pytest.raises(InputError, match="float64"):
        compare(LABELS * 0.5, LABELS, "masks")
    with pytest.raises(InputError, match="empty"):
        compare(LABELS[:0], LABELS[:0], "masks")
    with pytest.raises(AnnotationError, match="Nothing is labelled"):
        compare(LABELS * 0, LABELS * 0, "scribbles")
    many = np.arange(400).reshape(20, 20)
    with pytest.raises(AnnotationError, match=r"400 different values.*objects"):
        compare(many, many, "masks")


def test_a_value_beyond_63_bits_is_no_class_but_can_be_an_object() -> None:
    labels = np.array([[0, 2**63]], np.uint64)
    with pytest.raises(AnnotationError, match="too large for a class"):
        compare(labels, labels, "masks")
    assert compare(labels, labels, "objects").total.dice().tolist() == [1.0, 1.0]

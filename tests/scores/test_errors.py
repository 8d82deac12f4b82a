import numpy as np
import pytest

from napari_unet.scores import compare
from napari_unet.scores import errors as module
from napari_unet.scores.comparison import class_score, finish
from napari_unet.scores.errors import error_steps

LABELS = np.array([[[0, 0, 1], [1, 2, -1]], [[2, 2, 1], [0, 0, 0]]])
PREDICTION = np.array([[[0, 1, 1], [0, 2, 2]], [[2, 9, 1], [0, 2, 0]]])


def test_one_class():
    errors = finish(error_steps(PREDICTION, LABELS, "masks", (0, 1, 2), 1))
    np.testing.assert_array_equal(errors[0], [[0, 2, 1], [3, 0, 0]])
    assert errors.dtype == np.uint8


def test_all_classes_right_or_wrong():
    errors = finish(error_steps(PREDICTION, LABELS, "masks", (0, 1, 2)))
    np.testing.assert_array_equal(errors, [[[1, 2, 1], [2, 1, 0]], [[1, 2, 1], [1, 2, 1]]])


def test_unlabelled_pixels_are_no_errors_in_scribbles():
    errors = finish(error_steps(PREDICTION, LABELS, "scribbles", (1, 2)))
    np.testing.assert_array_equal(errors, [[[0, 0, 1], [2, 1, 0]], [[1, 2, 1], [0, 0, 0]]])


def test_objects_by_foreground():
    errors = finish(error_steps(PREDICTION, LABELS, "objects", (0, 1), 1))
    np.testing.assert_array_equal(errors[0], [[0, 2, 1], [3, 1, 0]])


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_pixels_of_the_error_image_are_those_of_the_scores(monkeypatch, at_once):
    monkeypatch.setattr("napari_unet.scores.comparison.PIXELS_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    prediction, labels = rng.integers(0, 3, (2, 3, 8, 7)), rng.integers(0, 3, (2, 3, 8, 7))
    scores = compare(prediction, labels, "masks")
    for index, value in enumerate(scores.values):
        errors = finish(error_steps(prediction, labels, "masks", scores.values, value))
        score = class_score(scores.total, index)
        assert np.count_nonzero(errors == module.TRUE_POSITIVE) == score.overlap
        assert np.count_nonzero(errors == module.FALSE_POSITIVE) == score.predicted - score.overlap
        assert np.count_nonzero(errors == module.FALSE_NEGATIVE) == score.labelled - score.overlap

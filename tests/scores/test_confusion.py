import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_jaccard_index

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.scores import Confusion, confusion


def random_pair(seed=0, n=4, size=500):
    rng = np.random.default_rng(seed)
    return rng.integers(0, n, size), rng.integers(-1, n, size)


@given(st.integers(0, 1000), st.integers(1, 6))
def test_counts_equal_a_loop_over_pixels(seed, n):
    prediction, target = random_pair(seed, n, 60)
    expected = np.zeros((n, n), np.int64)
    for p, t in zip(prediction, target, strict=True):
        if t >= 0:
            expected[t, p] += 1
    counts = Confusion(n)
    counts.add(prediction, target)
    np.testing.assert_array_equal(counts.matrix, expected)
    assert counts.matrix.dtype == np.int64


def test_scores_equal_torchmetrics():
    prediction, target = random_pair(1)
    counts = Confusion(4)
    counts.add(prediction.reshape(20, 25).astype(np.uint8), target.reshape(20, 25).astype(np.int16))
    p, t = torch.as_tensor(prediction), torch.as_tensor(target)
    oracle = multiclass_confusion_matrix(p, t, 4, ignore_index=-1)
    np.testing.assert_array_equal(counts.matrix, oracle.numpy())
    iou = multiclass_jaccard_index(p, t, 4, average=None, ignore_index=-1).numpy()
    np.testing.assert_allclose(counts.iou(), iou, rtol=1e-6)
    np.testing.assert_allclose(counts.dice(), 2 * iou / (1 + iou), rtol=1e-6)
    assert counts.mean_dice() == pytest.approx(counts.dice().mean())


def test_a_class_in_neither_is_undefined_and_outside_the_mean():
    counts = Confusion(3)
    counts.add([0, 0, 1], [0, 1, 1])
    np.testing.assert_allclose(counts.dice(), [2 / 3, 2 / 3, np.nan])
    np.testing.assert_allclose(counts.iou(), [0.5, 0.5, np.nan])
    assert counts.mean_dice() == pytest.approx(2 / 3)
    assert counts.mean_iou() == pytest.approx(0.5)
    assert np.isnan(Confusion(2).mean_dice())


def test_a_class_in_only_one_of_them_scores_zero():
    counts = Confusion(2)
    counts.add([1, 1], [0, 0])
    np.testing.assert_array_equal(counts.dice(), [0, 0])


@pytest.mark.parametrize("outside", [-1, 2, 200])
def test_a_prediction_that_is_no_class_is_a_miss(outside):
    counts = Confusion(2)
    counts.add(np.array([1, outside], np.int16), [1, 1])
    np.testing.assert_array_equal(counts.unmatched, [0, 1])
    np.testing.assert_array_equal(counts.pixels, [0, 2])
    np.testing.assert_allclose(counts.dice(), [np.nan, 2 / 3])


def test_pixels_without_target_count_nowhere():
    counts = Confusion(2)
    counts.add([0, 1, 7, -1], [-1, -5, -1, -1])
    assert counts.matrix.sum() == counts.unmatched.sum() == 0


def test_chunks_add_up(monkeypatch):
    prediction, target = random_pair(2)
    whole = Confusion(4)
    whole.add(prediction, target)
    monkeypatch.setattr(confusion, "_PIXELS_AT_ONCE", 37)
    parts = [Confusion(4), Confusion(4)]
    parts[0].add(prediction[:200], target[:200])
    parts[1].add(prediction[200:], target[200:])
    np.testing.assert_array_equal((parts[0] + parts[1]).matrix, whole.matrix)
    assert whole.matrix.sum() == (target >= 0).sum()


def test_unsigned_labels_do_not_wrap():
    counts = Confusion(300)
    counts.add(np.array([255, 0], np.uint8), np.array([255, 255], np.uint8))
    assert counts.matrix[255, 255] == counts.matrix[255, 0] == 1


def test_what_cannot_be_compared_is_said():
    with pytest.raises(ShapeMismatchError, match=r"\(2,\).*\(3,\)"):
        Confusion(2).add([0, 1], [0, 1, 1])
    with pytest.raises(InputError, match="class index 2"):
        Confusion(2).add([0, 1], [0, 2])
    with pytest.raises(InputError, match="float64"):
        Confusion(2).add([0.5], [0])
    with pytest.raises(InputError, match="at least one"):
        Confusion(0)
    with pytest.raises(InputError, match="2 and of 3"):
        Confusion(2) + Confusion(3)


def test_empty_chunks_are_fine():
    counts = Confusion(2)
    counts.add(np.zeros((0, 5), int), np.zeros((0, 5), int))
    assert np.isnan(counts.dice()).all()


def test_real_second_observer_scores_as_published(shared_data):
    """The README of the data gives Dice 0.797 of the second human against the first on the 8 test images."""
    from skimage.io import imread

    counts = Confusion(2)
    folder = shared_data / "chase_retinal_vessels" / "test"
    for path in sorted((folder / "labels").glob("*.png")):
        counts.add(imread(folder / "labels_2nd_observer" / path.name), imread(path))
    both = counts.dice()[1]
    assert both == pytest.approx(0.797, abs=0.005)

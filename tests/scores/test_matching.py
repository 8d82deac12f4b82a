import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import object_score_oracle as oracle
from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.scores import comparison
from napari_unet.scores.matching import match, overlap

VALUES = st.integers(-1, 4)
PAIRS = hnp.array_shapes(min_dims=2, max_dims=4, max_side=5).flatmap(
    lambda shape: st.tuples(*(hnp.arrays(np.int16, shape, elements=VALUES, fill=VALUES) for _ in "ab"))
)


@settings(deadline=None, max_examples=150)
@given(PAIRS)
def test_table_holds_every_object_and_every_overlap(pair):
    prediction, labels = pair
    labelled, predicted = oracle.objects_of(prediction, labels)
    found = overlap(prediction, labels)
    for objects, expected in ((found.labelled, labelled), (found.predicted, predicted)):
        assert objects.ids.tolist() == sorted(expected)
        assert objects.sizes.tolist() == [len(expected[i]) for i in sorted(expected)]
        for i, centroid in zip(objects.ids.tolist(), objects.centroids, strict=True):
            np.testing.assert_allclose(centroid, np.mean(list(expected[i]), axis=0))
    pairs = {
        (int(found.labelled.ids[r]), int(found.predicted.ids[c])): (int(n), iou)
        for r, c, n, iou in zip(found.rows, found.columns, found.pixels, found.iou, strict=True)
    }
    assert pairs == {
        (i, j): (len(a & b), oracle.iou(a, b))
        for i, a in labelled.items()
        for j, b in predicted.items()
        if a & b
    }


@settings(deadline=None, max_examples=150)
@given(PAIRS, st.sampled_from([0.01, 0.1, 0.25, 1 / 3, 0.5, 0.6, 0.75, 1.0]))
def test_matching_is_the_best_of_all(pair, threshold):
    prediction, labels = pair
    found = overlap(prediction, labels)
    matching = match(found, threshold)
    assert len(set(matching.rows.tolist())) == len(set(matching.columns.tolist())) == len(matching)
    assert (matching.iou >= threshold).all()
    n, total = oracle.best_matching(*oracle.objects_of(prediction, labels), threshold)
    assert len(matching) == n
    assert matching.iou.sum() == pytest.approx(total)


def test_blocks_and_the_whole_agree(monkeypatch):
    rng = np.random.default_rng(0)
    prediction, labels = rng.integers(-1, 9, (2, 70, 9, 11))
    whole = overlap(prediction, labels)
    monkeypatch.setattr(comparison, "PIXELS_AT_ONCE", 20)
    parts = overlap(prediction, labels)  # more blocks than are kept apart
    np.testing.assert_array_equal(whole.pixels, parts.pixels)
    np.testing.assert_array_equal(whole.labelled.sizes, parts.labelled.sizes)
    np.testing.assert_allclose(whole.predicted.centroids, parts.predicted.centroids)


def test_two_equal_halves_are_one_match():
    labels = np.array([[7, 7, 7, 7]])
    matching = match(overlap(np.array([[1, 1, 2, 2]]), labels), 0.5)
    assert len(matching) == 1
    assert len(match(overlap(np.array([[1, 1, 2, 2]]), labels), 0.51)) == 0


def test_competition_below_one_half_goes_to_more_pairs():
    # 1 overlaps both 1 (0.6) and 2 (0.3); 2 of the labels overlaps only 1: greedy would lose a pair.
    labels = np.array([[1, 1, 1, 1, 1, 1, 2, 2]])
    prediction = np.array([[2, 2, 1, 1, 1, 1, 1, 0]])
    assert len(match(overlap(prediction, labels), 0.1)) == 2


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_large_ids(dtype):
    labels = np.array([[0, 2**31 + 5, 2**31 + 5, 2**40]], dtype)
    found = overlap(labels, labels)
    assert found.labelled.ids.tolist() == [2**31 + 5, 2**40]
    assert match(found, 1.0).iou.tolist() == [1, 1]
    if dtype is np.uint64:
        largest = np.array([[0, 2**64 - 1]], np.uint64)
        assert [int(i) for i in overlap(largest, largest).predicted.ids] == [2**64 - 1]


def test_a_hundred_thousand_objects():
    grid = np.arange(1, 102_401).reshape(320, 320)
    labels = np.kron(grid, np.ones((5, 5), np.int64))
    labels[::5] = 0
    begin = time.perf_counter()
    found = overlap(np.roll(labels, 1, axis=1), labels)
    assert len(match(found, 0.5)) == 102_400
    assert time.perf_counter() - begin < 10  # 0.5 s where nothing else runs


def test_whole_floats_are_labels_and_others_are_refused():
    labels = np.array([[0.0, 1.0], [2.0, 2.0]])
    assert overlap(labels, labels.astype(np.uint8)).rows.tolist() == [0, 1]
    for wrong in (0.5, np.nan, np.inf):
        with pytest.raises(InputError, match=r"The prediction hold values that are no whole numbers"):
            overlap(np.array([[0, wrong]]), np.array([[0, 1]]))
    with pytest.raises(
        InputError, match=r"The labels hold 1e\+30, too large for a label that is saved as a float"
    ):
        overlap(np.array([[0, 1]]), np.array([[0, 1e30]]))
    with pytest.raises(ShapeMismatchError):
        overlap(np.zeros((2, 3), int), np.zeros((2, 2), int))
    with pytest.raises(InputError, match="complex"):
        overlap(np.zeros((2, 2), complex), np.zeros((2, 2), complex))


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01, float("nan")])
def test_thresholds_out_of_bounds(threshold):
    one = np.ones((2, 2), int)
    with pytest.raises(InputError, match="threshold"):
        match(overlap(one, one), threshold)


def test_no_object_on_one_side_or_both():
    empty, one = np.zeros((3, 3), np.uint8), np.ones((3, 3), bool)
    for prediction, labels, n in ((empty, empty, (0, 0)), (empty, one, (1, 0)), (one, empty, (0, 1))):
        found = overlap(prediction, labels)
        assert (len(found.labelled), len(found.predicted)) == n
        assert len(match(found)) == 0

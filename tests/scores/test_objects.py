import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.io import imread

import object_score_oracle as oracle
from napari_unet.scores import score_image, score_objects, summarize
from napari_unet.scores.objects import THRESHOLDS

VALUES = st.integers(-1, 4)
PAIRS = hnp.array_shapes(min_dims=2, max_dims=3, max_side=5).flatmap(
    lambda shape: st.tuples(*(hnp.arrays(np.int16, shape, elements=VALUES, fill=VALUES) for _ in "ab"))
)


def test_thresholds_are_the_decimals():
    assert list(THRESHOLDS) == oracle.THRESHOLDS


@settings(deadline=None, max_examples=200)
@given(PAIRS)
def test_scores_are_those_of_the_definitions(pair):
    expected, scores = oracle.scores(*pair), score_image(*pair)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(scores, name), values, err_msg=name)


@settings(deadline=None, max_examples=200)
@given(PAIRS)
def test_every_object_is_found_by_the_definitions(pair):
    labelled, predicted = oracle.objects_of(*pair)
    rows = list(score_image(*pair).found.rows())
    split = {r.labelled[0]: tuple(sorted(r.predicted)) for r in rows if r.state == "split"}
    merged = {r.predicted[0]: tuple(sorted(r.labelled)) for r in rows if r.state == "merged"}
    assert split == oracle.holders(labelled, predicted)
    assert merged == oracle.holders(predicted, labelled)
    assert {i for r in rows for i in r.labelled} == set(labelled)
    assert {i for r in rows for i in r.predicted} == set(predicted)
    involved = {*split, *(i for ids in merged.values() for i in ids)}
    for row in rows:
        if row.state == "matched":
            (i,), (j,) = row.labelled, row.predicted
            assert row.iou == pytest.approx(oracle.iou(labelled[i], predicted[j]))
            assert row.iou >= 0.5
        if row.state == "missed":
            assert row.predicted == ()
            assert row.labelled[0] not in involved
            best = max((oracle.iou(labelled[row.labelled[0]], p) for p in predicted.values()), default=0)
            assert row.iou == pytest.approx(best)
        own, of = (
            (predicted, row.predicted) if row.state in ("merged", "spurious") else (labelled, row.labelled)
        )
        assert row.pixels == len(own[of[0]])
        np.testing.assert_allclose(row.centroid, np.mean(list(own[of[0]]), axis=0))


def test_an_iou_of_three_fifths_reaches_sixty_percent():
    scores = score_image(np.array([[1, 1, 1, 0, 0]]), np.array([[1, 1, 1, 1, 1]]))
    assert scores.tp.tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_a_speck_is_no_split():
    labels = np.ones((4, 10), int)
    halves = np.where(np.arange(10) < 5, 1, 2)[None].repeat(4, 0)
    assert [r.state for r in score_image(halves, labels).found.rows()] == ["split"]
    speck = labels.copy()
    speck[0, 0] = 2
    assert [r.state for r in score_image(speck, labels).found.rows()] == ["spurious", "matched"]
    assert [r.state for r in score_image(labels, halves).found.rows()] == ["merged"]


def test_one_blob_over_fifty_cells_is_a_merge_of_all():
    labels = np.zeros((10, 200), int)
    for i in range(50):
        labels[2:8, 4 * i : 4 * i + 3] = i + 1
    (row,) = score_image(np.ones_like(labels), labels).found.rows()
    assert (row.state, len(row.labelled)) == ("merged", 50)
    (row,) = score_image(labels, np.ones_like(labels)).found.rows()
    assert (row.state, len(row.predicted)) == ("split", 50)


def test_means_are_over_images_and_empty_images_say_nothing():
    one, none = np.array([[1, 0]]), np.array([[0, 0]])
    scores = [score_image(p, t) for p, t in ((one, one), (none, none), (none, one), (one, none))]
    assert np.isnan(scores[1].ap).all()
    assert np.isnan(scores[1].pq)
    summary = summarize(scores)
    assert summary.n_images == 3
    assert summary.ap.tolist() == [1 / 3] * 10
    assert (summary.ap_50_95, summary.pq) == pytest.approx((1 / 3, 1 / 3))
    assert summary.precision[0] == summary.recall[0] == pytest.approx(1 / 3)
    assert (summary.n_labelled, summary.n_predicted, summary.n_matched) == (2, 2, 1)
    assert (summary.n_missed, summary.n_spurious) == (1, 1)
    nothing = summarize([scores[1]])
    assert np.isnan([nothing.ap_50_95, nothing.pq]).all()
    assert nothing.n_images == summarize([]).n_images == 0


def test_ignored_pixels_leave_out_predictions_that_lie_mostly_there():
    labels = np.array([[-1, -1, -1, 0, 5, 5]])
    scores = score_image(np.array([[1, 1, 2, 2, 3, 3]]), labels)
    assert (scores.n_labelled, scores.n_predicted) == (1, 2)  # exactly half inside still counts
    assert scores.tp[-1] == 1


def test_a_stack_is_one_volume_or_many_images():
    labels = np.zeros((3, 6, 6), int)
    labels[:, :3, :3] = 1
    labels[:, 4:, 4:] = 2
    prediction = labels.copy()
    prediction[0] = 0
    volume = score_objects(prediction, labels)
    assert volume.volume
    assert list(volume.images) == [()]
    assert volume.summary.tp.tolist() == [2, 2, 2, 2, 0, 0, 0, 0, 0, 0]
    slices = score_objects(prediction, labels, volume=False)
    assert list(slices.images) == [(0,), (1,), (2,)]
    assert slices.summary.ap[0] == pytest.approx(2 / 3)
    assert slices.summary.n_labelled == 6
    several = score_objects(np.stack([prediction, labels]), np.stack([labels, labels]), volume=True)
    assert list(several.images) == [(0,), (1,)]
    assert several.images[1,].ap.tolist() == [1] * 10
    assert len(several.images[1,].overlap.labelled.centroids[0]) == 3


def test_real_objects_against_the_definitions(shared_data):
    folder = shared_data / "bbbc039_nuclei" / "train" / "labels"
    labels = imread(sorted(folder.iterdir())[0]).astype(np.int32)
    prediction = np.roll(labels, (2, 3), (0, 1))
    prediction[prediction == 3] = 0
    prediction[prediction == 5] = 4
    labelled, predicted = oracle.objects_of(prediction, labels)
    values = [v for a in labelled.values() for b in predicted.values() if (v := oracle.iou(a, b)) >= 0.55]
    scores = score_image(prediction, labels)
    assert len(labelled) == scores.n_labelled > 50
    assert scores.tp[1:].tolist() == [sum(v >= t for v in values) for t in oracle.THRESHOLDS[1:]]
    assert scores.found.ids("merged").tolist() == sorted(oracle.holders(predicted, labelled))
    assert set(scores.found.ids("missed")) >= {3}

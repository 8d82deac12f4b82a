from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.viewer.live.accepting import accept, sure_areas

SURE, UNSURE = 15, 55


@pytest.fixture
def preview():
    """Two classes side by side in the middle slice of a stack, sure but for a band between them."""
    predicted = np.zeros((3, 20, 30), np.uint8)
    predicted[1, :, :15], predicted[1, :, 15:] = 1, 2
    doubt = np.full(predicted.shape, SURE, np.uint8)
    doubt[:, :, 13:17] = UNSURE
    return SimpleNamespace(layer=Labels(predicted), doubt=doubt)


SLICE = ((1, 2), (0, 20), (0, 30))


def test_fills_what_is_sure_and_unlabelled_in_view(preview):
    labels = Labels(np.zeros((3, 20, 30), np.uint8))
    labels.data[1, 5, :] = 7  # whatever the user says is right
    painted = labels.data.copy()
    n = accept(preview, labels, SLICE)
    expected = np.where(preview.doubt < 51, preview.layer.data, 0)
    expected[painted > 0] = 7
    np.testing.assert_array_equal(labels.data, expected)
    assert n == (expected != painted).sum() == 26 * 19


def test_one_undo_takes_all_of_it_back(preview):
    labels = Labels(np.zeros((3, 20, 30), np.uint8))
    labels.data_setitem(tuple(np.array([i]) for i in (1, 0, 0)), 2)
    before = labels.data.copy()
    heard = []
    labels.events.paint.connect(lambda event: heard.append(event.value))
    accept(preview, labels, SLICE)
    assert len(heard) == 1  # what the live run and the counts listen to
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    labels.redo()
    assert labels.data[1, 3, 3] == 1


def test_only_what_is_in_view(preview):
    labels = Labels(np.zeros((3, 20, 30), np.uint8))
    accept(preview, labels, ((1, 2), (4, 12), (0, 10)))
    assert labels.data.sum() == 8 * 10
    assert (labels.data[1, 4:12, :10] == 1).all()


def test_only_the_area_at_a_pixel(preview):
    labels = Labels(np.zeros((3, 20, 30), np.uint8))
    assert accept(preview, labels, SLICE, (1, 10, 25)) == 20 * 13
    assert set(np.unique(labels.data)) == {0, 2}
    for unsure_or_outside in ((1, 10, 15), (1, -4, 25), (1, 10, 99)):
        assert accept(preview, labels, SLICE, unsure_or_outside) == 0


def test_nothing_new_is_no_step(preview):
    labels = Labels(np.zeros((3, 20, 30), np.uint8))
    accept(preview, labels, SLICE)
    assert accept(preview, labels, SLICE) == 0
    labels.undo()
    assert not labels.data.any()


def test_specks_and_what_was_never_predicted_are_no_areas():
    predicted, doubt = np.ones((12, 12), np.uint8), np.full((12, 12), 255, np.uint8)
    doubt[:3, :5] = SURE  # 15 pixels
    doubt[6:10, 6:10] = SURE  # 16
    assert np.unique(sure_areas(predicted, doubt)[6:10, 6:10]).size == 1
    assert np.count_nonzero(sure_areas(predicted, doubt)) == 16
    assert not sure_areas(np.zeros_like(predicted), np.zeros_like(doubt)).any()

"""Several followers of one layer each hear of everything; the layer is compared once."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.viewer.live import following
from napari_unet.viewer.live.following import follow


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr("napari_unet.viewer.live.watcher.BUDGET", 10.0)


def copy_of(follower, into=None):
    array = np.zeros(follower.shape, int) if into is None else into
    for box, labels in follower.changes(None):
        array[tuple(slice(*bounds) for bounds in box)] = labels
    return array


def test_who_comes_later_hears_of_what_was_before():
    layer = Labels(np.zeros((600, 700), np.uint8))
    first = follow(layer)
    layer.paint((20, 20), 2)
    copy_of(first)
    second = follow(layer)
    np.testing.assert_array_equal(copy_of(second), layer.data)
    layer.paint((300, 600), 1)
    np.testing.assert_array_equal(copy_of(second, np.where(layer.data == 2, 2, 0)), layer.data)
    np.testing.assert_array_equal(copy_of(first, np.where(layer.data == 2, 2, 0)), layer.data)
    assert first.values == second.values == {1, 2}
    for follower in (first, second, second):
        follower.close()
    assert id(layer) not in following._SHARED


def test_another_layer_in_its_place():
    one, other = Labels(np.zeros((600, 700), np.uint8)), Labels(np.zeros((600, 700), np.uint8))
    one.data[5, 5] = 1
    other.data[550, 5] = 2
    follower = follow(one)
    array = copy_of(follower)
    follower.follow(other)
    np.testing.assert_array_equal(copy_of(follower, array), other.data)
    assert id(one) not in following._SHARED
    follower.close()
    assert id(other) not in following._SHARED


def test_data_of_another_shape():
    layer = Labels(np.ones((60, 70), np.uint8))
    follower = follow(layer)
    copy_of(follower)
    layer.data = np.full((5, 40, 30), 3, np.uint8)
    assert follower.shape == (5, 40, 30)
    np.testing.assert_array_equal(copy_of(follower), layer.data)
    follower.close()

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.viewer.objects.value_colors import (
    LEVELS,
    color_by_value,
    is_colored,
    original_colors,
    value_range,
)


def test_a_giant_does_not_leave_all_others_alike():
    values = np.r_[np.arange(100.0), 1e9, np.nan]
    low, high = value_range(values)
    assert 0 < low < high < 100
    assert np.isnan(value_range(np.array([np.nan, np.inf]))).all()


def test_every_object_gets_the_colour_of_its_value():
    labels = np.arange(1, 6)
    layer = Labels(np.arange(8).reshape(2, 4))
    color_by_value(layer, labels, np.array([0.0, 1, 2, 9, np.nan]), (0.0, 2.0))
    red, green, blue, alpha = np.moveaxis(layer.colormap.map(np.arange(8)), -1, 0)
    assert alpha.tolist() == [0] + [1] * 7
    assert np.all(np.diff(green[1:4]) > 0)  # viridis
    assert (green[3], red[3]) == (green[4], red[4])  # beyond the range
    assert red[5] == green[5] == blue[5] == red[7]  # grey: without a value, or not measured
    color_by_value(layer, labels, np.array([7, 7, 7, 7, 7]), (7.0, 7.0))
    assert len(np.unique(layer.colormap.map(labels), axis=0)) == 1


def test_few_colours_and_the_way_back():
    layer = Labels(np.array([[1, 2]]), metadata={"mine": 1})
    before = layer.colormap
    color_by_value(layer, np.arange(1, 5000), np.arange(1, 5000), (1, 5000))
    color_by_value(layer, np.arange(1, 5000), -np.arange(1, 5000), (-5000, -1))
    assert len(layer.colormap) <= LEVELS + 4 <= 256
    assert is_colored(layer)
    original_colors(layer)
    assert layer.colormap is before
    assert not is_colored(layer)
    assert layer.metadata["mine"] == 1
    original_colors(layer)
    assert layer.colormap is before


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_labels_of_any_type(dtype):
    layer = Labels(np.array([[1, 2]], dtype))
    color_by_value(layer, np.array([1, 2]), np.array([False, True]), value_range(np.array([False, True])))
    assert layer.colormap.map(layer.data).shape == (1, 2, 4)

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.errors import UNetError
from napari_unet.viewer.objects.measuring import layer_scale, measuring


def result(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_sizes_in_several_units_become_one():
    layer = Labels(np.zeros((2, 3, 4), int), scale=(1, 200, 0.2), units=("mm", "nm", "µm"))
    assert layer_scale(layer) == (pytest.approx((1000, 0.2, 0.2)), "µm")
    assert layer_scale(Labels(np.zeros((3, 4), int), scale=(2, 2))) == ((2, 2), "")


def test_channels_are_called_after_what_they_are():
    labels = Labels(np.ones((5, 6), int))
    assert "mean_green" in result(measuring(labels, Image(np.zeros((5, 6, 3), np.uint8), rgb=True))).columns
    assert "mean_GFP" in result(measuring(labels, Image(np.zeros((5, 6)), name="GFP"))).columns
    stack = Image(np.zeros((2, 5, 6)), axis_labels=("c", "y", "x"))
    assert "mean_channel_2" in result(measuring(labels, stack)).columns
    with pytest.raises(UNetError, match="needs labels of"):
        result(measuring(labels, Image(np.zeros((6, 5)))))


def test_the_axes_of_the_image_count():
    series = Image(np.zeros((2, 5, 6)), axis_labels=("t", "y", "x"))
    assert result(measuring(Labels(np.ones((2, 5, 6), int)), series)).positions == ("frame",)
    assert result(measuring(Labels(np.ones((2, 5, 6), int)), None)).positions == ()

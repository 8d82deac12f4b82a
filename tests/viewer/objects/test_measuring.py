from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.errors import UNetError
from napari_unet.viewer.objects.measuring import keep_features, layer_scale, measuring


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
    colour = Image(np.zeros((5, 6, 3), np.uint8), rgb=True, name="stain")
    plain = Image(np.full((5, 6), 7), name="GFP")
    stack = Image(np.zeros((2, 5, 6)), axis_labels=("c", "y", "x"), name="stack")
    assert "mean_green" in result(measuring(labels, [colour])).columns
    assert "mean_GFP" in result(measuring(labels, [plain])).columns
    assert "mean_channel_2" in result(measuring(labels, [stack])).columns
    table = result(measuring(labels, [stack, plain, colour]))
    names = [name.removeprefix("mean_") for name in table.columns if name.startswith("mean_")]
    assert names == ["stack_channel_1", "stack_channel_2", "GFP", "stain_red", "stain_green", "stain_blue"]
    assert table["max_GFP"].tolist() == [7]
    assert not any("mean" in name for name in result(measuring(labels)).columns)
    with pytest.raises(UNetError, match="needs labels of"):
        result(measuring(labels, [plain, Image(np.zeros((6, 5)))]))


def test_the_axes_of_the_image_count():
    series = Image(np.zeros((2, 5, 6)), axis_labels=("t", "y", "x"))
    assert result(measuring(Labels(np.ones((2, 5, 6), int)), [series])).positions == ("frame",)
    assert result(measuring(Labels(np.ones((2, 5, 6), int)))).positions == ()


def test_a_stack_is_what_it_is_said_to_be():
    stack = Labels(np.ones((2, 5, 6), int))
    assert result(measuring(stack, volume=False)).positions == ("slice",)
    stack.data = np.stack([np.full((5, 6), 1), np.full((5, 6), 2)])
    assert result(measuring(stack)).positions == ("slice",)
    assert result(measuring(stack, volume=True)).positions == ()


def test_large_numbers_and_the_features_of_others():
    large = 2**63 + 1
    layer = Labels(np.array([[5, large]], np.uint64), features={"index": [5, 7], "name": ["nucleus", "dust"]})
    for _ in range(2):
        keep_features(layer, result(measuring(layer)), ("pixels",))
    assert layer.features["index"].tolist() == [5, 7, large]
    assert layer.features.set_index("index").loc[large, "pixels"] == 1
    assert layer.features["name"].tolist()[:2] == ["nucleus", "dust"]
    assert "pixels: 1" in layer.get_status((0, 1))["value"]

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_unet.errors import InputError
from napari_unet.settings import PredictSettings
from napari_unet.viewer.segment.plan import plan_segmentation
from segment_support import model_record, network


def plan(sources, scope="layer", point=(0, 0), **network_changes):
    return plan_segmentation(model_record(network=network(**network_changes)), sources, scope, point)


def test_a_whole_image_is_one_region():
    planned = plan([[Image(np.zeros((8, 9)), name="eye")]])
    assert planned.regions == (None,)
    assert planned.summary == "Will segment eye (8 × 9) into 2 classes."
    request = planned.request(Path("m.safetensors"), PredictSettings())
    assert request.images == planned.images
    assert request.regions == (None,)


def test_the_current_slice_of_a_stack():
    stack = Image(np.zeros((4, 5, 8, 9)), name="stack", scale=(1, 2, 1, 1), translate=(0, 10, 0, 0))
    planned = plan([[stack]], "slice", (3, 14, 99, 99))
    assert planned.regions == (((3, 4), (2, 3), (0, 8), (0, 9)),)
    assert planned.summary == "Will segment stack (1 slice of 8 × 9) into 2 classes."
    assert plan([[stack]]).summary == "Will segment stack (20 slices of 8 × 9) into 2 classes."


def test_the_channel_axis_is_no_part_of_the_slice():
    stack = Image(np.zeros((4, 2, 8, 9)), axis_labels=("t", "c", "y", "x"))
    assert plan([[stack]], "slice", (3, 1, 0, 0), n_channels=2).regions == (((3, 4), (0, 8), (0, 9)),)


def test_a_viewer_with_more_dimensions_than_the_image():
    stack = Image(np.zeros((5, 8, 9)))
    assert plan([[stack]], "slice", (7, 2, 0, 0)).regions == (((2, 3), (0, 8), (0, 9)),)


def test_a_slice_outside_the_image_is_said():
    with pytest.raises(InputError, match="outside stack"):
        plan([[Image(np.zeros((5, 8, 9)), name="stack")]], "slice", (6, 0, 0))


def test_a_3d_model_takes_volumes():
    series = Image(np.zeros((2, 5, 8, 9)), name="embryo")
    assert plan([[series]], "slice", (1, 3, 0, 0), ndim=3).regions == (((1, 2), (0, 5), (0, 8), (0, 9)),)
    assert "2 volumes of 5 × 8 × 9" in plan([[series]], ndim=3).summary
    with pytest.raises(InputError, match="made for volumes"):
        plan([[Image(np.zeros((8, 9)))]], ndim=3)


def test_several_layers_are_channels_or_images():
    layers = [Image(np.zeros((8, 9)), name=f"dye {i}") for i in range(5)]
    assert plan([layers[:2]], n_channels=2).images[0].n_channels == 2
    planned = plan([[layer] for layer in layers], "selected")
    assert planned.anchors == tuple(layers)
    assert "and 2 more" in planned.summary


@pytest.mark.parametrize(
    ("layer", "channels", "words"),
    [
        (Image(np.zeros((8, 9, 3), np.uint8), rgb=True, name="H&E"), 1, "H&E has 3 channels (axes YXC)"),
        (Image(np.zeros((8, 9)), name="eye"), 3, "eye has 1 channel (axes YX), the model was trained on 3"),
    ],
)
def test_channels_that_do_not_fit_are_said(layer, channels, words):
    with pytest.raises(InputError) as error:
        plan([[layer]], n_channels=channels)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("sources", "scope", "words"), [([[]], "layer", "no image layer"), ([], "selected", "selected")]
)
def test_nothing_to_segment_is_said(sources, scope, words):
    with pytest.raises(InputError, match=words):
        plan(sources, scope)


def test_the_view_is_segmented_first():
    stack = Image(
        np.zeros((4, 2, 8, 9)), axis_labels=("t", "c", "y", "x"), scale=(1, 1, 2, 2), translate=(0, 0, 10, 0)
    )
    model = model_record(network=network(n_channels=2))
    planned = plan_segmentation(model, [[stack]], "layer", (3, 0, 0, 0), (3, 0, 20, 8))
    assert planned.centres == ((3, 5, 4),)
    assert planned.request(Path("m.safetensors"), PredictSettings()).centres == planned.centres
    assert plan([[stack]], point=(0, 0, 0, 0), n_channels=2).centres is None

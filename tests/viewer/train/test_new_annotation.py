from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import UNetError
from napari_unet.viewer.train.new_annotation import add_annotation_layer


def test_a_layer_that_fits_the_image_and_can_be_painted_on(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((3, 120, 240), np.uint16), name="cells", scale=(2, 0.5, 0.5))
    layer = add_annotation_layer(viewer, (image,))
    assert layer.name == "cells annotation"
    assert layer.data.shape == (3, 120, 240)
    assert layer.data.dtype == np.uint8
    assert not layer.data.any()
    np.testing.assert_array_equal(layer.scale, image.scale)
    assert layer.mode == "paint"
    assert layer.brush_size == 2
    layer.paint((1, 60, 60), 1)
    assert layer.data[1].any()
    assert not layer.data[0].any()


def test_another_one_gets_another_name(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((64, 64)), name="cells")
    first, second = (add_annotation_layer(viewer, (image,)) for _ in range(2))
    assert first.name != second.name


def test_layers_that_are_no_image_together_are_refused(make_napari_viewer):
    viewer = make_napari_viewer()
    layers = [viewer.add_image(np.zeros(shape)) for shape in ((64, 64), (32, 64))]
    with pytest.raises(UNetError):
        add_annotation_layer(viewer, layers)
    assert len(viewer.layers) == 2

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import UNetError
from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import METADATA, annotation_of
from napari_unet.viewer.results import add_prediction
from napari_unet.viewer.train.new_annotation import add_annotation_layer, add_copy


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
    assert layer.selected_label == 1
    assert layer.n_edit_dimensions == 2
    annotation = annotation_of(layer)
    assert annotation.kind == "scribbles"
    assert [(c.value, c.name) for c in annotation.classes] == [(1, "class 1"), (2, "class 2")]
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


@pytest.mark.parametrize(("width", "brush"), [(12, 4), (60, 10), (4, 2)])
def test_the_brush_is_no_wider_than_fine_structures(make_napari_viewer, width, brush):
    viewer = make_napari_viewer()
    lines = np.broadcast_to(np.sin(np.pi * np.arange(600) / width), (600, 600)).astype(np.float32)
    assert add_annotation_layer(viewer, (viewer.add_image(lines),)).brush_size == brush


@pytest.fixture
def predicted(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((3, 40, 40)), name="cells", scale=(2, 0.5, 0.5))
    data = np.zeros((3, 40, 40), np.uint8)
    data[1] = 2
    prediction = add_prediction(
        viewer, image, data, default_annotation("scribbles", [1, 2]), "cells preview", {}
    )
    return viewer, image, prediction


def test_a_copy_holds_the_prediction_and_what_was_painted_and_is_a_layer_of_its_own(predicted):
    viewer, image, prediction = predicted
    painted = viewer.add_labels(np.zeros((3, 40, 40), np.uint8), name="paint")
    painted.data[1, 3], painted.data[2, 4] = 1, 1
    painted.brush_size = 7
    before = prediction.data.copy(), painted.data.copy()
    copy = add_copy(viewer, prediction, painted, (image,))
    assert (copy.data[1, 3] == 1).all()
    assert (copy.data[2, 4] == 1).all()
    assert (copy.data[1, 5:] == 2).all()
    assert not copy.data[0].any()
    copy.data[:] = 1
    np.testing.assert_array_equal(prediction.data, before[0])
    np.testing.assert_array_equal(painted.data, before[1])
    np.testing.assert_array_equal(copy.scale, image.scale)
    assert (copy.name, copy.mode, copy.brush_size) == ("cells corrections", "paint", 7)
    assert copy.editable
    assert "prediction" not in copy.metadata[METADATA]
    assert annotation_of(copy) == annotation_of(prediction)


def test_labels_of_another_shape_are_left_out_of_a_copy(predicted):
    viewer, image, prediction = predicted
    other = viewer.add_labels(np.ones((40, 40), np.uint8))
    np.testing.assert_array_equal(add_copy(viewer, prediction, other, (image,)).data, prediction.data)


def test_numbers_of_objects_are_not_mixed(predicted):
    viewer, image, _ = predicted
    annotation = default_annotation("objects", [1])
    objects = add_prediction(viewer, image, np.full((3, 40, 40), 900, np.int32), annotation, "objects", {})
    painted = viewer.add_labels(np.ones((3, 40, 40), np.uint8))
    copy = add_copy(viewer, objects, painted, (image,))
    assert (copy.data == 900).all()
    assert copy.data.dtype == np.int32

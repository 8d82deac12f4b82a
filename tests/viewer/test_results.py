from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_unet.errors import InputError
from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import METADATA, annotation_of, layer_axes
from napari_unet.viewer.results import add_prediction, add_probabilities, paint_region, placement

ANNOTATION = default_annotation("masks", [0, 1])


def turned(angle=30.0):
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def placed_image(axis_labels, shape):
    affine = np.eye(4)
    affine[:3, 3] = 0, 7, -3
    affine[1, 2] = 0.25
    return Image(
        np.zeros(shape),
        axis_labels=axis_labels,
        units=("pixel", "um", "um") if axis_labels[0] == "c" else ("um", "um", "um"),
        scale=(1, 0.5, 0.25),
        translate=(0, 10, 20),
        rotate=turned(),
        shear=(0, 0, 0.2),
        affine=affine,
    )


@pytest.mark.parametrize(
    ("first", "shape", "labels_shape"), [("c", (3, 8, 9), (8, 9)), ("z", (4, 8, 9), (4, 8, 9))]
)
def test_a_prediction_lies_where_the_image_lies(first, shape, labels_shape):
    viewer = ViewerModel()
    image = viewer.add_layer(placed_image((first, "y", "x"), shape))
    labels = add_prediction(viewer, image, np.zeros(labels_shape, np.uint8), ANNOTATION, "p", {"model": "m"})
    for corner in ((0, 0, 0), (0, 8, 9), (0, 3, 1)):
        there = image.data_to_world(corner)[-labels.ndim :]
        here = labels.data_to_world(corner[-labels.ndim :])
        np.testing.assert_allclose(here, there, atol=1e-9)
    assert labels.units == image.units[-labels.ndim :]
    assert labels.axis_labels == image.axis_labels[-labels.ndim :]
    assert annotation_of(labels) == ANNOTATION
    assert labels.metadata[METADATA]["record"] == {"model": "m"}


def test_probabilities_have_the_classes_first_and_the_same_place():
    viewer = ViewerModel()
    image = viewer.add_layer(placed_image(("c", "y", "x"), (3, 8, 9)))
    layer = add_probabilities(viewer, image, np.zeros((2, 8, 9), np.float16), ANNOTATION, "p", {})
    np.testing.assert_allclose(
        layer.data_to_world((1, 5, 6))[1:], image.data_to_world((0, 5, 6))[1:], atol=1e-9
    )
    assert layer_axes(layer) == "CYX"
    assert layer.axis_labels == ("class", "y", "x")


def test_colour_images_get_plain_labels():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((8, 9, 3), np.uint8), rgb=True, scale=(2, 3))
    labels = add_prediction(viewer, image, np.zeros((8, 9), np.uint8), ANNOTATION, "p", {})
    np.testing.assert_array_equal(labels.scale, (2, 3))


def test_a_layer_of_the_user_is_never_overwritten():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((8, 9)), name="cells")
    mine = viewer.add_labels(np.full((8, 9), 3), name="cells U-Net")
    ours = add_prediction(viewer, image, np.zeros((8, 9), np.uint8), ANNOTATION, "cells U-Net", {})
    assert ours.name == "cells U-Net 2"
    with pytest.raises(InputError, match="not a prediction"):
        paint_region(mine, ((0, 1), (0, 1)), np.zeros((1, 1)))
    assert (mine.data == 3).all()


def test_pieces_are_painted_where_they_belong():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((2, 8, 9)))
    labels = add_prediction(viewer, image, np.zeros((2, 8, 9), np.uint8), ANNOTATION, "p", {})
    paint_region(labels, ((1, 2), (2, 4), (3, 6)), np.ones((1, 2, 3), np.uint8))
    assert labels.data.sum() == labels.data[1, 2:4, 3:6].sum() == 6
    probabilities = add_probabilities(viewer, image, np.zeros((2, 2, 8, 9), np.float16), ANNOTATION, "q", {})
    paint_region(probabilities, ((0, 1), (0, 1), (0, 1)), np.full((2, 1, 1, 1), 0.5))
    np.testing.assert_array_equal(probabilities.data[:, 0, 0, 0], 0.5)


def test_replaced_data_is_noticed():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((8, 9)))
    labels = add_prediction(viewer, image, np.zeros((8, 9), np.uint8), ANNOTATION, "p", {})
    labels.data = np.zeros((4, 4), np.uint8)
    with pytest.raises(InputError, match="replaced"):
        paint_region(labels, ((0, 8), (0, 9)), np.ones((8, 9), np.uint8))


def test_objects_have_a_colour_each(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((4, 5)))
    annotation = default_annotation("objects", [1])
    numbers = np.arange(20, dtype=np.int32).reshape(4, 5)
    layer = add_prediction(viewer, image, numbers, annotation, "cells U-Net", {})
    assert len({tuple(layer.get_color(n)) for n in range(1, 20)}) > 10


@pytest.mark.parametrize(
    "turned", [{}, {"rotate": 30, "shear": [0.3]}, {"affine": [[0.9, 0.2, 3], [0, 1.1, -2], [0, 0, 1]]}]
)
def test_a_coarse_prediction_covers_the_same_place(turned):
    fine = np.zeros((64, 96), np.float32)
    layer = Image(
        [fine, fine[::2, ::2], fine[::4, ::4]], multiscale=True, scale=(2, 3), translate=(10, 20), **turned
    )
    coarse = Labels(np.zeros((16, 24), np.uint8), **placement(layer, level=2))
    # pixel 5 of the coarse level covers pixels 20 to 23 of the fine one, so their middles are the same
    np.testing.assert_allclose(coarse.data_to_world((5, 7)), layer.data_to_world((21.5, 29.5)), atol=1e-6)

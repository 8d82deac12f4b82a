from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels
from skimage.io import imread

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.labels import Annotation, LabelClass
from napari_unet.viewer.layers import (
    annotated_image,
    annotation_of,
    image_from_layers,
    layer_axes,
    level_for,
    set_annotation,
    unique_name,
)

MYELIN = Annotation(
    kind="masks",
    classes=(
        LabelClass(value=0, name="rest", color="#000000"),
        LabelClass(value=1, name="myelin", color="#0072b2"),
        LabelClass(value=2, name="axon", color="#e69f00"),
    ),
)


@pytest.mark.parametrize(
    ("shape", "keywords", "axes"),
    [
        ((8, 9), {}, "YX"),
        ((3, 8, 9), {}, "ZYX"),
        ((2, 3, 8, 9), {}, "TZYX"),
        ((8, 9, 3), {"rgb": True}, "YXC"),
        ((5, 8, 9, 4), {"rgb": True}, "ZYXC"),
        ((3, 8, 9), {"axis_labels": ("c", "y", "x")}, "CYX"),
        ((3, 8, 9), {"axis_labels": ("Channel", "y", "x")}, "CYX"),
        ((3, 8, 9), {"axis_labels": ("t", "t", "x")}, "ZYX"),
        ((2, 3, 8, 9), {"metadata": {"axes": "TCYX"}}, "TCYX"),
        ((2, 3, 8, 9), {"metadata": {"axes": "YX"}}, "TZYX"),
        ((3, 8, 9), {"axis_labels": ("z", "y", "x"), "metadata": {"napari_unet": {"axes": "CYX"}}}, "CYX"),
    ],
)
def test_axes_of_a_layer(shape, keywords, axes):
    assert layer_axes(Image(np.zeros(shape, np.uint8), **keywords)) == axes


def test_an_image_is_passed_by_reference():
    pixels = np.zeros((4, 8, 9), np.uint16)
    image = image_from_layers([Image(pixels, name="cells", scale=(5, 2, 2))])
    assert image.channels[0] is pixels
    assert (image.name, image.axes, image.scale) == ("cells", "ZYX", (5.0, 2.0, 2.0))


def test_a_channel_axis_has_no_scale_of_the_labels():
    layer = Image(np.zeros((3, 8, 9)), axis_labels=("c", "y", "x"), scale=(1, 2, 3))
    image = image_from_layers([layer])
    assert (image.n_channels, image.label_shape, image.scale) == (3, (8, 9), (2.0, 3.0))


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_colours_lose_their_alpha(kind):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 9, 4), dtype=np.uint8)
    data = {
        "numpy": lambda: pixels,
        "dask": lambda: da.from_array(pixels),
        "zarr": lambda: zarr.array(pixels),
    }
    image = image_from_layers([Image(data[kind](), rgb=True)])
    assert image.n_channels == 3
    np.testing.assert_array_equal(image.read(((0, 8), (0, 9))), np.moveaxis(pixels[..., :3], -1, 0))


def test_multiscale_gives_its_finest_level():
    levels = [np.zeros((64, 64)), np.zeros((32, 32))]
    assert image_from_layers([Image(levels, multiscale=True)]).label_shape == (64, 64)


def test_several_layers_are_channels():
    image = image_from_layers([Image(np.full((8, 9), i), name=f"dye {i}") for i in range(3)])
    assert image.name == "dye 0 + dye 1 + dye 2"
    np.testing.assert_array_equal(image.read(((0, 1), (0, 1))).ravel(), [0, 1, 2])


def test_channels_of_other_shapes_are_named():
    layers = [Image(np.zeros((8, 9)), name="nuclei"), Image(np.zeros((8, 8)), name="membrane")]
    with pytest.raises(ShapeMismatchError, match=r"nuclei \(8, 9\) and membrane \(8, 8\)"):
        image_from_layers(layers)


def test_no_layer_is_refused():
    with pytest.raises(InputError, match="No image layer"):
        image_from_layers([])


def test_later_painting_does_not_change_the_job():
    labels = Labels(np.zeros((8, 9), np.uint8))
    labels.paint((3, 3), 1)
    pair = annotated_image([Image(np.zeros((8, 9)))], labels)
    before = np.array(pair.labels[...])
    labels.paint((6, 6), 2)
    assert before.any()
    np.testing.assert_array_equal(pair.labels[...], before)


def test_new_labels_on_a_channel_stack_are_merged():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((3, 8, 9)), axis_labels=("c", "y", "x"))
    viewer._new_labels()
    labels = viewer.layers[-1]
    assert labels.data.shape == (3, 8, 9)
    labels.data[0, 1, 1], labels.data[2, 4, 4] = 1, 2
    pair = annotated_image([image], labels)
    assert pair.labels.shape == (8, 9)
    assert (pair.labels[1, 1], pair.labels[4, 4]) == (1, 2)


def test_labels_of_another_image_are_refused_by_name():
    with pytest.raises(ShapeMismatchError) as error:
        annotated_image(
            [Image(np.zeros((5, 8, 9)), name="stack")], Labels(np.zeros((8, 9), int), name="strokes")
        )
    text = str(error.value)
    assert all(part in text for part in ("strokes", "(8, 9)", "stack", "(5, 8, 9)", "ZYX"))


def test_a_layer_keeps_its_classes_and_shows_their_colours():
    labels = Labels(np.array([[0, 1], [2, 5]], np.uint8))
    assert annotation_of(labels) is None
    set_annotation(labels, MYELIN)
    labels.paint((0, 0), 2)
    labels.selected_label = 9
    assert annotation_of(labels) == MYELIN
    np.testing.assert_allclose(labels.get_color(1)[:3], np.array([0, 0x72, 0xB2]) / 255, atol=1e-6)
    assert labels.colormap.map(0)[3] == 0  # the background does not hide the image
    assert labels.get_color(5)[3] == 1  # a value that is no class yet can still be seen


def test_a_second_annotation_replaces_the_first_and_keeps_other_features():
    labels = Labels(np.array([[0, 1], [2, 2]], np.uint8))
    labels.features = {"index": [0, 1, 2], "area": [1.0, 1.0, 2.0]}
    set_annotation(labels, MYELIN)
    renamed = Annotation(
        kind="masks", classes=(*MYELIN.classes[:2], LabelClass(value=2, name="x", color="#cc79a7"))
    )
    set_annotation(labels, renamed)
    assert annotation_of(labels) == renamed
    assert labels.features.set_index("index").loc[2, "area"] == 2.0


def test_objects_keep_the_colours_of_napari():
    labels = Labels(np.array([[0, 7], [8, 9]], np.uint16))
    before = labels.get_color(8)
    annotation = Annotation(kind="objects", classes=(MYELIN.classes[0], MYELIN.classes[1]))
    set_annotation(labels, annotation)
    assert annotation_of(labels) == annotation
    np.testing.assert_array_equal(labels.get_color(8), before)


@given(
    st.lists(
        st.tuples(st.integers(1, 300), st.text(min_size=1, max_size=20), st.integers(0, 0xFFFFFF)),
        min_size=1, max_size=6, unique_by=lambda c: c[0],
    ),
    st.sampled_from(["scribbles", "masks"]),
)  # fmt: skip
def test_any_classes_come_back(classes, kind):
    annotation = Annotation(
        kind=kind, classes=tuple(LabelClass(value=v, name=n, color=f"#{c:06x}") for v, n, c in classes)
    )
    labels = Labels(np.zeros((2, 2), np.uint16))
    set_annotation(labels, annotation)
    assert annotation_of(labels) == annotation


def test_names_are_unique():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 4)), name="cells")
    viewer.add_image(np.zeros((4, 4)), name="cells 2")
    assert unique_name(viewer, "cells") == "cells 3"
    assert unique_name(viewer, "other") == "other"


def test_a_real_colour_image_with_its_objects(shared_data):
    folder = shared_data / "dsb2018_histology_rgb" / "train"
    path = min((folder / "images").iterdir())
    pixels, objects = imread(path), imread(folder / "labels" / path.name)
    pair = annotated_image([Image(pixels, name=path.stem)], Labels(objects.astype(np.int32)))
    assert (pair.image.axes, pair.image.n_channels) == ("YXC", 3)
    assert np.asarray(pair.labels).max() == objects.max()


def test_labels_say_which_level_they_were_drawn_on():
    fine = np.arange(64 * 96 * 3, dtype=np.float32).reshape(64, 96, 3)
    layer = Image([fine, fine[::2, ::2], fine[::4, ::4]], multiscale=True, rgb=True, scale=(2, 3))
    labels = Labels(np.zeros((16, 24), np.uint8))
    assert level_for([layer], labels) == 2
    pair = annotated_image([layer], labels)
    assert pair.image.label_shape == (16, 24)
    assert pair.image.scale == (8, 12)
    np.testing.assert_array_equal(pair.image.channels[0], fine[::4, ::4])
    assert level_for([layer], Labels(np.zeros((5, 5), np.uint8))) == 0
    assert level_for([Image(fine[..., 0])], labels) == 0

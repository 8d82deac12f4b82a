import numpy as np
import pytest
from napari.layers import Image

from napari_unet.viewer.layers import METADATA
from napari_unet.viewer.train.regions import REGIONS_NAME, Placement, rectangles, remove_regions, show_regions


def test_an_outline_runs_around_the_pixels():
    (corners,) = rectangles([((0, 4), (2, 6))])
    np.testing.assert_array_equal(corners, [(-0.5, 1.5), (-0.5, 5.5), (3.5, 5.5), (3.5, 1.5)])


def test_a_box_through_slices_has_an_outline_on_each():
    found = rectangles([((1, 2), (3, 5), (0, 4), (0, 4))])
    assert [tuple(corners[0][:2]) for corners in found] == [(1, 3), (1, 4)]


def test_many_slices_are_not_all_outlined():
    assert len(rectangles([((0, 100_000), (0, 4), (0, 4))])) == 2000


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((3, 20, 30)), name="stack", scale=(5, 0.5, 0.5), translate=(1, 2, 3))
    viewer.add_labels(np.zeros((3, 20, 30), np.uint8), name="paint")
    return viewer


def test_regions_lie_on_their_slice_and_leave_the_painter_alone(viewer):
    paint = viewer.layers["paint"]
    viewer.layers.selection.active = paint
    placement = Placement.of(viewer.layers["stack"], (3, 20, 30))
    (layer,) = show_regions(viewer, [placement, None], [(((1, 2), (0, 10), (0, 30)),), (((0, 5), (0, 5)),)])
    assert viewer.layers.selection.active is paint
    assert layer.name == REGIONS_NAME
    assert not layer.editable
    assert layer.metadata[METADATA]["held_out"]
    np.testing.assert_allclose(layer.data_to_world(layer.data[0][0]), (6, 1.75, 2.75))
    assert len(viewer.layers) == 3


def test_a_users_layer_of_that_name_is_left_alone(viewer):
    viewer.add_shapes(name=REGIONS_NAME, ndim=2)
    placement = Placement.of(viewer.layers["stack"], (3, 20, 30))
    added = show_regions(viewer, [placement], [(((1, 2), (0, 10), (0, 30)),)])
    assert added[0].name != REGIONS_NAME
    remove_regions(viewer, added)
    remove_regions(viewer, added)  # removed by the user meanwhile
    assert REGIONS_NAME in viewer.layers
    assert len(viewer.layers) == 3


def test_a_channel_axis_is_left_out():
    layer = Image(np.zeros((2, 20, 30)), scale=(1, 2, 3), metadata={METADATA: {"axes": "CYX"}})
    assert tuple(Placement.of(layer, (20, 30)).keywords["scale"]) == (2, 3)


def test_regions_of_a_coarser_level_lie_where_it_lies():
    image = np.zeros((40, 60))
    layer = Image([image, image[::2, ::2]], scale=(3, 3), multiscale=True)
    keywords = Placement.of(layer, (20, 30), level=1).keywords
    assert tuple(keywords["scale"]) == (6, 6)
    assert tuple(keywords["translate"]) == (1.5, 1.5)

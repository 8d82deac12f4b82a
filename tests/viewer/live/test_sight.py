from __future__ import annotations

import numpy as np
import pytest

from napari_unet.viewer.live.sight import region_in_view


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def test_a_whole_image(viewer):
    layer = viewer.add_labels(np.zeros((40, 50), np.uint8))
    layer.corner_pixels = np.array([[0, 0], [39, 49]])
    assert region_in_view(viewer, layer) == ((0, 40), (0, 50))


def test_a_part_of_a_slice_of_a_scaled_stack(viewer):
    layer = viewer.add_labels(np.zeros((5, 100, 120), np.uint8), scale=(3, 0.5, 0.5), translate=(1, 10, 10))
    viewer.dims.set_current_step(0, 3)
    layer.corner_pixels = np.array([[0, 20, 30], [0, 59, 69]])
    assert region_in_view(viewer, layer) == ((3, 4), (20, 60), (30, 70))


def test_a_plane_beside_a_series(viewer):
    viewer.add_image(np.zeros((7, 30, 30)))
    layer = viewer.add_labels(np.zeros((30, 30), np.uint8))
    layer.corner_pixels = np.array([[0, 0], [29, 29]])
    assert region_in_view(viewer, layer) == ((0, 30), (0, 30))


def test_no_plane_is_in_view_in_volumes_along_other_axes_or_beside_the_layer(viewer):
    layer = viewer.add_labels(np.zeros((5, 40, 40), np.uint8))
    viewer.dims.ndisplay = 3
    assert region_in_view(viewer, layer) is None
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    assert region_in_view(viewer, layer) is None
    viewer.dims.order = (0, 1, 2)
    layer.corner_pixels = np.array([[0, 50, 50], [0, 60, 60]])
    assert region_in_view(viewer, layer) is None

import numpy as np
import pytest
import tifffile
from skimage.measure import label

from napari_unet.scores.reading import is_volume, number_components


def renumbered(volume):
    return np.stack([label(plane) for plane in volume])


def test_a_volume_goes_on_and_slices_do_not():
    plane = np.kron([[0, 3], [5, 0]], np.ones((4, 4), int))
    assert is_volume(np.stack([plane, plane]))
    assert is_volume(np.stack([plane, plane]) > 0)
    assert not is_volume(np.stack([plane, np.where(plane == 3, 4, plane)]))
    assert not is_volume(plane)
    assert not is_volume(plane[None])
    assert not is_volume(np.zeros((3, 4, 4), int))
    assert is_volume(np.stack([np.stack([plane, plane]), np.stack([plane, plane]) * 2]))


def test_real_volumes_and_the_same_numbered_slice_by_slice(shared_data):
    paths = sorted((shared_data / "bbbc050_embryo_nuclei3d" / "train" / "labels").iterdir())
    volumes = [tifffile.imread(path) for path in paths]
    assert [is_volume(v) for v in volumes] == [True] * len(volumes)
    assert [is_volume(renumbered(v)) for v in volumes] == [False] * len(volumes)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint32, np.int64, np.uint64, np.float32])
def test_pieces_are_connected_along_the_axes(dtype):
    mask = np.array([[1, 0, 1], [0, 1, 0]], dtype)
    assert number_components(mask, volume=False).tolist() == [[1, 0, 2], [0, 3, 0]]


def test_touching_objects_stay_apart_and_ignored_pixels_ignored():
    labels = np.array([[4, 4, 9, 9, -2, 4]])
    assert number_components(labels, volume=True).tolist() == [[1, 1, 2, 2, -1, 3]]
    huge = np.array([[2**40, 2**40 + 1]], np.uint64)
    assert number_components(huge, volume=False).tolist() == [[1, 2]]


def test_pieces_go_through_slices_only_in_a_volume():
    stack = np.zeros((2, 2, 3, 3), np.uint8)
    stack[0, :, 0, 0] = stack[0, 1, 2, 2] = stack[1, 0, 1, 1] = 1
    assert number_components(stack, volume=True).max(axis=(1, 2, 3)).tolist() == [2, 1]
    assert number_components(stack, volume=False).max(axis=(2, 3)).tolist() == [[1, 2], [1, 0]]

from __future__ import annotations

import numpy as np

from napari_unet.labels import IGNORE
from napari_unet.training.patches import ClassReader, grid_cells
from patch_support import Watched, halves, ramp, setting


def test_a_patch_is_that_piece_of_the_normalised_image():
    image, labels = ramp(600, 700), halves(600, 700)
    reader, _, planes, statistics = setting(image, labels, "YX")
    region = ((490, 530), (300, 560))  # over the corners of four blocks
    patch = reader.read(planes[0], region)
    key = tuple(slice(*bounds) for bounds in region)
    np.testing.assert_array_equal(patch.image, statistics.apply(image[key][None]))
    np.testing.assert_array_equal(patch.classes, labels[key])


def test_beyond_the_edge_the_image_is_mirrored_and_labels_are_ignored():
    image, labels = ramp(20, 30), halves(20, 30)
    reader, _, planes, statistics = setting(image, labels, "YX")
    patch = reader.read(planes[0], ((-25, 30), (-3, 33)))
    expected = np.pad(statistics.apply(image[None])[0], ((25, 10), (3, 3)), mode="symmetric")
    np.testing.assert_array_equal(patch.image[0], expected)
    assert (patch.classes[25:45, 3:33] == labels).all()
    patch.classes[25:45, 3:33] = IGNORE
    assert (patch.classes == IGNORE).all()


def test_memory_for_blocks_is_bounded():
    image = Watched(np.random.default_rng(0).integers(0, 99, (8, 512, 512), np.uint8))
    reader, _, planes, _ = setting(image, halves(8, 512, 512), "TYX", cache_bytes=4 * 512 * 512 * 6)
    for plane in planes:
        reader.read(plane, ((0, 64), (0, 64)))
    image.pixels = 0
    reader.read(planes[-1], ((0, 64), (0, 64)))
    assert image.pixels == 0
    reader.read(planes[0], ((0, 64), (0, 64)))
    assert image.pixels == 512 * 512
    kept = sum(block.image.nbytes + block.classes.nbytes for block in reader._cache.values())
    assert kept <= 4 * 512 * 512 * 6


def test_large_numbers_of_objects_become_small_ones():
    labels = np.zeros((40, 50), np.uint32)
    labels[5:20, 5:20], labels[5:20, 25:40], labels[25:35, 5:20] = 2**32 - 1, 2**31, 7
    reader, _, planes, _ = setting(ramp(40, 50), labels, "YX", kind="objects")
    numbers = reader.read(planes[0], ((-2, 40), (0, 50))).classes
    assert set(np.unique(numbers)) == {IGNORE, 0, 1, 2, 3}
    for value in (0, 7, 2**31, 2**32 - 1):
        assert len(np.unique(numbers[2:][labels == value])) == 1
    assert set(np.unique(ClassReader(reader).read(planes[0], ((-2, 40), (0, 50))).classes)) == {IGNORE, 0, 1}


def test_a_patch_full_of_objects_has_no_background():
    labels = np.zeros((40, 50), np.uint32)
    labels[:20, :25], labels[:20, 25:] = 20_000, 30_000
    reader, _, planes, _ = setting(ramp(40, 50), labels, "YX", kind="objects")
    assert set(np.unique(reader.read(planes[0], ((0, 15), (0, 50))).classes)) == {1, 2}
    assert set(np.unique(reader.read(planes[0], ((-1, 15), (0, 50))).classes)) == {IGNORE, 1, 2}


def test_cells_of_a_grid_make_up_what_a_region_has_of_the_plane():
    plane = np.arange(50 * 70).reshape(50, 70)
    region = ((-5, 33), (41, 80))
    found = np.full((38, 39), -1)
    for cell in grid_cells(region, 16, plane.shape):
        block = plane[tuple(slice(*bounds) for bounds in cell.bounds)]
        assert all(low == 16 * at for at, (low, _) in zip(cell.at, cell.bounds, strict=True))
        found[cell.to] = block[cell.of]
    expected = np.full((38, 39), -1)
    expected[5:, :29] = plane[:33, 41:]
    np.testing.assert_array_equal(found, expected)
    assert not list(grid_cells(((-20, -3), (0, 10)), 16, plane.shape))

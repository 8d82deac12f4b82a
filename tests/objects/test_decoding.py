"""Objects from maps: basins, which of them are one, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.io import imread
from skimage.measure import label
from skimage.segmentation import find_boundaries

from napari_unet.errors import InputError
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut, fill_holes
from napari_unet.objects.tuning import tune
from napari_unet.scores.objects import score_image
from napari_unet.settings import ObjectSettings

HEIGHTS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))
PER_PIXEL = 6  # levels of the height map per pixel of depth


def maps_of(objects: np.ndarray, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What a perfect network would say, with noise."""
    border = find_boundaries(objects, connectivity=1, mode="inner")
    depth = (ndimage.distance_transform_edt(~border) + 1) * (objects > 0)
    random = np.random.default_rng(0)
    height = PER_PIXEL * depth + noise * random.normal(size=depth.shape) * (objects > 0)
    return np.where(objects > 0, 255, 0).astype(np.uint8), height.clip(0, 255).astype(np.uint8)


def decoded(foreground: np.ndarray, height: np.ndarray, **options: object) -> np.ndarray:
    return cut(find_basins(foreground, height), foreground, ObjectSettings(**({"min_size": 0} | options)))


def discs(*circles: tuple[int, int, int], shape: tuple[int, int] = (60, 100)) -> np.ndarray:
    """Numbered discs (y, x, radius); of two that overlap each has the pixels nearer to its centre."""
    rows, columns = np.indices(shape)
    depths = np.stack([r - np.hypot(rows - y, columns - x) for y, x, r in circles])
    return np.where(depths.max(0) > 0, depths.argmax(0) + 1, 0)


def test_discs_that_touch_are_apart() -> None:
    truth = discs((30, 25, 14), (30, 50, 14), (30, 80, 12))
    found = decoded(*maps_of(truth, noise=2.0))
    np.testing.assert_array_equal(found > 0, truth > 0)
    assert score_image(found, truth).ap[8] == 1  # IoU of at least 0.9 each


@pytest.mark.parametrize(("splitting", "n"), [(0.0, 1), (0.5, 1), (0.95, 2), (1.0, 2)])
def test_splitting_is_how_deep_a_neck_keeps_objects_apart(splitting: float, n: int) -> None:
    depth = np.zeros((40, 90))
    rows, columns = np.indices(depth.shape)
    for x in (25, 60):  # bulges 16 deep, the neck between them about 12
        depth = np.maximum(depth, 16 - np.hypot(rows - 20, (columns - x)) * 0.25 * 1.0)
    depth *= rows % 40 > 3
    height = (PER_PIXEL * depth.clip(0)).astype(np.uint8)
    foreground = np.where(height > 0, 255, 0).astype(np.uint8)
    assert decoded(foreground, height, splitting=splitting).max() == n


def test_a_flat_top_is_one_object() -> None:
    foreground = np.full((50, 60), 255, np.uint8)
    height = np.full((50, 60), 255, np.uint8)
    assert decoded(foreground, height, splitting=1.0).max() == 1
    assert (decoded(foreground, height) == 1).all()


@settings(deadline=None)
@given(HEIGHTS)
def test_every_pixel_of_the_foreground_is_in_the_basin_it_climbs_to(height: np.ndarray) -> None:
    foreground = np.where(height % 5 > 0, 200, 0).astype(np.uint8)
    found = find_basins(foreground, height)
    np.testing.assert_array_equal(found.labels > 0, foreground > 0)
    smooth = ndimage.gaussian_filter(height, 1.0, output=np.float32, truncate=2.0)
    for basin in range(1, len(found) + 1):
        assert found.peaks[basin] == smooth[found.labels == basin].max()
    assert (np.diff(found.passes) <= 0).all()
    # Passes connect exactly what is connected.
    merged = cut(
        found, foreground, ObjectSettings(splitting=0, foreground=0.05, min_size=0, fill_holes=False)
    )
    assert merged.max() == label(foreground > 0, connectivity=1).max()


@settings(deadline=None)
@given(HEIGHTS, st.floats(0, 1), st.integers(0, 6), st.booleans(), st.booleans())
def test_objects_are_numbered_connected_and_as_asked_for(
    height: np.ndarray, splitting: float, min_size: int, fill: bool, edge: bool
) -> None:
    foreground = height[::-1].copy()
    found = decoded(
        foreground, height, splitting=splitting, min_size=min_size, fill_holes=fill, edge_objects=edge
    )
    assert found.dtype == np.int32
    numbers, first = np.unique(found, return_index=True)
    assert numbers[numbers > 0].tolist() == list(range(1, found.max() + 1))
    assert (np.diff(first[numbers > 0]) > 0).all()
    if not fill:
        assert (foreground[found > 0] >= 128).all()
    for number in range(1, found.max() + 1):
        assert label(found == number, connectivity=1).max() == 1
        assert (found == number).sum() >= min_size
    if not edge:
        assert not any(np.take(found, end, axis).any() for axis in range(found.ndim) for end in (0, -1))


@settings(deadline=None)
@given(arrays(np.int32, array_shapes(min_dims=2, max_dims=3, max_side=7), elements=st.integers(0, 2)))
def test_holes_are_what_one_object_encloses(objects: np.ndarray) -> None:
    expected = objects.copy()
    inner = np.zeros(objects.shape, bool)
    inner[(slice(1, -1),) * objects.ndim] = True
    gaps = label(objects == 0, connectivity=objects.ndim)
    for gap in range(1, gaps.max() + 1):
        here = gaps == gap
        around = set(objects[ndimage.binary_dilation(here) & ~here])
        if inner[here].all() and len(around) == 1:
            expected[here] = around.pop()
    found = objects.copy()
    fill_holes(found)
    np.testing.assert_array_equal(found, expected)


def test_small_pieces_join_the_neighbour_and_lonely_ones_vanish() -> None:
    truth = discs((30, 25, 14), (30, 42, 4), (10, 85, 3))
    maps = maps_of(truth)
    assert decoded(*maps, splitting=0.99).max() == 3
    found = decoded(*maps, splitting=0.99, min_size=60)
    assert found.max() == 1
    np.testing.assert_array_equal(found > 0, (truth == 1) | (truth == 2))


def test_nothing_and_maps_that_do_not_fit() -> None:
    empty = np.zeros((20, 30), np.uint8)
    assert not decoded(empty, empty).any()
    assert len(find_basins(empty, empty)) == 0
    with pytest.raises(InputError, match="shapes"):
        find_basins(empty, empty[1:])
    with pytest.raises(InputError, match="shape"):
        cut(find_basins(empty, empty), empty[1:], ObjectSettings())


def test_a_volume() -> None:
    rows = np.indices((20, 40, 40))
    truth = np.zeros(rows.shape[1:], int)
    for number, (z, y, x) in enumerate(((10, 12, 12), (10, 27, 26)), start=1):
        truth[np.sqrt((rows[0] - z) ** 2 + (rows[1] - y) ** 2 + (rows[2] - x) ** 2) < 8.5] = number
    found = decoded(*maps_of(truth, noise=1.0))
    np.testing.assert_array_equal(found, truth)


def real_nuclei(shared_data: Path, n: int) -> list[np.ndarray]:
    files = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())
    return [imread(path).astype(np.int64) for path in files[:n]]


def test_real_nuclei_come_back_from_their_maps(shared_data: Path) -> None:
    for truth in real_nuclei(shared_data, 3):
        assert score_image(decoded(*maps_of(truth, noise=2.0), splitting=0.8), truth).ap.mean() > 0.9


def test_what_suits_best_is_found_by_trying(shared_data: Path) -> None:
    truths = real_nuclei(shared_data, 2)
    maps = [(*maps_of(truth, noise=6.0), truth) for truth in truths]

    def score(found: np.ndarray, truth: np.ndarray) -> float:
        return float(score_image(found, truth).ap.mean())

    start = ObjectSettings(splitting=0.2)
    best, value = tune(maps, score, start)
    before = np.mean([score(cut(find_basins(f, h), f, start), t) for f, h, t in maps])
    after = np.mean([score(cut(find_basins(f, h), f, best), t) for f, h, t in maps])
    assert value == after > before + 0.05
    assert best.splitting > 0.2
    assert tune([], score, start)[0] == start

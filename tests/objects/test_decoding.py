"""Objects from maps: which basins are one, and what is left of them."""

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
from napari_unet.objects.decoding import assemble, cut, find_fragments
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


def decoded(foreground: np.ndarray, height: np.ndarray, /, **options: object) -> np.ndarray:
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


def test_a_thin_diagonal_rod_is_one_object() -> None:
    rows, columns = np.indices((80, 80))
    truth = ((np.abs(rows - columns) <= 3) & (rows > 10) & (columns > 10) & (rows + columns < 130)).astype(
        int
    )
    assert decoded(*maps_of(truth), splitting=0.95).max() == 1


@pytest.mark.parametrize(("splitting", "n"), [(0.0, 1), (0.5, 1), (0.95, 2), (1.0, 2)])
def test_splitting_is_how_deep_a_neck_keeps_objects_apart(splitting: float, n: int) -> None:
    depth = np.zeros((40, 90))
    rows, columns = np.indices(depth.shape)
    for x in (25, 60):  # bulges 16 deep, the neck between them about 12
        depth = np.maximum(depth, 16 - np.hypot(rows - 20, (columns - x)) * 0.25)
    depth *= rows % 40 > 3
    height = (PER_PIXEL * depth.clip(0)).astype(np.uint8)
    foreground = np.where(height > 0, 255, 0).astype(np.uint8)
    assert decoded(foreground, height, splitting=splitting).max() == n


@settings(deadline=None)
@given(HEIGHTS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 6), st.booleans(), st.booleans())
def test_objects_are_numbered_connected_and_as_asked_for(
    height: np.ndarray, splitting: float, certainty: float, min_size: int, fill: bool, edge: bool
) -> None:
    foreground = height[::-1].copy()
    found = decoded(
        foreground,
        height,
        splitting=splitting,
        certainty=certainty,
        min_size=min_size,
        fill_holes=fill,
        edge_objects=edge,
    )
    assert found.dtype == np.int32
    assert found.shape == height.shape
    numbers, first = np.unique(found, return_index=True)
    assert numbers[numbers > 0].tolist() == list(range(1, found.max() + 1))
    assert (np.diff(first[numbers > 0]) > 0).all()
    if not fill:
        assert (foreground[found > 0] >= 128).all()
    for number in range(1, found.max() + 1):
        assert label(found == number, connectivity=1).max() == 1
        assert (found == number).sum() >= min_size
        assert foreground[found == number].max() >= 255 * certainty
    if not edge:
        assert not any(np.take(found, end, axis).any() for axis in range(found.ndim) for end in (0, -1))


def test_small_pieces_join_the_neighbour_and_lonely_ones_vanish() -> None:
    truth = discs((30, 25, 14), (30, 42, 4), (10, 85, 3))
    maps = maps_of(truth)
    assert decoded(*maps, splitting=0.99).max() == 3
    found = decoded(*maps, splitting=0.99, min_size=60)
    assert found.max() == 1
    np.testing.assert_array_equal(found > 0, (truth == 1) | (truth == 2))


def test_a_stricter_foreground_takes_apart_what_a_looser_one_holds_together() -> None:
    foreground = np.zeros((9, 40), np.uint8)
    foreground[1:8, 1:39] = 230
    foreground[1:8, 18:22] = 120
    height = foreground // 2
    assert decoded(foreground, height, foreground=0.3, splitting=0).max() == 1
    assert decoded(foreground, height, foreground=0.8, splitting=0).max() == 2


def test_holes_are_filled_in_volumes_only_where_closed_in_all_directions() -> None:
    foreground = np.zeros((9, 20, 12), np.uint8)
    foreground[1:8, 1:8, 1:11] = foreground[1:8, 11:18, 1:11] = 255
    foreground[4, 4, 5] = 0  # closed
    foreground[4:, 14, 5] = 0  # open upwards, though closed in every plane
    found = decoded(foreground, foreground)
    assert found.max() == 2
    assert found[4, 4, 5] == 1
    assert found[4, 14, 5] == 0
    assert decoded(foreground, foreground, fill_holes=False)[4, 4, 5] == 0


@pytest.mark.parametrize("shape", [(20, 30), (1, 1), (5, 20, 30), (0, 7), (4, 0, 3), (4, 5, 0)])
def test_nothing_in_the_foreground(shape: tuple[int, ...]) -> None:
    empty = np.zeros(shape, np.uint8)
    assert decoded(empty, empty).shape == shape
    assert not decoded(empty, empty).any()
    assert len(find_basins(empty, empty)) == 0


@pytest.mark.parametrize("shape", [(50, 60), (1, 1), (1, 300), (6, 7, 8)])
def test_everything_in_the_foreground_is_one_object(shape: tuple[int, ...]) -> None:
    full = np.full(shape, 255, np.uint8)
    assert (decoded(full, full, splitting=1.0) == 1).all()
    assert (decoded(full, np.zeros_like(full)) == 1).all()
    assert not decoded(full, full, edge_objects=False).any()


def test_a_hundred_thousand_objects() -> None:
    height = np.zeros((1600, 1600), np.uint8)
    rows, columns = np.indices(height.shape) % 5
    height[(rows < 4) & (columns < 4)] = 100
    found = decoded(height, height, foreground=0.3)
    assert found.max() == 320 * 320
    np.testing.assert_array_equal(found, label(height > 0, connectivity=1))


def test_maps_that_do_not_fit() -> None:
    empty = np.zeros((20, 30), np.uint8)
    with pytest.raises(InputError, match="shapes"):
        find_basins(empty, empty[1:])
    with pytest.raises(InputError, match="shape"):
        cut(find_basins(empty, empty), empty[1:], ObjectSettings())
    with pytest.raises(InputError, match="float64"):
        find_basins(empty, empty / 255)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="axes"):
        find_basins(empty[0], empty[0])


@given(HEIGHTS, st.integers(0, 2**31), st.sampled_from([0.1, 0.5]))
@settings(max_examples=60, deadline=None)
def test_fragments_serve_whatever_the_other_settings(
    height: np.ndarray, seed: int, foreground: float
) -> None:
    probability = np.random.default_rng(seed).integers(0, 256, height.shape).astype(np.uint8)
    basins = find_basins(probability, height)
    fragments = find_fragments(basins, probability, ObjectSettings(foreground=foreground))
    for splitting, min_size, holes, edge in (
        (0.0, 0, True, True),
        (0.7, 3, False, True),
        (1.0, 2, True, False),
    ):
        wanted = ObjectSettings(
            foreground=foreground,
            splitting=splitting,
            min_size=min_size,
            fill_holes=holes,
            edge_objects=edge,
        )
        found = assemble(fragments, wanted)
        np.testing.assert_array_equal(found, cut(basins, probability, wanted))
        for number in range(1, int(found.max(initial=0)) + 1):
            assert label(found == number, connectivity=1).max() == 1


def test_fragments_of_another_foreground_are_refused() -> None:
    foreground, height = maps_of(discs((30, 25, 14)))
    fragments = find_fragments(find_basins(foreground, height), foreground, ObjectSettings())
    with pytest.raises(InputError, match="of another foreground"):
        assemble(fragments, ObjectSettings(foreground=0.3))


def test_a_volume() -> None:
    rows = np.indices((20, 40, 40))
    truth = np.zeros(rows.shape[1:], int)
    for number, (z, y, x) in enumerate(((10, 12, 12), (10, 27, 26)), start=1):
        truth[np.sqrt((rows[0] - z) ** 2 + (rows[1] - y) ** 2 + (rows[2] - x) ** 2) < 8.5] = number
    found = decoded(*maps_of(truth, noise=1.0))
    np.testing.assert_array_equal(found > 0, truth > 0)
    assert score_image(found, truth).ap[8] == 1


def test_real_nuclei_come_back_from_their_maps(shared_data: Path) -> None:
    for path in sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[:3]:
        truth = imread(path).astype(np.int64)
        assert score_image(decoded(*maps_of(truth, noise=2.0), splitting=0.8), truth).ap.mean() > 0.9

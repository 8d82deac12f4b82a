"""Basins of maps that hold directions."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.io import imread
from skimage.measure import label

from flows_support import codes_of, directed_maps
from napari_unet.directions import direction_table
from napari_unet.objects.basins import Basins, find_basins
from napari_unet.objects.decoding import cut
from napari_unet.scores.objects import score_image
from napari_unet.settings import ObjectSettings

CODES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))
RIGHT, DOWN, LEFT, UP = 0, 64, 128, 192


def full(codes: np.ndarray) -> Basins:
    return find_basins(np.full_like(codes, 255), codes, directed=True)


def decoded(truth: np.ndarray, **options: object) -> np.ndarray:
    foreground, codes = directed_maps(truth)
    basins = find_basins(foreground, codes, directed=True)
    return cut(basins, foreground, ObjectSettings(**({"min_size": 0, "splitting": 0.95} | options)))


@settings(deadline=None)
@given(CODES)
def test_every_pixel_is_in_the_basin_it_is_led_to(codes: np.ndarray) -> None:
    foreground = np.where(codes % 5 > 0, 200, 0).astype(np.uint8)
    found = find_basins(foreground, codes, directed=True)
    np.testing.assert_array_equal(found.labels > 0, foreground > 0)
    offsets = [offset for offset in product((-1, 0, 1), repeat=codes.ndim) if any(offset)]
    step = {}
    for pixel in product(*map(range, codes.shape)):
        if foreground[pixel]:
            vector = direction_table(codes.ndim)[codes[pixel]]
            cosines = [float(vector @ np.array(o)) / np.linalg.norm(o) for o in offsets]
            best = max(range(len(offsets)), key=lambda i: (round(cosines[i], 5), np.abs(offsets[i]).sum()))
            there = tuple(np.add(pixel, offsets[best]).tolist())
            inside = all(0 <= t < side for t, side in zip(there, codes.shape, strict=True))
            step[pixel] = there if inside and foreground[there] else pixel
    tops, ends = np.zeros(codes.shape, bool), {}
    for pixel in step:
        end = pixel
        for _ in range(len(step)):
            end = step[end]
        tops[end], ends[pixel] = True, end
    numbers = label(tops, connectivity=codes.ndim)
    for pixel, end in ends.items():
        assert found.labels[pixel] == numbers[end]
    assert len(found) == numbers.max()


@pytest.mark.parametrize(
    ("left", "right", "divergence"),
    [
        (LEFT, RIGHT, 1.0),
        (LEFT, UP, 0.5),
        (UP, RIGHT, 0.5),
        (UP, DOWN, 0.0),
        (LEFT + 32, RIGHT, (1 + 0.5**0.5) / 2),
    ],
)
def test_passes_are_as_low_as_vectors_diverge(left: int, right: int, divergence: float) -> None:
    codes = np.full((7, 10), left, np.uint8)
    codes[:, 5:] = right
    found = full(codes)
    assert len(found) == 2
    neck = (1 - divergence) ** 4
    assert found.forest.necks.tolist() == pytest.approx([neck], abs=1e-3)
    assert found.forest.peaks[1:].tolist() == [255, 255]
    assert found.forest.passes.tolist() == pytest.approx([255 * neck], abs=0.1)


def test_a_pass_is_the_mean_of_all_pairs_of_pixels() -> None:
    codes = np.full((8, 10), LEFT, np.uint8)
    codes[:, 5:] = RIGHT
    codes[:2, 5:] = DOWN  # two of eight diverge half as much
    assert full(codes).forest.necks.tolist() == pytest.approx([(2 * 0.5 / 8) ** 4], rel=1e-3)


def test_small_pieces_join_what_they_diverge_from_least() -> None:
    codes = np.full((7, 30), LEFT, np.uint8)
    codes[:, 12:14] = UP
    codes[:, 14:] = RIGHT
    codes[:, 14:16] = UP + 32  # a mean between up and right
    foreground = np.full_like(codes, 255)
    basins = find_basins(foreground, codes, directed=True)
    apart = cut(basins, foreground, ObjectSettings(min_size=0, splitting=1.0))
    joined = cut(basins, foreground, ObjectSettings(min_size=30, splitting=1.0))
    assert apart[3].max() > joined[3].max() == 2
    assert joined[3, 11] != joined[3, 13] == joined[3, 20]


def shapes() -> dict[str, np.ndarray]:
    rows, columns = np.indices((120, 160))
    radius, angle = np.hypot(rows - 60, columns - 80), np.arctan2(rows - 60, columns - 80)
    left, right, bottom = (np.abs(columns - 26) < 6), (np.abs(columns - 94) < 6), (np.abs(rows - 94) < 6)
    return {
        "rod": (np.abs(rows - 60) <= 3) & (columns > 20) & (columns < 121),
        "diagonal": (np.abs(rows - columns) <= 4) & (rows > 10) & (rows + columns < 200),
        "horseshoe": (left | right | bottom) & (rows > 10) & (rows < 100) & (columns > 20) & (columns < 100),
        "crescent": (radius < 45) & (radius > 33) & (columns < 100),
        "ring": (radius < 45) & (radius > 33),
        "wave": (np.abs(rows - 60 - 25 * np.sin(columns / 16)) < 6) & (columns > 10) & (columns < 150),
        "star": radius < 25 + 15 * np.cos(5 * angle),
    }


@pytest.mark.parametrize("name", list(shapes()))
def test_long_and_hollow_objects_stay_whole(name: str) -> None:
    truth = shapes()[name].astype(int)
    np.testing.assert_array_equal(decoded(truth, splitting=1.0, fill_holes=False), truth)


def test_what_touches_is_apart() -> None:
    rows, columns = np.indices((60, 120))
    depths = [14 - np.hypot(rows - 30, columns - x) for x in (25, 49, 75)]
    truth = np.where(np.max(depths, 0) > 0, np.argmax(depths, 0) + 1, 0)
    np.testing.assert_array_equal(decoded(truth), truth)
    assert decoded(truth, splitting=0).max() == 1


def test_balls_that_touch_are_apart() -> None:
    position = np.stack(np.indices((24, 24, 44)))
    depths = [10 - np.linalg.norm(position - np.reshape([12, 12, x], (3, 1, 1, 1)), axis=0) for x in (12, 30)]
    truth = np.where(np.max(depths, 0) > 0, np.argmax(depths, 0) + 1, 0)
    found = decoded(truth)
    assert found.max() == 2
    assert score_image(found, truth).ap[8] == 1  # IoU of at least 0.9 each


def test_noise_leaves_objects_whole() -> None:
    rows, columns = np.indices((60, 90))
    foreground = np.where(np.hypot(rows - 30, (columns - 45) / 1.5) < 25, 255, 0).astype(np.uint8)
    towards = np.stack([30 - rows, 45 - columns]) / np.hypot(rows - 30, columns - 45).clip(1)
    ripples = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=towards.shape), (0, 1, 1))
    codes = codes_of(towards + 0.4 * ripples / ripples.std())
    basins = find_basins(foreground, codes, directed=True)
    assert len(basins) > 1
    assert cut(basins, foreground, ObjectSettings(splitting=0.5)).max() == 1


@pytest.mark.parametrize(
    ("name", "ap"), [("bbbc039_nuclei", 0.99), ("dsb2018_fluo_nuclei", 0.98), ("dsb2018_histology_rgb", 0.97)]
)
def test_annotated_objects_come_back(shared_data: Path, name: str, ap: float) -> None:
    scores, merged, split = [], 0, 0
    for path in sorted((shared_data / name / "train" / "labels").iterdir())[:48:12]:
        truth = imread(path).astype(np.int64)
        score = score_image(decoded(truth), truth)
        scores.append(score.ap.mean())
        merged += np.sum(score.found.merged)
        split += np.sum(score.found.split)
    assert np.mean(scores) > ap
    assert merged == split == 0

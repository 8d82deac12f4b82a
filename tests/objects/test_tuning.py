"""How objects are found best, by trying."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.io import imread
from skimage.segmentation import find_boundaries

from flows_support import directed_maps
from napari_unet.objects import tuning
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut
from napari_unet.objects.tuning import Maps, tune
from napari_unet.scores.objects import score_image
from napari_unet.settings import ObjectSettings


def average_precision(found: np.ndarray, truth: np.ndarray) -> float:
    return float(score_image(found, truth).ap.mean())


def uncertain_maps(truth: np.ndarray) -> Maps:
    """Maps of a network that finds objects too small, and is noisy."""
    inside = (truth > 0) & ~find_boundaries(truth, connectivity=1, mode="inner")
    depth = ndimage.distance_transform_edt(inside)
    random = np.random.default_rng(0)
    ripples = ndimage.gaussian_filter(random.normal(size=truth.shape), 1.5)
    height = 6 * depth + 8 * ripples / ripples.std() * (truth > 0)
    foreground = 230 * ndimage.gaussian_filter(inside.astype(np.float32), 1.0)
    return foreground.clip(0, 255).astype(np.uint8), height.clip(0, 255).astype(np.uint8), truth


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    calls: list[ObjectSettings] = []

    def counting(*arguments: object) -> np.ndarray:
        calls.append(arguments[2])  # type: ignore[arg-type]
        return cut(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tuning, "cut", counting)
    return lambda: len(calls)


def test_what_suits_best_is_found_with_few_tries(shared_data: Path, counted: Callable[[], int]) -> None:
    files = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[:2]
    maps = [uncertain_maps(imread(path).astype(np.int64)) for path in files]
    start = ObjectSettings(splitting=0.3, foreground=0.7, edge_objects=False)
    best, value = tune(maps, average_precision, start)
    assert counted() <= 60 * len(maps)

    def mean(settings: ObjectSettings) -> float:
        return float(np.mean([average_precision(cut(find_basins(f, h), f, settings), t) for f, h, t in maps]))

    assert value == mean(best) > mean(start) + 0.05
    assert best.foreground < start.foreground
    assert not best.edge_objects  # not what is asked


def test_directions_are_tuned_too() -> None:
    truth = np.zeros((30, 60), np.int64)
    truth[5:25, 5:30], truth[5:25, 30:50] = 1, 2
    start = ObjectSettings(splitting=0.0)
    best, value = tune([(*directed_maps(truth), truth)], average_precision, start, directed=True)
    assert value == 1 > best.splitting > 0


def test_the_start_stays_where_nothing_is_better() -> None:
    start = ObjectSettings(splitting=0.42, foreground=0.44, min_size=3)
    assert isnan(tune([], average_precision, start)[1])
    empty = np.zeros((20, 20), np.uint8)
    assert tune([(empty, empty, empty.astype(np.int32))], lambda found, truth: 0.5, start) == (start, 0.5)


def test_what_is_faint_is_left_out_where_it_is_mostly_nothing() -> None:
    truth = np.zeros((40, 60), np.int64)
    truth[5:15, 5:15], truth[20:35, 30:50], truth[3:7, 50:54] = 1, 2, 3
    foreground, directions = directed_maps(truth)
    foreground[truth == 3] = 250  # as small as what is spurious, but surer
    wrong = np.zeros_like(truth)
    wrong[30:34, 5:9], wrong[20:24, 15:19] = 1, 2
    spurious, onwards = directed_maps(wrong)
    foreground = np.where(wrong > 0, (0.8 * spurious).astype(np.uint8), foreground)
    directions = np.where(wrong > 0, onwards, directions)
    best, value = tune(
        [(foreground, directions, truth)], average_precision, ObjectSettings(min_size=0), directed=True
    )
    assert value == 1
    assert 0.8 < best.certainty <= 0.98
    assert best.min_size == 0


def test_what_may_be_chance_changes_nothing() -> None:
    truth = np.zeros((40, 40), np.int64)
    truth[5:15, 5:15] = 1
    maps = [(*directed_maps(truth), truth)] * 4
    start = ObjectSettings(splitting=0.75)
    gains = iter(())

    def score(found: np.ndarray, truth: np.ndarray) -> float:
        return next(gains, 0.5)

    gains = iter([0.5] * 4 + [0.9, 0.3, 0.6, 0.3])  # of the start, and of the first value tried
    assert tune(maps, score, start, directed=True)[0] == start
    gains = iter([0.5] * 4 + [0.9, 0.3, 0.9, 0.3] + [0.6, 0.5, 0.6, 0.6])
    assert tune(maps, score, start, directed=True)[0].splitting == tuning.SPLITTING[1]

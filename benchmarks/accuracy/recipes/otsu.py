"""Otsu's thresholds on grey values or one colour; colour and meaning of the levels chosen on the training images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from skimage.color import rgb2gray
from skimage.filters import threshold_multiotsu, threshold_otsu
from skimage.io import imread

from benchmarks.accuracy.task import Predictor, Task

MOST_LEVELS = 4
"""More thresholds take minutes: scikit-image searches all combinations."""


def prepare() -> None:
    """Nothing to load."""


def train(task: Task) -> tuple[Predictor, dict[str, Any]]:
    """Choose the channel, and a class of its own for each level, with the best mean Dice on the training images."""
    pairs = task.pairs()
    n_levels = min(task.n_classes, MOST_LEVELS)
    best: tuple[float, int, tuple[int, ...]] = (-1.0, 0, ())
    for channel in range(_channels(pairs[0][0]).shape[-1]):
        counts = np.zeros((n_levels, task.n_classes))
        for image, target in pairs:
            found = _levels(_channels(image)[..., channel], n_levels)
            np.add.at(counts, (found.ravel(), target.ravel()), 1)
        for classes in permutations(range(task.n_classes), n_levels):
            best = max(best, (_mean_dice(counts, classes), channel, classes))
    _, channel, classes = best

    def predict(files: Sequence[Path]) -> list[np.ndarray]:
        values = np.array(classes, np.uint8)
        return [values[_levels(_channels(imread(path))[..., channel], n_levels)] for path in files]

    return predict, {"channel": ("grey", "red", "green", "blue")[channel], "class_of_level": list(classes)}


def _channels(image: np.ndarray) -> np.ndarray:
    """Grey values, and the colours if there are any, last axis."""
    return image[..., None] if image.ndim == 2 else np.dstack([rgb2gray(image) * 255, image])


def _levels(values: np.ndarray, n_levels: int) -> np.ndarray:
    """Level of every pixel, darkest 0."""
    if n_levels == 2:
        return (values > threshold_otsu(values)).astype(np.intp)
    return np.digitize(values, threshold_multiotsu(values, n_levels, nbins=128))


def _mean_dice(counts: np.ndarray, classes: tuple[int, ...]) -> float:
    selects = _selection(classes, counts.shape[1])
    table = selects @ counts  # predicted class, target class
    return float(np.mean(2 * np.diag(table) / np.maximum(table.sum(0) + table.sum(1), 1)))


@cache
def _selection(classes: tuple[int, ...], n_classes: int) -> np.ndarray:
    return np.array([[value == wanted for value in classes] for wanted in range(n_classes)], float)

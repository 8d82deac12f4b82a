"""Pixel classification: scikit-image's multiscale features and scikit-learn's random forest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.feature import multiscale_basic_features
from skimage.io import imread

from benchmarks.accuracy.task import Predictor, Task, cores

PIXELS = 50_000
TREES = 100


def prepare() -> None:
    """Load what is not part of the training."""
    import sklearn.ensemble  # noqa: F401


def train(task: Task) -> tuple[Predictor, dict[str, Any]]:
    """Fit on pixels drawn alike from every training image, at random."""
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(task.seed)
    pairs = task.pairs()
    features, targets = [], []
    for image, target in pairs:
        n_pixels = min(-(-PIXELS // len(pairs)), target.size)
        drawn = random.choice(target.size, n_pixels, replace=False)
        features.append(features_of(image).reshape(target.size, -1)[drawn])
        targets.append(target.ravel()[drawn])
    forest = RandomForestClassifier(TREES, n_jobs=cores(), random_state=task.seed)
    forest.fit(np.concatenate(features), np.concatenate(targets))

    def predict(files: Sequence[Path]) -> list[np.ndarray]:
        return [_predict(forest, imread(path)) for path in files]

    return predict, {"pixels": sum(map(len, targets)), "trees": TREES, "features": features[0].shape[1]}


def features_of(image: np.ndarray) -> np.ndarray:
    """Intensity, edges and texture at sigma 1 to 16 pixels, (Y, X, features)."""
    channel_axis = None if image.ndim == 2 else -1
    return multiscale_basic_features(image, sigma_min=1, sigma_max=16, channel_axis=channel_axis)


def _predict(forest: Any, image: np.ndarray) -> np.ndarray:
    features = features_of(image)
    return forest.predict(features.reshape(-1, features.shape[-1])).reshape(image.shape[:2])

"""A toy model, trained once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet import Model, train

TOY: dict[str, Any] = {
    "width": 4,
    "depth": 2,
    "patch_size": 32,
    "batch_size": 2,
    "device": "cpu",
    "threads": 1,
    "precision": "fp32",
}


def squares(seed: int, shape: tuple[int, int] = (72, 64)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image of bright squares, and their mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    for y, x in rng.integers(0, 48, (6, 2)):
        mask[y : y + 12, x : x + 12] = 1
    return (40 + 120 * mask + rng.normal(0, 10, shape)).astype(np.uint8), mask


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of a model that knows bright squares."""
    path = tmp_path_factory.mktemp("toy") / "toy.safetensors"
    images, masks = zip(*(squares(seed) for seed in range(4)), strict=True)
    model = train(list(images), list(masks), path, labels_are="masks", steps=80, **TOY)
    assert isinstance(model, Model)
    return path

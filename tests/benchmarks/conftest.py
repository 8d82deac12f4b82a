"""A set of toy images in the layout of the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy.sets import SETS, BenchmarkSet, Headline
from skimage.io import imsave

TOY = BenchmarkSet(
    "toy",
    "toy_folder",
    "objects",
    ("background", "disc"),
    (Headline("disc Dice", "dice", "disc", 0.9),),
    cells=1,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> BenchmarkSet:
    """A set with the name ``toy`` among the others."""
    monkeypatch.setitem(SETS, "toy", TOY)
    return TOY


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Bright discs on dark ground, each an object, in RGB: 3 images to train on, 2 to test."""
    random = np.random.default_rng(0)
    rows, columns = np.indices((96, 112))
    for part, n_images in (("train", 3), ("test", 2)):
        for kind in ("images", "labels"):
            (tmp_path / "toy_folder" / part / kind).mkdir(parents=True)
        for index in range(n_images):
            labels = np.zeros(rows.shape, np.uint16)
            for number, (row, column) in enumerate(((25, 25), (25, 80), (70, 30), (66, 82)), start=1):
                shift = random.integers(-5, 6, 2)
                labels[np.hypot(rows - row - shift[0], columns - column - shift[1]) < 14] = number
            grey = np.where(labels > 0, 170, 60) + random.normal(0, 12, labels.shape)
            image = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            imsave(tmp_path / "toy_folder" / part / "images" / f"{index}.png", image, check_contrast=False)
            imsave(tmp_path / "toy_folder" / part / "labels" / f"{index}.png", labels, check_contrast=False)
    return tmp_path

"""Labels of objects as people bring them: each is learnt from, or refused in words that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet import predict, train
from napari_unet.errors import UNetError
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut
from napari_unet.scores.objects import score_image
from napari_unet.settings import ObjectSettings

TOY: dict[str, Any] = {
    "labels_are": "objects", "steps": 2, "width": 2, "depth": 1, "patch_size": 32, "batch_size": 2,
    "device": "cpu", "precision": "fp32", "threads": 1, "validation_fraction": 0,
}  # fmt: skip


def cells() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.zeros((64, 64), np.int64)
    for number, (row, column) in enumerate([(2, 2), (2, 14), (30, 5), (40, 40), (10, 45)], start=1):
        labels[row : row + 12, column : column + 12] = number
    image = 100 * (labels > 0) + random.normal(0, 10, labels.shape)
    return image.astype(np.float32), labels


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t > 0, id="a mask"),
        pytest.param(lambda t: np.where(t > 0, t + 2**31 + 5, 0), id="beyond int32"),
        pytest.param(lambda t: np.where(t > 0, t + 2**40, 0).astype(np.uint64), id="beyond uint32"),
        pytest.param(lambda t: (t == 1).astype(np.int16), id="one object"),
        pytest.param(lambda t: t.astype(np.int8) - 2 * (t == 5), id="unknown pixels"),
    ],
)
def test_it_is_learnt_from(tmp_path: Path, change: Any) -> None:
    image, labels = cells()
    changed = change(labels)
    model = train(image, changed, tmp_path / "m.safetensors", **TOY)
    found = predict(model, image, device="cpu", precision="fp32")
    assert found.dtype == np.int32
    assert 0 <= score_image(found, changed).f1[0] <= 1


def test_empty_slices_are_no_obstacle(tmp_path: Path) -> None:
    image, labels = cells()
    stack, truth = np.stack([image] * 3), np.stack([labels * 0, labels, labels * 0])
    model = train(stack, truth, tmp_path / "m.safetensors", axes="ZYX", **TOY)
    assert predict(model, stack, axes="ZYX", device="cpu", precision="fp32").shape == truth.shape


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda t: t * 0.5, "whole numbers", id="fractions"),
        pytest.param(lambda t: np.where(t > 0, t, np.nan), "whole numbers", id="not a number"),
        pytest.param(lambda t: t * 0, "Give every object a number", id="nothing"),
        pytest.param(lambda t: t * 0 - 1, "Give every object a number", id="only unknown"),
        pytest.param(lambda t: t * 0 + 1, "background", id="one object without background"),
    ],
)
def test_it_is_refused_in_words(tmp_path: Path, change: Any, words: str) -> None:
    image, labels = cells()
    with pytest.raises(UNetError, match=words):
        train(image, change(labels), tmp_path / "m.safetensors", **TOY)
    assert not (tmp_path / "m.safetensors").exists()


def test_a_hundred_thousand_objects() -> None:
    n, side = 320, 4
    one = np.zeros((side, side), np.uint8)
    one[:3, :3] = 200
    one[1, 1] = 255
    foreground = np.tile(one, (n, n))
    found = cut(find_basins(foreground, foreground), foreground, ObjectSettings(min_size=1))
    assert found.max() == n * n == 102_400
    scores = score_image(found, found)
    assert scores.f1[0] == scores.pq == 1

"""Ours with one thing changed. What is no setting of the plugin is changed here, in this process only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.recipes import VARIANTS, ours
from benchmarks.accuracy.task import Predictor, Task

prepare = ours.prepare


def train(task: Task) -> tuple[Predictor, dict[str, Any]]:
    """Train the variant; the process stays changed until the predictions are made."""
    variant = VARIANTS[task.recipe]
    if variant.skips:
        return ours.train(task, **variant.settings)
    remove_skips()
    _, facts = ours.train(task, **variant.settings)
    return partial(whole_images, Path(task.output) / ours.MODEL), facts


def whole_images(file: Path, files: Sequence[Path]) -> list[np.ndarray]:
    """Predict by the network's ``forward``: the plugin's prediction takes blocks apart and expects skips."""
    import torch

    from napari_unet import load_model
    from napari_unet.images import read_image
    from napari_unet.nets.outputs import class_indices

    model = load_model(file)
    network = model.network.eval()
    values = np.array(model.record.annotation.values, np.uint8)
    found = []
    for path in files:
        image = read_image(path)
        box = tuple((0, size) for size in image.label_shape)
        block = model.record.normalisation.statistics(image).apply(image.read(box))
        with torch.no_grad():
            logits = network(torch.from_numpy(block)[None])
        found.append(values[class_indices(logits, network.settings.outputs)[0].numpy()])
    return found


def remove_skips() -> None:
    """Let every U-Net built from now on in this process go without skip connections.

    The convolutions after an up-sampling see its features only and have weights for no others: parameters count
    what is used. Code that does not go through the blocks' ``forward`` fails instead of computing something else.
    """
    from torch import Tensor
    from torch.nn import functional as F

    from napari_unet.nets import network
    from napari_unet.nets.blocks import DoubleConv, UpSample

    class WithoutSkip(UpSample):
        def __init__(
            self,
            in_channels: int,
            out_channels: int,
            ndim: int = 2,
            padding: Any = "same",
            norm: Any = "batch",
        ) -> None:
            super().__init__(in_channels, out_channels, ndim, padding, norm)
            self.conv = DoubleConv(in_channels // 2, out_channels, ndim, padding, norm)

        def forward(self, features: Tensor, skip: Tensor) -> Tensor:
            features = self.up(features)
            rows, columns = (skip.shape[axis] - features.shape[axis] for axis in (2, 3))
            return self.conv(F.pad(features, [0, columns, 0, rows]))  # type: ignore[no-any-return]

    network.UpSample = WithoutSkip  # type: ignore[misc]

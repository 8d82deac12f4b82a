"""This plugin with its defaults, through its public functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

from benchmarks.accuracy.task import Predictor, Task

MODEL = "model.safetensors"


def prepare() -> None:
    """Nothing: what the plugin has to load is part of its minutes."""


def train(task: Task, **settings: Any) -> tuple[Predictor, dict[str, Any]]:
    """Train by ``napari_unet.train``; ``settings`` differ from the defaults only in the ablation."""
    from napari_unet import train as train_unet
    from napari_unet.api import predict_files
    from napari_unet.events import Event, Finished, Started
    from napari_unet.nets import count_parameters

    facts: dict[str, Any] = {}

    def note(event: Event) -> None:
        if isinstance(event, Started):
            facts["plan"] = {key: _plain(value) for key, value in event.plan.items()}
        elif isinstance(event, Finished):
            facts.update(event.summary)

    file = Path(task.output) / MODEL
    model = train_unet(
        task.train_images,
        task.train_labels,
        file,
        labels_are=task.labels_are,
        minutes=task.minutes,
        seed=task.seed,
        progress=note,
        **settings,
    )
    facts["parameters"] = count_parameters(model.network)[0]

    def predict(files: Sequence[Path]) -> list[np.ndarray]:
        written = predict_files(file, list(files), Path(task.output) / "predictions")
        by_stem = {path.stem: path for path in written}
        found = [imread(by_stem[path.stem]) for path in files]
        return [labels > 0 for labels in found] if task.labels_are == "objects" else found

    return predict, facts


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)

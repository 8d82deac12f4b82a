"""Teach a U-Net to segment your images, inside napari.

The public API is lazy (PEP 562): importing this package loads neither torch nor Qt.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from napari_unet.lazy import lazy_names

try:
    __version__ = version("napari-unet-live")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from napari_unet.api import evaluate, find_learning_rate, fine_tune, load_model, measure, predict, train
    from napari_unet.models.files import Model, save_model
    from napari_unet.nets import UNet, init_weights
    from napari_unet.scores import calculate_metrics
    from napari_unet.settings import PredictSettings, TrainSettings
    from napari_unet.training.classic import setup_training
    from napari_unet.training.losses import CombinedLoss

_HOMES = {
    "CombinedLoss": "napari_unet.training.losses",
    "Model": "napari_unet.models.files",
    "PredictSettings": "napari_unet.settings",
    "TrainSettings": "napari_unet.settings",
    "UNet": "napari_unet.nets",
    "calculate_metrics": "napari_unet.scores",
    "evaluate": "napari_unet.api",
    "find_learning_rate": "napari_unet.api",
    "fine_tune": "napari_unet.api",
    "init_weights": "napari_unet.nets",
    "load_model": "napari_unet.api",
    "measure": "napari_unet.api",
    "predict": "napari_unet.api",
    "save_model": "napari_unet.models.files",
    "setup_training": "napari_unet.training.classic",
    "train": "napari_unet.api",
}

__all__ = [
    "CombinedLoss",
    "Model",
    "PredictSettings",
    "TrainSettings",
    "UNet",
    "__version__",
    "calculate_metrics",
    "evaluate",
    "find_learning_rate",
    "fine_tune",
    "init_weights",
    "load_model",
    "measure",
    "predict",
    "save_model",
    "setup_training",
    "train",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)

"""Prediction: tile plan, the seamless tiled network, jobs. Lazy: importing this room does not load torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.inference.folding import fold_batch_norm
    from napari_unet.inference.prediction import predict, predict_array
    from napari_unet.inference.tiled import TiledNetwork, predict_logits
    from napari_unet.inference.tiles import Tile, plan_tiles

_HOMES = {
    "Tile": "napari_unet.inference.tiles",
    "TiledNetwork": "napari_unet.inference.tiled",
    "fold_batch_norm": "napari_unet.inference.folding",
    "plan_tiles": "napari_unet.inference.tiles",
    "predict": "napari_unet.inference.prediction",
    "predict_array": "napari_unet.inference.prediction",
    "predict_logits": "napari_unet.inference.tiled",
}

__all__ = [
    "Tile",
    "TiledNetwork",
    "fold_batch_norm",
    "plan_tiles",
    "predict",
    "predict_array",
    "predict_logits",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

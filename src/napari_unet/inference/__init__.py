"""Prediction: tile plan, the seamless tiled network, jobs. Lazy: importing this room does not load torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.lazy import lazy_names

if TYPE_CHECKING:
    from napari_unet.inference.folding import fold_batch_norm
    from napari_unet.inference.prediction import predict, predict_array
    from napari_unet.inference.tiled import TiledNetwork
    from napari_unet.inference.tiles import Tile, plan_tiles
    from napari_unet.inference.whole import predict_logits

_HOMES = {
    "Tile": "napari_unet.inference.tiles",
    "TiledNetwork": "napari_unet.inference.tiled",
    "fold_batch_norm": "napari_unet.inference.folding",
    "plan_tiles": "napari_unet.inference.tiles",
    "predict": "napari_unet.inference.prediction",
    "predict_array": "napari_unet.inference.prediction",
    "predict_logits": "napari_unet.inference.whole",
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


__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)

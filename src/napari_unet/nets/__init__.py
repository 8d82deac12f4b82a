"""The U-Net: blocks, network, initialisation, tracing. Lazy: importing this room does not load torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.lazy import lazy_names

if TYPE_CHECKING:
    from napari_unet.nets.initialisation import init_weights, shorten_kernels
    from napari_unet.nets.network import UNet
    from napari_unet.nets.tracing import Trace, count_parameters, trace

_HOMES = {
    "Trace": "napari_unet.nets.tracing",
    "UNet": "napari_unet.nets.network",
    "count_parameters": "napari_unet.nets.tracing",
    "init_weights": "napari_unet.nets.initialisation",
    "shorten_kernels": "napari_unet.nets.initialisation",
    "trace": "napari_unet.nets.tracing",
}

__all__ = ["Trace", "UNet", "count_parameters", "init_weights", "shorten_kernels", "trace"]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)

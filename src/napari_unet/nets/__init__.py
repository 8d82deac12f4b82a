"""The U-Net: blocks, network, initialisation, tracing. Lazy: importing this room does not load torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.nets.initialisation import init_weights
    from napari_unet.nets.network import UNet
    from napari_unet.nets.tracing import Trace, count_parameters, trace

_HOMES = {
    "Trace": "napari_unet.nets.tracing",
    "UNet": "napari_unet.nets.network",
    "count_parameters": "napari_unet.nets.tracing",
    "init_weights": "napari_unet.nets.initialisation",
    "trace": "napari_unet.nets.tracing",
}

__all__ = ["Trace", "UNet", "count_parameters", "init_weights", "trace"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

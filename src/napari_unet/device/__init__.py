"""Where and how precisely to compute. Lazy: importing this room does not load torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.lazy import lazy_names

if TYPE_CHECKING:
    from napari_unet.device.choice import (
        choose_device,
        choose_precision,
        choose_threads,
        is_out_of_memory,
        open_device,
        release_memory,
    )
    from napari_unet.device.hardware import available_memory
    from napari_unet.device.trial import probe

_HOMES = {
    "available_memory": "napari_unet.device.hardware",
    "choose_device": "napari_unet.device.choice",
    "choose_precision": "napari_unet.device.choice",
    "choose_threads": "napari_unet.device.choice",
    "is_out_of_memory": "napari_unet.device.choice",
    "open_device": "napari_unet.device.choice",
    "probe": "napari_unet.device.trial",
    "release_memory": "napari_unet.device.choice",
}

__all__ = [
    "available_memory",
    "choose_device",
    "choose_precision",
    "choose_threads",
    "is_out_of_memory",
    "open_device",
    "probe",
    "release_memory",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)

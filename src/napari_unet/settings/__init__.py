"""Every option, once: behind the docks, the command line and the API.

Each field has a title (its label in a form), a description with its unit (tooltip and command-line help) and bounds.
``None`` means "chosen from the data and the device" and is shown as *auto*. ``json_schema_extra={"advanced": True}``
folds a field away in the dock; ``{"none": ...}`` says what ``None`` is called where it is not *auto*.
"""

from napari_unet.settings.base import (
    ComputeSettings,
    Device,
    LossName,
    Norm,
    ObjectTargets,
    Outputs,
    Precision,
    Settings,
)
from napari_unet.settings.live import LiveSettings
from napari_unet.settings.network import NetworkSettings
from napari_unet.settings.objects import ObjectChoice, ObjectSettings
from napari_unet.settings.prediction import PredictSettings
from napari_unet.settings.training import AugmentationSettings, FrozenLayers, TrainSettings

__all__ = [
    "AugmentationSettings",
    "ComputeSettings",
    "Device",
    "FrozenLayers",
    "LiveSettings",
    "LossName",
    "NetworkSettings",
    "Norm",
    "ObjectChoice",
    "ObjectSettings",
    "ObjectTargets",
    "Outputs",
    "Precision",
    "PredictSettings",
    "Settings",
    "TrainSettings",
]

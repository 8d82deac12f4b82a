"""What a running job says: frozen dataclasses, picklable, free of torch and Qt.

A job is a generator of these. Exactly one :class:`Finished` or :class:`Failed` ends it; where a job runs (inline, in
a child process) changes nothing else.
"""

from napari_unet.events.base import Box, Event, Failed, Finished, Notice, Progress, Started, Waiting
from napari_unet.events.device import DeviceReport
from napari_unet.events.live import LiveState, Preview, Suggestion
from napari_unet.events.prediction import PredictedObjects, PredictedRegion
from napari_unet.events.training import (
    Before,
    ModelSaved,
    RateFound,
    TrainingStep,
    Validation,
    ValidationRegions,
)

__all__ = [
    "Before",
    "Box",
    "DeviceReport",
    "Event",
    "Failed",
    "Finished",
    "LiveState",
    "ModelSaved",
    "Notice",
    "PredictedObjects",
    "PredictedRegion",
    "Preview",
    "Progress",
    "RateFound",
    "Started",
    "Suggestion",
    "TrainingStep",
    "Validation",
    "ValidationRegions",
    "Waiting",
]

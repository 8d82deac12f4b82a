"""Model files without weights: all that the dock "Segment with U-Net" reads of one."""

from __future__ import annotations

import json

from napari_unet.images import Normalisation
from napari_unet.labels import Annotation, LabelClass
from napari_unet.models.record import ClassScore, ModelRecord, ValidationRecord
from napari_unet.settings import NetworkSettings

CLASSES = (
    LabelClass(value=0, name="background", color="#000000"),
    LabelClass(value=3, name="vessel & co", color="#e69f00"),
)


def model_record(**changes):
    network = NetworkSettings(n_channels=1, n_classes=2, width=8, depth=2)
    validation = ValidationRecord(
        honest=True,
        method="2 of 8 images held out.",
        mean_dice=0.75,
        scores={"0": ClassScore(dice=0.9, iou=0.8), "3": ClassScore(dice=0.6, iou=0.5)},
    )
    return ModelRecord(
        **{
            "name": "vessels",
            "created": "2026-01-02T03:04:05Z",
            "network": network,
            "annotation": Annotation(kind="masks", classes=CLASSES),
            "normalisation": Normalisation(),
            "validation": validation,
            "images": {"eye <1>": "a", "eye 2": "b", "eye 3": "c"},
            **changes,
        }
    )


def write_model(path, record, metadata_key="napari_unet"):
    """A model file without weights: all that the dock reads."""
    header = {"__metadata__": {metadata_key: record.model_dump_json()}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    return path


def network(**changes):
    return NetworkSettings(**{"n_channels": 1, "n_classes": 2, "width": 8, "depth": 2, **changes})

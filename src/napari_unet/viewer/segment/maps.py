"""The maps of a segmentation's objects, collected while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unet.events import Box, PredictedObjects
from napari_unet.models.record import ModelRecord
from napari_unet.settings import PredictSettings
from napari_unet.viewer.objects.kept_maps import LARGEST, KeptMaps, checksum, keep_maps


class GrowingMaps:
    """Maps that are all there in the end let the Objects dock find the objects again otherwise."""

    def __init__(self) -> None:
        self._maps: dict[int, NDArray[np.uint8]] = {}
        self._boxes: dict[int, Box] = {}  # around what has come
        self._written: dict[int, dict[Box, int]] = {}

    def add(self, layer: Any, event: PredictedObjects) -> None:
        """Take the maps of a plane of ``layer``, and note what was written there, before somebody paints on it.

        Maps too large to be kept are left out.
        """
        if layer is None or 2 * layer.data.size > LARGEST:
            return
        self._written.setdefault(event.image, {})[event.region] = checksum(event.objects)
        if event.maps is None:
            return
        if event.image not in self._maps:
            self._maps[event.image] = np.zeros((2, *layer.data.shape), np.uint8)
            self._boxes[event.image] = event.region
        self._boxes[event.image] = tuple(
            (min(a, low), max(b, high))
            for (a, b), (low, high) in zip(self._boxes[event.image], event.region, strict=True)
        )
        region = tuple(slice(start, stop) for start, stop in event.region)
        self._maps[event.image][(slice(None), *region)] = event.maps

    def keep(self, image: int, layer: Any, axes: str, record: ModelRecord, settings: PredictSettings) -> None:
        """Keep an image's maps with its finished layer, whose axes these are."""
        maps, box = self._maps.pop(image, None), self._boxes.pop(image, ())
        written = self._written.pop(image, {})
        if maps is None or not isinstance(layer, Labels):
            return
        linked = "Z" * settings.link_slices + "T" * settings.link_frames
        leading = axes[: len(axes) - record.network.ndim]
        objects = settings.objects.over(record.objects)
        directed = record.network.is_directed
        keep_maps(
            layer,
            KeptMaps(maps, leading, linked, objects, box[: len(leading)] or None, directed),
            {tuple(at for at, _ in region[: len(leading)]): value for region, value in written.items()},
        )

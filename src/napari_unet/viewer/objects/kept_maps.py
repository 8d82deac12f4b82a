"""The maps that a prediction's objects were found in, kept as long as its layer, to find them again otherwise."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.inference.objects import LARGEST_AT_ONCE, decode
from napari_unet.objects.basins import Basins, find_basins
from napari_unet.objects.decoding import cut
from napari_unet.objects.stack import link_planes, linked_axes, plane_settings
from napari_unet.settings import ObjectSettings

LARGEST = 1 << 30
"""Bytes of maps that are kept at most."""

_BASINS = 8
"""Planes whose basins are kept."""

Position = tuple[int, ...]


@dataclass(eq=False)
class KeptMaps:
    """Maps of all planes of a layer.

    Attributes
    ----------
    maps : ndarray of uint8, (2, *shape of the layer)
        Foreground and height.
    leading : str
        Axes of the layer before the spatial ones.
    linked : str
        Of ``"ZT"`` those along which objects are linked.
    settings : ObjectSettings
        With which the objects of the layer were found last.
    box : Box, optional
        What was predicted, along the leading axes, if not everything: the rest of the layer is left as it is.
    """

    maps: NDArray[np.uint8]
    leading: str
    linked: str
    settings: ObjectSettings
    box: Box | None = None
    _basins: dict[Position, Basins] = field(default_factory=dict)
    _written: dict[Position, int] = field(default_factory=dict)

    @property
    def positions(self) -> list[Position]:
        """Of all planes that were predicted, along the leading axes."""
        return list(product(*(range(*bounds) for bounds in self._box)))

    @property
    def _box(self) -> Box:
        return self.box or tuple((0, size) for size in self.maps.shape[1 : 1 + len(self.leading)])

    def find(self, position: Position, settings: ObjectSettings) -> NDArray[np.int32]:
        """Find the objects of one plane; quick when it was asked for before."""
        key: Any = (slice(None), *position)
        foreground, height = self.maps[key]
        if foreground.size > LARGEST_AT_ONCE:
            return decode(self.maps[key], settings)
        basins = self._basins.pop(position, None) or find_basins(foreground, height)
        self._basins[position] = basins  # the last asked for last
        if len(self._basins) > _BASINS:
            del self._basins[next(iter(self._basins))]
        return cut(basins, foreground, settings)

    def finding(self, settings: ObjectSettings) -> Generator[float, None, NDArray[np.int32]]:
        """Find the objects of all planes and link them; yields the fraction done."""
        found = np.zeros(self.maps.shape[1:], np.int32)
        positions = self.positions
        predicted = found[tuple(slice(*bounds) for bounds in self._box)]
        linked = linked_axes(self.leading, predicted.shape, self.linked)
        for done, position in enumerate(positions):
            found[position] = self.find(position, plane_settings(settings, linked))
            yield (done + 1) / (len(positions) + 1)
        link_planes(predicted, self.leading, linked, settings)
        return found

    def note(self, position: Position, objects: Any) -> None:
        """Take note of what was written into the layer."""
        self._written[position] = _checksum(objects)

    def is_untouched(self, data: Any, position: Position | None = None) -> bool:
        """Whether the layer, or one plane of it, still holds what was written."""
        positions = self._written if position is None else [position]
        return all(_checksum(data[at]) == self._written.get(at) for at in positions)


_KEPT: WeakKeyDictionary[Labels, KeptMaps] = WeakKeyDictionary()


def keep_maps(layer: Labels, kept: KeptMaps) -> None:
    """Keep maps as long as their layer is there."""
    for position in kept.positions:
        kept.note(position, layer.data[position])
    _KEPT[layer] = kept


def maps_of(layer: Labels | None) -> KeptMaps | None:
    """The maps of a layer, if they were kept."""
    return None if layer is None else _KEPT.get(layer)


def _checksum(objects: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(objects).data)

"""The maps that a prediction's objects were found in, kept as long as its layer, to find them again otherwise."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from napari.utils.events import EventEmitter
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.inference.objects import LARGEST_AT_ONCE, decode
from napari_unet.objects.basins import Basins, find_basins
from napari_unet.objects.decoding import Fragments, assemble, find_fragments
from napari_unet.objects.stack import count_objects, linked_axes, linking_planes, plane_settings
from napari_unet.settings import ObjectSettings
from napari_unet.viewer.objects.plane_cache import PlaneCache, Position

LARGEST = 1 << 30
"""Bytes of maps that are kept at most."""

BASINS = 1 << 25
"""Pixels whose basins are kept, for another foreground: 8 planes of 2048², at 4 bytes a pixel."""

FRAGMENTS = 1 << 23
"""Runs of pixels that are kept, for any other change: 37 planes of 2048² with 5000 objects, at 12 bytes a run."""


@dataclass(frozen=True, eq=False)
class Found:
    """The objects of all planes of a layer.

    Attributes
    ----------
    data : ndarray of int32
        Of the layer's shape; 0 where nothing was predicted.
    checksums : dict
        Of every plane that was predicted, by its position.
    n : int
        How many objects there are.
    """

    data: NDArray[np.int32]
    checksums: Mapping[Position, int]
    n: int


@dataclass(eq=False)
class KeptMaps:
    """Maps of all planes of a layer.

    Attributes
    ----------
    maps : ndarray of uint8, (2, *shape of the layer)
        Foreground, and heights or directions.
    leading : str
        Axes of the layer before the spatial ones.
    linkable : str
        Of ``"ZT"`` those along which objects are linked where there is more than one plane.
    settings : ObjectSettings
        With which the objects of the layer were found last.
    box : Box, optional
        What was predicted, along the leading axes, if not everything: the rest of the layer is left as it is.
    directed : bool
        Whether the second map holds directions.
    """

    maps: NDArray[np.uint8]
    leading: str
    linkable: str
    settings: ObjectSettings
    box: Box | None = None
    directed: bool = False
    _basins: PlaneCache[Basins] = field(default_factory=lambda: PlaneCache(BASINS, _pixels))
    _fragments: PlaneCache[Fragments] = field(default_factory=lambda: PlaneCache(FRAGMENTS, _runs))
    _written: dict[Position, int] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the layer."""
        return self.maps.shape[1:]

    @property
    def positions(self) -> list[Position]:
        """Of all planes that were predicted, along the leading axes."""
        return list(product(*(range(*bounds) for bounds in self._box)))

    @property
    def linked(self) -> str:
        """The axes along which objects are linked."""
        sides = tuple(stop - start for start, stop in self._box)
        return linked_axes(self.leading, sides, self.linkable)

    @property
    def _box(self) -> Box:
        return self.box or tuple((0, size) for size in self.shape[: len(self.leading)])

    # any thread

    def get_ready(self, position: Position) -> None:
        """Find out what is needed of a plane, with this foreground or another, before it is asked for."""
        if self._plane(position)[0].size <= LARGEST_AT_ONCE:
            self._basins_of(position, in_view=True)
            self._fragments_of(position, self.settings, in_view=True)

    def find(self, position: Position, settings: ObjectSettings, in_view: bool = True) -> NDArray[np.int32]:
        """Find the objects of one plane; quick when it was asked for before, quicker with the same foreground."""
        maps = self._plane(position)
        if maps[0].size > LARGEST_AT_ONCE:
            return decode(maps, settings, self.directed)
        return assemble(self._fragments_of(position, settings, in_view), settings)

    def finding(self, settings: ObjectSettings) -> Generator[float, None, Found]:
        """Find the objects of all planes and link them; yields the fraction done."""
        data = np.zeros(self.shape, np.int32)
        positions = self.positions
        linked = self.linked
        alone = plane_settings(settings, linked)
        for done, position in enumerate(positions):
            data[position] = self.find(position, alone, in_view=False)
            yield (0.5 if linked else 1.0) * (done + 1) / len(positions)
        predicted = data[tuple(slice(*bounds) for bounds in self._box)]
        for fraction in linking_planes(predicted, self.leading, linked, settings):
            yield 0.5 + 0.5 * fraction
        largest = np.array([data[at].max(initial=0) for at in positions])
        n = count_objects(largest.reshape(predicted.shape[: len(self.leading)]), self.leading, linked)
        return Found(data, {at: checksum(data[at]) for at in positions}, n)

    def checking(self, data: Any) -> Generator[float, None, bool]:
        """Find out whether a layer with this data still holds what was written; yields between planes."""
        for position in self._written:
            if not self.is_untouched(data, position):
                return False
            yield 0.0
        return True

    def completing(self, found: NDArray[np.int32], data: Any) -> Generator[float, None, bool]:
        """The same as :meth:`checking`; then take over into ``found`` what the data hold beyond the prediction."""
        if not (yield from self.checking(data)):
            return False
        predicted = set(self.positions)
        for position in np.ndindex(*self.shape[: len(self.leading)]):
            if position not in predicted:
                found[position] = data[position]
                yield 0.0
        return True

    def is_untouched(self, data: Any, position: Position) -> bool:
        """Whether one plane still holds what was written."""
        return tuple(data.shape) == self.shape and checksum(data[position]) == self._written.get(position)

    def note(self, written: Mapping[Position, int]) -> None:
        """Take note of what was written into the layer: the checksum of each plane."""
        self._written.update(written)

    def _plane(self, position: Position) -> NDArray[np.uint8]:
        key: Any = (slice(None), *position)
        return self.maps[key]

    def _basins_of(self, position: Position, in_view: bool) -> Basins:
        foreground, relief = self._plane(position)
        return self._basins.get(position, lambda: find_basins(foreground, relief, self.directed), in_view)

    def _fragments_of(self, position: Position, settings: ObjectSettings, in_view: bool) -> Fragments:
        def find() -> Fragments:
            return find_fragments(self._basins_of(position, in_view), self._plane(position)[0], settings)

        def fits(kept: Fragments) -> bool:
            return kept.foreground == settings.foreground

        return self._fragments.get(position, find, in_view, fits)


_KEPT: WeakKeyDictionary[Labels, KeptMaps] = WeakKeyDictionary()

MAPS_KEPT = EventEmitter(type_name="maps_kept")
"""Emits the ``layer`` that maps are kept of from now on."""


def keep_maps(layer: Labels, kept: KeptMaps, written: Mapping[Position, int]) -> None:
    """Keep maps as long as their layer is there.

    Parameters
    ----------
    layer : Labels
        Whose objects were found in them.
    kept : KeptMaps
        The maps.
    written : dict
        Checksum of what was written into each plane that was predicted, whatever it holds by now.
    """
    kept.note(written)
    _KEPT[layer] = kept
    MAPS_KEPT(layer=layer)


def maps_of(layer: Labels | None) -> KeptMaps | None:
    """The maps of a layer, if they were kept."""
    return None if layer is None else _KEPT.get(layer)


def checksum(objects: Any) -> int:
    """Of the objects of a plane, int32."""
    return zlib.crc32(np.ascontiguousarray(objects).data)


def _pixels(basins: Basins) -> int:
    return basins.labels.size


def _runs(fragments: Fragments) -> int:
    return len(fragments.runs.starts)

"""Objects of a plane or volume that is larger than memory, block by block: exactly those found in the whole.

Nothing is matched across seams by how much it overlaps. Each block yields a piece of the same graphs that the whole
yields: pixels climb through their block until they end on a top or in the neighbouring block, which knows how they go
on; passes lie between neighbouring pixels, whichever block these are in; connected regions are parts that touch across
seams. Put together and numbered in the order of first pixels, the graphs are those of the whole, so the objects are.

In memory are one block, what is known of the pixels along the seams, and the graphs. The runs of the blocks' rows wait
in a temporary file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import IO

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError, StorageError
from napari_unet.events import Box
from napari_unet.objects.ascent import (
    FRAME,
    HALO,
    Passes,
    climb,
    components,
    core_of,
    followed,
    ranks,
)
from napari_unet.objects.basins import check_maps, span
from napari_unet.objects.crests import Crests
from napari_unet.objects.decoding import inside, objects_of
from napari_unet.objects.regions import Regions, Runs, find_regions, find_runs, join, settle, summed
from napari_unet.objects.seams import Seams, in_image
from napari_unet.objects.terrain import Terrain, terrain_of
from napari_unet.settings import ObjectSettings

Read = Callable[[Box], tuple[NDArray[np.uint8], NDArray[np.uint8]]]
"""The two maps of a box."""

Write = Callable[[Box, NDArray[np.int32]], None]


def decode_blocks(
    read: Read,
    write: Write,
    shape: Sequence[int],
    settings: ObjectSettings,
    core: int,
    directed: bool = False,
) -> int:
    """Find the objects of maps that are read block by block.

    Parameters
    ----------
    read : callable
        Gives both maps, uint8, of a box of up to ``core + 6`` pixels along each axis. Once per block.
    write : callable
        Takes the objects of a box, int32; each pixel once.
    shape : sequence of int
        Of the plane (Y, X) or volume (Z, Y, X).
    settings : ObjectSettings
        How objects are found.
    core : int
        Side of a block, in pixels. It changes the memory and the time that are needed, and nothing else.
    directed : bool
        Whether the second map holds directions instead of heights, see :func:`.basins.find_basins`.

    Returns
    -------
    int
        How many objects there are. They have the numbers that :func:`napari_unet.objects.decoding.cut` gives them.

    Raises
    ------
    InputError
        If blocks have no size, or ``read`` gives something else than two maps of the box.
    StorageError
        If the temporary folder is full.
    """
    if core < 1:
        raise InputError(f"Blocks of {core} pixels cannot be decoded.", "Choose at least 1, better 1024.")
    sides = tuple(int(side) for side in shape)
    if not prod(sides):
        return 0
    boxes = [
        tuple((start, min(start + core, side)) for start, side in zip(corner, sides, strict=True))
        for corner in product(*(range(0, side, core) for side in sides))
    ]
    with tempfile.TemporaryFile() as basins_file, tempfile.TemporaryFile() as regions_file:
        slopes = _Slopes(sides, core, terrain_of(directed))
        for box in boxes:
            _store(basins_file, slopes.add(box, *_read(read, box, sides), settings))
        basins_file.seek(0)
        objects = slopes.objects(settings)
        parts = _Parts(sides, core)
        for box, table in zip(boxes, objects, strict=True):
            _store(regions_file, parts.add(box, _load(basins_file, box).relabelled(table)))
        regions_file.seek(0)
        n = 0
        for box, table in zip(boxes, parts.settled(settings), strict=True):
            write(box, _load(regions_file, box).paint(table))
            n = max(n, int(table.max(initial=0)))
    return n


class _Slopes:
    """First pass: where pixels climb to within their block, and then beyond it."""

    def __init__(self, shape: tuple[int, ...], core: int, terrain: Terrain) -> None:
        self._shape, self._terrain = shape, terrain
        self._seams, self._crests = Seams(shape, core), Crests(shape)
        self._offsets = [0]
        # Of every end of every block, and of "outside" as the first of each block:
        self._pixels: list[NDArray[np.int64]] = []
        self._peaks: list[NDArray[np.float64]] = []
        self._inner: list[NDArray[np.bool_]] = []
        self._sizes: list[NDArray[np.int64]] = []
        self._passes: list[Passes] = []

    def add(
        self, box: Box, foreground: NDArray[np.uint8], relief: NDArray[np.uint8], settings: ObjectSettings
    ) -> Runs:
        """Take the maps of a block and its halo; returns the runs of what is in the foreground, by end."""
        missing = [
            (max(0, HALO - a), max(0, b + HALO - side)) for (a, b), side in zip(box, self._shape, strict=True)
        ]
        framed = self._terrain.framed(foreground, relief, missing)
        code = self._terrain.steps(framed)
        ascent = climb(framed, code)
        offset = self._offsets[-1]
        one, other, met = self._terrain.passes(ascent.ends, framed)
        self._passes.append((one + offset, other + offset, met))
        around = tuple((a - FRAME, b + FRAME) for a, b in box)
        pixels = np.zeros(len(ascent) + 1, np.int64)
        pixels[1:] = in_image(ascent.pixels[1:], around, framed.shape, self._shape)
        self._pixels.append(pixels)
        self._peaks.append(self._terrain.peaks(framed, ascent.pixels))
        self._inner.append(ascent.inner)
        self._crests.add(around, code, ascent, offset)
        ends = core_of(ascent.ends)
        self._seams.add(box, ends, offset)
        halo = tuple(
            slice(HALO - before, HALO - before + b - a)
            for (a, b), (before, _) in zip(box, missing, strict=True)
        )
        inner = foreground[halo]
        runs = find_runs(inside(ends, inner, settings), inner)
        self._sizes.append(runs.sizes(len(ascent) + 1))
        self._offsets.append(offset + len(ascent) + 1)
        return runs

    def objects(self, settings: ObjectSettings) -> list[NDArray[np.int32]]:
        """By block: the number of the object of each end."""
        self._seams.sort()
        pixels, is_top = np.concatenate(self._pixels), np.concatenate(self._inner)
        crest, numbers, (one, other) = self._crests.found()
        # Of a circle that goes on beyond, which has no first pixel here yet.
        pixels[numbers[~is_top[numbers]]] = np.iinfo(np.int64).max
        np.minimum.at(pixels, numbers, crest)
        is_top[numbers] = True
        onwards = np.arange(len(pixels))
        leaving = ~is_top
        leaving[self._offsets[:-1]] = False
        onwards[leaving] = self._seams.numbers_at(pixels[leaving])
        onwards, _ = followed(onwards)
        group, n = components(len(pixels), one, other)
        number = ranks(n, group[is_top], pixels[is_top])
        basin = number[group][onwards]
        peaks = np.zeros(int(number.max(initial=0)) + 1)
        peaks[basin[is_top]] = np.concatenate(self._peaks)[is_top]
        first, second, met = (np.concatenate(part) for part in zip(*self._passes, strict=True))
        first, second = basin[first], basin[second]
        apart = first != second
        first, second, met = self._terrain.united((first[apart], second[apart], met[apart]))
        sizes = np.bincount(basin, weights=np.concatenate(self._sizes), minlength=len(peaks))
        forest = span(peaks, first, second, self._terrain.levels(met))
        found = objects_of(forest.merged(sizes, settings))[basin]
        return [found[a:b] for a, b in zip(self._offsets[:-1], self._offsets[1:], strict=True)]


class _Parts:
    """Second pass: regions of blocks, and across their seams."""

    def __init__(self, shape: tuple[int, ...], core: int) -> None:
        self._shape = shape
        self._seams = Seams(shape, core)
        self._offsets = [0]
        self._regions: list[Regions] = []

    def add(self, box: Box, runs: Runs) -> Runs:
        """Take the objects of a block, as runs; returns the runs of its regions."""
        ends = [(a == 0, b == side) for (a, b), side in zip(box, self._shape, strict=True)]
        regions, painted = find_regions(runs, ends)
        offset = self._offsets[-1]
        one, other, length = summed(regions.contacts)
        firsts = in_image(regions.firsts, box, runs.shape, self._shape)
        contacts = (one + offset, other + offset, length)
        self._regions.append(replace(regions, firsts=firsts, contacts=contacts))
        self._seams.add(box, painted.paint(np.arange(len(regions))), offset)
        self._offsets.append(offset + len(regions))
        return painted

    def settled(self, settings: ObjectSettings) -> list[NDArray[np.int32]]:
        """By block: the number that each region has in the end."""
        self._seams.sort()
        labels = np.concatenate([r.labels for r in self._regions])
        alike: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        contacts = [r.contacts for r in self._regions]
        for here, there, straight in self._seams.neighbours():
            one, other = self._seams.numbers[here], self._seams.numbers[there]
            same = labels[one] == labels[other]
            joined = same if straight else same & (labels[one] == 0)
            alike.append((one[joined], other[joined]))
            if straight:
                contacts.append(summed((one[~same], other[~same], np.ones(int((~same).sum()), np.int64))))
        first, second, length = (np.concatenate(part) for part in zip(*contacts, strict=True))
        parts = Regions(
            labels=labels,
            sizes=np.concatenate([r.sizes for r in self._regions]),
            summits=np.concatenate([r.summits for r in self._regions]),
            firsts=np.concatenate([r.firsts for r in self._regions]),
            outermost=np.concatenate([r.outermost for r in self._regions]),
            contacts=(first, second, length),
        )
        whole, number = join(parts, *(np.concatenate(part) for part in zip(*alike, strict=True)))
        found = settle(whole, settings)[number]
        return [found[a:b] for a, b in zip(self._offsets[:-1], self._offsets[1:], strict=True)]


def _read(read: Read, box: Box, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The maps of a block and what there is around it."""
    around = tuple((max(0, a - HALO), min(b + HALO, side)) for (a, b), side in zip(box, shape, strict=True))
    foreground, relief = read(around)
    check_maps(foreground, relief)
    wanted = tuple(b - a for a, b in around)
    if foreground.shape != wanted:
        raise InputError(f"The maps of a block have the shape {foreground.shape}; {wanted} was asked for.")
    return foreground, relief


def _store(file: IO[bytes], runs: Runs) -> None:
    try:
        for array in (runs.starts, runs.values, runs.summits):
            np.save(file, array, allow_pickle=False)
    except OSError as error:
        raise StorageError(
            f"The temporary folder {tempfile.gettempdir()} has no room for what is known of the objects so far.",
            "Make room there, or set TMPDIR to a folder on a larger disk.",
        ) from error


def _load(file: IO[bytes], box: Box) -> Runs:
    starts, values, summits = (np.load(file, allow_pickle=False) for _ in range(3))
    return Runs(tuple(b - a for a, b in box), starts, values, summits)

"""Patches from annotated places, read piece by piece from images of any size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import AnnotationError
from napari_unet.events import Box
from napari_unet.images import AnnotatedImage, IntensityStatistics
from napari_unet.labels import IGNORE, Annotation
from napari_unet.training.coverage import Plane, blocks, clear, read_classes, read_objects

CACHE_BYTES = 512 << 20
_BLOCK = {2: 512, 3: 96}
_ANCHORS = 1 << 19
"""Annotated pixels remembered over all planes and classes as places to put patches."""

_MANY_NUMBERS = 1 << 14


@dataclass(frozen=True, eq=False)
class Patch:
    """One piece of an image.

    Attributes
    ----------
    image : ndarray of float32, (C, *spatial)
        Normalised; mirrored beyond the image's edge.
    classes : ndarray of int16, int32 or int64, (*spatial)
        Class indices; ignored beyond the image's edge. int32 where border weights are packed with them, int64 where
        they are the numbers of objects; large ones are replaced, so that they are equal within a patch only.
    """

    image: NDArray[np.float32]
    classes: NDArray[np.signedinteger]


class ReadsPatches(Protocol):
    """What a sampler draws from."""

    def read(self, plane: Plane, region: Box) -> Patch:
        """Read a spatial region of a plane; it may reach beyond the plane on any side."""
        ...


class PatchReader:
    """Normalised pieces of a request's images, with the blocks they come from kept as far as memory is set aside.

    Parameters
    ----------
    images : sequence of AnnotatedImage
        The request's images.
    statistics : sequence of IntensityStatistics
        One per image.
    annotation : Annotation
        What the labels mean.
    ndim : int
        Spatial dimensions.
    cache_bytes : int
        Memory for blocks.

    Attributes
    ----------
    numbered : bool
        Whether the annotation is of objects: patches then hold their numbers instead of class indices.
    """

    def __init__(
        self,
        images: Sequence[AnnotatedImage],
        statistics: Sequence[IntensityStatistics],
        annotation: Annotation,
        ndim: int = 2,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.numbered = annotation.kind == "objects"
        self._images = images
        self._statistics = statistics
        self._annotation = annotation
        self._side = _BLOCK[ndim]
        self._cache: OrderedDict[tuple[int, Box], Patch] = OrderedDict()
        self._free = cache_bytes

    def read(self, plane: Plane, region: Box) -> Patch:
        """Read a spatial region of a plane; it may reach beyond the plane on any side."""
        inside = tuple(
            (max(low, 0), min(high, size)) for (low, high), size in zip(region, plane.shape, strict=True)
        )
        image, classes = self._inside(plane, inside)
        pads = [(a - low, high - b) for (low, high), (a, b) in zip(region, inside, strict=True)]
        if any(map(any, pads)):
            image = np.pad(image, [(0, 0), *pads], mode="symmetric")
            classes = np.pad(classes, pads, constant_values=IGNORE)
        return Patch(image, _small(classes) if self.numbered else classes)

    def _inside(self, plane: Plane, region: Box) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
        size = tuple(high - low for low, high in region)
        channels = len(self._statistics[plane.image].offset)
        image = np.empty((channels, *size), np.float32)
        classes = np.empty(size, np.int64 if self.numbered else np.int16)
        cells = product(*(range(low // self._side, -(-high // self._side)) for low, high in region))
        for cell in cells:
            bounds = tuple(
                (c * self._side, min((c + 1) * self._side, full))
                for c, full in zip(cell, plane.shape, strict=True)
            )
            common = [(max(a, low), min(b, high)) for (a, b), (low, high) in zip(bounds, region, strict=True)]
            to = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(common, region, strict=True))
            of = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(common, bounds, strict=True))
            block = self._block(plane, bounds)
            image[(slice(None), *to)] = block.image[(slice(None), *of)]
            classes[to] = block.classes[of]
        return image, classes

    def _block(self, plane: Plane, bounds: Box) -> Patch:
        box = plane.box(bounds)
        key = plane.image, box
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        size = [high - low for low, high in bounds]
        annotated = self._images[plane.image]
        raw = annotated.image.read(box)
        image = self._statistics[plane.image].apply(raw.reshape(len(raw), *size))
        classes: NDArray[np.signedinteger]
        classes = (
            read_objects(annotated, box) if self.numbered else read_classes(annotated, self._annotation, box)
        )
        classes = classes.reshape(size)
        block = Patch(image, classes)
        self._cache[key] = block
        self._free -= image.nbytes + classes.nbytes
        while self._free < 0 and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._free += oldest.image.nbytes + oldest.classes.nbytes
        return block


@dataclass(frozen=True, eq=False)
class ClassReader:
    """Reads patches of an annotation of objects as classes: 0 outside, 1 inside."""

    reader: PatchReader

    def read(self, plane: Plane, region: Box) -> Patch:
        """Read a spatial region of a plane; it may reach beyond the plane on any side."""
        patch = self.reader.read(plane, region)
        return Patch(patch.image, as_classes(patch.classes, self.reader.numbered))


def as_classes(numbers: NDArray[np.signedinteger], numbered: bool = True) -> NDArray[np.signedinteger]:
    """Class index of every pixel: of numbered objects 0 outside, 1 inside, -1 unknown."""
    return np.minimum(numbers, 1) if numbered else numbers


@dataclass(frozen=True, eq=False)
class _Anchors:
    """Remembered annotated pixels of one class in one plane, and how many there are in truth."""

    plane: Plane
    places: NDArray[np.int32]
    count: int


class PatchSampler:
    """Random patches around annotated pixels, without the labels that are held out.

    Half of the time a class is drawn in proportion to its pixels, otherwise any with equal chance, so that a rare
    one is seen; then one of its pixels, then a patch that holds it: anywhere in the patch for masks and objects, in
    its central half for scribbles, where little else may be annotated.

    Parameters
    ----------
    reader : ReadsPatches
        Where patches are read.
    images : sequence of AnnotatedImage
        The request's images.
    annotation : Annotation
        What the labels mean.
    planes : sequence of Plane
        What is annotated.
    excluded : sequence of sequence of Box
        Per image, the held-out regions with their guard.
    seed : int
        Start of the random numbers.

    Attributes
    ----------
    class_counts : list of int
        Annotated pixels of every class that are not held out.
    """

    def __init__(
        self,
        reader: ReadsPatches,
        images: Sequence[AnnotatedImage],
        annotation: Annotation,
        planes: Sequence[Plane],
        excluded: Sequence[Sequence[Box]],
        seed: int,
    ) -> None:
        self._reader = reader
        self._excluded = excluded
        self._random = np.random.default_rng(seed)
        self._spread = 0.5 if annotation.kind == "scribbles" else 1.0
        n_classes = len(annotation.classes)
        self._anchors: list[list[_Anchors]] = [[] for _ in range(n_classes)]
        limit = max(1, _ANCHORS // (len(planes) * n_classes))
        for plane in planes:
            for index, anchors in enumerate(self._find(images, annotation, plane, limit)):
                if anchors.count:
                    self._anchors[index].append(anchors)
        self.class_counts = [sum(a.count for a in group) for group in self._anchors]
        totals = np.array(self.class_counts, float)
        if not totals.any():
            raise AnnotationError(
                "All labels lie in regions held out to score the model to start from, so none are left to learn from.",
                "Label something outside of the held-out regions.",
            )
        self._class_odds = 0.5 * totals / totals.sum() + 0.5 * (totals > 0) / np.count_nonzero(totals)
        self._plane_odds = [
            np.array([a.count for a in group], float) / max(total, 1)
            for group, total in zip(self._anchors, totals, strict=True)
        ]

    def draw(self, size: tuple[int, ...], source: tuple[int, ...]) -> Patch:
        """Draw a patch of ``size``, with surroundings up to ``source`` pixels in all."""
        group = int(self._random.choice(len(self._class_odds), p=self._class_odds))
        anchors = self._anchors[group][
            int(self._random.choice(len(self._plane_odds[group]), p=self._plane_odds[group]))
        ]
        place = anchors.places[self._random.integers(len(anchors.places))]
        plane = anchors.plane
        starts = [
            self._start(int(at), side, full) for at, side, full in zip(place, size, plane.shape, strict=True)
        ]
        region = tuple(
            (start - (wide - side) // 2, start - (wide - side) // 2 + wide)
            for start, side, wide in zip(starts, size, source, strict=True)
        )
        patch = self._reader.read(plane, region)
        leading = (None,) * len(plane.position)
        clear(patch.classes[leading], plane.box(region), self._excluded[plane.image], IGNORE)
        return patch

    def batch(
        self, n: int, size: tuple[int, ...], source: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
        """Draw ``n`` patches: images (N, C, *source) and class indices (N, *source)."""
        drawn = [self.draw(size, source) for _ in range(n)]
        return np.stack([p.image for p in drawn]), np.stack([p.classes for p in drawn])

    def _start(self, place: int, side: int, full: int) -> int:
        """Start of a patch that holds ``place``, moved into the image where it fits."""
        offset = side * (0.5 + self._spread * (self._random.random() - 0.5))
        start = round(place - offset)
        if side >= full:
            return (full - side) // 2
        return min(max(start, 0), full - side)

    def _find(
        self, images: Sequence[AnnotatedImage], annotation: Annotation, plane: Plane, limit: int
    ) -> list[_Anchors]:
        """Per class, a random choice of at most ``limit`` of its pixels (reservoir over blocks)."""
        n_classes, ndim = len(annotation.classes), len(plane.shape)
        counts = [0] * n_classes
        kept: list[tuple[NDArray[np.float64], NDArray[np.int32]]] = [
            (np.empty(0), np.empty((0, ndim), np.int32)) for _ in range(n_classes)
        ]
        for region in blocks(plane.shape, 2048):
            box = plane.box(region)
            classes = read_classes(images[plane.image], annotation, box)
            classes = classes.reshape([high - low for low, high in region])
            clear(classes[(None,) * len(plane.position)], box, self._excluded[plane.image], IGNORE)
            for index in range(n_classes):
                flat = np.flatnonzero(classes == index)
                counts[index] += len(flat)
                keys = self._random.random(len(flat))
                if len(flat) > limit:
                    chosen = np.argpartition(keys, limit)[:limit]
                    flat, keys = flat[chosen], keys[chosen]
                found = np.stack(np.unravel_index(flat, classes.shape), axis=1)
                places = (found + [low for low, _ in region]).astype(np.int32)
                keys = np.concatenate([kept[index][0], keys])
                places = np.concatenate([kept[index][1], places])
                order = np.argsort(keys)[:limit]
                kept[index] = keys[order], places[order]
        return [_Anchors(plane, places, count) for (_, places), count in zip(kept, counts, strict=True)]


def _small(classes: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    """Numbers of objects, which may be large, as numbers that float32 can hold and a table can have rows for."""
    if not classes.size or classes.max() < _MANY_NUMBERS:
        return classes
    values, numbered = np.unique(classes, return_inverse=True)
    return np.asarray(numbered.reshape(classes.shape) - np.searchsorted(values, 0), np.int64)

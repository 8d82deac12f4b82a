"""Patches of images of any size, read piece by piece."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.images import AnnotatedImage, IntensityStatistics
from napari_unet.labels import IGNORE, Annotation
from napari_unet.training.coverage import Plane, read_classes, read_objects

UNSEEN = -2
"""Class of pixels that nothing is learnt from, in whatever way: held out, beside those, or outside of the image."""

CACHE_BYTES = 512 << 20
_BLOCK = {2: 512, 3: 96}
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

    def forget(self, image: int, box: Box) -> None:
        """Read a region of an image anew when it is next needed: its labels have changed."""
        for key in list(self._cache):
            if key[0] == image and all(a < d and c < b for (a, b), (c, d) in zip(key[1], box, strict=True)):
                old = self._cache.pop(key)
                self._free += old.image.nbytes + old.classes.nbytes

    def _inside(self, plane: Plane, region: Box) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
        size = tuple(high - low for low, high in region)
        channels = len(self._statistics[plane.image].offset)
        image = np.empty((channels, *size), np.float32)
        classes = np.empty(size, np.int64 if self.numbered else np.int16)
        for cell in grid_cells(region, self._side, plane.shape):
            block = self._block(plane, cell.bounds)
            image[(slice(None), *cell.to)] = block.image[(slice(None), *cell.of)]
            classes[cell.to] = block.classes[cell.of]
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


class GridCell(NamedTuple):
    """What a region has of a cell of a grid.

    Attributes
    ----------
    at : tuple of int
        Row, column and so on of the cell.
    bounds : Box
        Of the cell, which ends where the plane does.
    of, to : tuple of slice
        Which part of the cell is in the region, and where in the region that lies.
    """

    at: tuple[int, ...]
    bounds: Box
    of: tuple[slice, ...]
    to: tuple[slice, ...]


def grid_cells(region: Box, side: int, shape: tuple[int, ...]) -> Iterator[GridCell]:
    """Cells of a grid over a plane that a region touches; it may reach beyond the plane on any side."""
    inside = [(max(low, 0), min(high, full)) for (low, high), full in zip(region, shape, strict=True)]
    for at in product(*(range(low // side, -(-high // side)) for low, high in inside)):
        bounds = tuple((i * side, min((i + 1) * side, full)) for i, full in zip(at, shape, strict=True))
        common = [(max(a, low), min(b, high)) for (a, b), (low, high) in zip(bounds, inside, strict=True)]
        of = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(common, bounds, strict=True))
        to = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(common, region, strict=True))
        yield GridCell(at, bounds, of, to)


def as_classes(numbers: NDArray[np.signedinteger], numbered: bool = True) -> NDArray[np.signedinteger]:
    """Class index of every pixel: of numbered objects 0 outside, 1 inside, -1 unknown."""
    return np.minimum(numbers, 1) if numbered else numbers


def _small(classes: NDArray[np.signedinteger]) -> NDArray[np.signedinteger]:
    """Numbers of objects, which may be large, as numbers that float32 can hold and a table can have rows for."""
    if not classes.size or classes.max() < _MANY_NUMBERS:
        return classes
    values, numbered = np.unique(classes, return_inverse=True)
    small = numbered.reshape(classes.shape) - np.searchsorted(values, 0)
    if 0 not in values:
        small += classes > 0  # the first of them is no background
    return np.asarray(small, np.int64)

"""Which patches are learnt from: drawn at random around annotated pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import AnnotationError
from napari_unet.events import Box
from napari_unet.images import AnnotatedImage
from napari_unet.labels import IGNORE, Annotation
from napari_unet.training.coverage import Plane, blocks, clear, read_classes
from napari_unet.training.patches import UNSEEN, Patch, ReadsPatches

_ANCHORS = 1 << 19
"""Annotated pixels remembered over all planes and classes as places to put patches."""


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
        clear(patch.classes[leading], plane.box(region), self._excluded[plane.image], UNSEEN)
        clear(patch.classes, region, outside(region, plane.shape), UNSEEN)
        return patch

    def batch(
        self, n: int, size: tuple[int, ...], source: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
        """Draw ``n`` patches: images (N, C, *source), class indices or :data:`UNSEEN` (N, *source)."""
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


def outside(region: Box, shape: tuple[int, ...]) -> list[Box]:
    """Where a region reaches beyond an image, which shows there what it mirrors."""
    beyond = []
    for axis, ((low, high), full) in enumerate(zip(region, shape, strict=True)):
        for part in ((low, min(high, 0)), (max(low, full), high)):
            if part[0] < part[1]:
                beyond.append((*region[:axis], part, *region[axis + 1 :]))
    return beyond

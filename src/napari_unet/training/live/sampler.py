"""Patches around strokes that keep coming."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.images import AnnotatedImage, Image, IntensityStatistics
from napari_unet.labels import Annotation
from napari_unet.labels.painted import PaintedLabels
from napari_unet.models.examples import Example
from napari_unet.training.coverage import Plane, clear
from napari_unet.training.examples import Learnt
from napari_unet.training.live.areas import Area
from napari_unet.training.live.teacher import Places, Teacher
from napari_unet.training.patches import UNSEEN, Patch, PatchReader
from napari_unet.training.rehearsal import earlier_sampler, share_of_earlier
from napari_unet.training.sampling import outside

SPREAD = 0.5
"""Part of a patch, around its middle, in which the stroke lies that it was drawn for."""

NEWEST = 96
"""Patches drawn after something was painted of which every second one shows that: a correction is to tell soon."""


class LiveSampler:
    """Random patches around what is painted by now, every class equally often; may be used from two threads.

    What was painted last is drawn more often for a while.

    Attributes
    ----------
    teacher : Teacher, optional
        Where it has answers, they are drawn with the patches.
    anywhere : float
        Part of the patches that are drawn for its answers, wherever those are.

    Parameters
    ----------
    images : sequence of Image
        What is painted on.
    statistics : sequence of IntensityStatistics
        One per image.
    annotation : Annotation
        The classes.
    seed : int
        Start of the random numbers.
    earlier : sequence of Example
        Annotated pieces of other images, of earlier sessions, that are learnt from too.
    """

    def __init__(
        self,
        images: Sequence[Image],
        statistics: Sequence[IntensityStatistics],
        annotation: Annotation,
        seed: int,
        earlier: Sequence[Example] = (),
    ) -> None:
        self._statistics = statistics
        self._seed = seed
        self._earlier = earlier
        self._random = np.random.default_rng(seed)
        self._lock = Lock()
        self._newest: tuple[int, NDArray[np.int32]] | None = None
        self._n_newest = 0
        self._labels = [PaintedLabels(image.label_shape) for image in images]
        self._annotated = [
            AnnotatedImage(image, labels) for image, labels in zip(images, self._labels, strict=True)
        ]
        self.teacher: Teacher | None = None
        self.anywhere = 0.0
        self.use(annotation)

    def use(self, annotation: Annotation) -> None:
        """Let painted values mean these classes from now on."""
        with self._lock:
            self._annotation = annotation
            self._reader = PatchReader(self._annotated, self._statistics, annotation)
            self._earlier_sampler = earlier_sampler(self._earlier, annotation, 2, self._seed)
            self._find()

    def paint(self, image: int, region: Box, labels: NDArray[Any]) -> None:
        """Replace a region of an image's labels."""
        with self._lock:
            self._labels[image].write(region, labels)
            self._reader.forget(image, region)
            self._find()
            where = np.argwhere(np.isin(labels, self._annotation.values))
            if len(where):
                low = np.array([start for start, _ in region])
                self._newest = image, (where + low).astype(np.int32)
                self._n_newest = NEWEST

    @property
    def counts(self) -> dict[int, int]:
        """Pixels by value, over all images, values that are no class among them."""
        found: dict[int, int] = {}
        for labels in self._labels:
            for value, n in labels.counts().items():
                found[value] = found.get(value, 0) + n
        return found

    def painted(self) -> list[list[NDArray[np.int32]]]:
        """For each image, positions that are painted: arrays of (n, number of axes)."""
        with self._lock:
            return [[p for value in labels.counts() for p in labels.places(value)] for labels in self._labels]

    def class_places(self) -> Places:
        """For each class, images and positions (n, number of axes) that are painted."""
        with self._lock:
            return [
                [(image, p) for image, labels in enumerate(self._labels) for p in labels.places(value)]
                for value in self._annotation.values
            ]

    @property
    def class_counts(self) -> list[int]:
        """Pixels by class index."""
        counts = self.counts
        return [counts.get(value, 0) for value in self._annotation.values]

    @property
    def all_class_counts(self) -> list[int]:
        """The same, what is learnt from again of earlier images included."""
        earlier = self._earlier_sampler
        if earlier is None:
            return self.class_counts
        return [a + b for a, b in zip(self.class_counts, earlier.class_counts, strict=True)]

    def batch(
        self, n: int, size: tuple[int, ...], source: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.signedinteger]]:
        """Draw ``n`` patches: images (N, C, *source), class indices or :data:`UNSEEN` (N, *source).

        With a teacher its answers are further channels of the images, one per class.
        """
        with self._lock:
            drawn = [self._draw_any(size, source) for _ in range(n)]
        return np.stack([p.image for p in drawn]), np.stack([p.classes for p in drawn])

    def learnt(self, hashes: Sequence[str]) -> list[Learnt]:
        """What is painted by now, of images with these hashes; nothing of it is held out."""
        found = []
        for index, (annotated, labels) in enumerate(zip(self._annotated, self._labels, strict=True)):
            places = [p for value in self._annotation.values for p in labels.places(value)]
            leading = len(labels.shape) - 2
            positions = sorted(
                {tuple(map(int, at)) for p in places for at in np.unique(p[:, :leading], axis=0)}
            )
            planes = [Plane(index, position, labels.shape[leading:], ()) for position in positions]
            if planes:
                found.append(Learnt(annotated, hashes[index], self._statistics[index], planes))
        return found

    def _draw_any(self, size: tuple[int, ...], source: tuple[int, ...]) -> Patch:
        """A patch of what is painted, or of an earlier image."""
        if self._earlier_sampler is not None:
            n_new = len({image for group in self._groups for image, _ in group.blocks})
            n_earlier = len({example.origin.hash for example in self._earlier})
            if self._random.random() < share_of_earlier(n_new, n_earlier):
                patch = self._earlier_sampler.draw(size, source)
                return self._with_answers(patch)
        if self.teacher is not None and self._n_newest <= 0 and self._random.random() < self.anywhere:
            areas = self.teacher.areas()
            if areas:
                return self._draw_answered(areas, size, source)
        return self._draw(size, source)

    def _draw_answered(self, areas: Sequence[Area], size: tuple[int, ...], source: tuple[int, ...]) -> Patch:
        """A patch anywhere in these areas, all of their pixels alike."""
        regions = [area.region(self._labels[area.image].shape[-2:]) for area in areas]
        pixels = np.array([prod(high - low for low, high in region) for region in regions], float)
        index = int(self._random.choice(len(areas), p=pixels / pixels.sum()))
        place = [self._random.integers(low, high) for low, high in regions[index]]
        return self._around(areas[index].image, np.array([*areas[index].position, *place]), size, source)

    def _draw(self, size: tuple[int, ...], source: tuple[int, ...]) -> Patch:
        self._n_newest -= 1
        if self._newest is not None and self._n_newest >= 0 and self._n_newest % 2:
            image, places = self._newest
        elif not self._groups:  # everything was erased while patches were read ahead
            image, places = 0, np.zeros((1, len(self._labels[0].shape)), np.int32)
        else:
            group = self._groups[self._random.integers(len(self._groups))]
            image, places = group.blocks[int(self._random.choice(len(group.blocks), p=group.odds))]
        return self._around(image, places[self._random.integers(len(places))], size, source)

    def _around(
        self, image: int, place: NDArray[np.integer], size: tuple[int, ...], source: tuple[int, ...]
    ) -> Patch:
        """A patch around a place."""
        shape = self._labels[image].shape
        plane = Plane(image, tuple(map(int, place[: -len(size)])), shape[-len(size) :], ())
        starts = [
            self._start(int(at), side, full)
            for at, side, full in zip(place[-len(size) :], size, plane.shape, strict=True)
        ]
        region = tuple(
            (start - (wide - side) // 2, start - (wide - side) // 2 + wide)
            for start, side, wide in zip(starts, size, source, strict=True)
        )
        patch = self._reader.read(plane, region)
        clear(patch.classes, region, outside(region, plane.shape), UNSEEN)
        return self._with_answers(patch, plane, region)

    def _with_answers(self, patch: Patch, plane: Plane | None = None, region: Box = ()) -> Patch:
        """A patch whose image has what the teacher says of that place as further channels."""
        if self.teacher is None:
            return patch
        n_classes = len(self._annotation.values)
        answers = np.zeros((n_classes, *patch.classes.shape), np.float32)
        if plane is not None:
            answers = self.teacher.answers(plane.image, plane.position, region, n_classes)
        return Patch(np.concatenate([patch.image, answers]), patch.classes)

    def _start(self, place: int, side: int, full: int) -> int:
        """Start of a patch around ``place``, moved into the image where it fits."""
        if side >= full:
            return (full - side) // 2
        start = round(place - side * (0.5 + SPREAD * (self._random.random() - 0.5)))
        return min(max(start, 0), full - side)

    def _find(self) -> None:
        """Look up where each class is painted."""
        self._groups = []
        for value in self._annotation.values:
            blocks = [
                (image, places)
                for image, labels in enumerate(self._labels)
                for places in labels.places(value)
            ]
            if blocks:
                self._groups.append(_Group(blocks))


class _Group:
    """Where one class is painted: image and positions, block by block, and how likely each is to be drawn."""

    def __init__(self, blocks: list[tuple[int, NDArray[np.int32]]]) -> None:
        self.blocks = blocks
        counts = np.array([len(places) for _, places in blocks], float)
        self.odds = counts / counts.sum()

"""Which pieces of what is learnt from are kept beside a model: a bounded choice, spread over images and classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import groupby, pairwise, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import UNetError
from napari_unet.events import Box, Notice
from napari_unet.images import AnnotatedImage, IntensityStatistics
from napari_unet.labels import IGNORE, Annotation
from napari_unet.models.examples import Example, Origin, compact, within, write_examples
from napari_unet.training.coverage import Plane, clear, read_classes

ROOM = 64 << 20
"""Bytes that the examples of a model take at most."""

MOST = 512
"""Pieces at most."""

SIDE = {2: 512, 3: 96}
"""Side of the largest piece, without its surroundings."""

AROUND = {2: 64, 3: 16}
"""Pixels of the image that are kept around annotated ones, where there are as many."""

_PLANES = 64
"""Planes of an image that are looked at, evenly spread where there are more."""

_MISSES = 8
"""So many pieces for which there is no room any more, and no further one is looked at."""

_GOLDEN = 0.6180339887498949
"""Multiples of it modulo 1 spread evenly, however many are taken."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """One image that is learnt from.

    Attributes
    ----------
    annotated : AnnotatedImage
        With its labels.
    hash : str
        Fingerprint of the image.
    statistics : IntensityStatistics
        Of the whole image.
    planes : sequence of Plane
        What of it is annotated.
    regions, excluded : tuple of Box
        What is held out, without and with its guard, in label axes.
    """

    annotated: AnnotatedImage
    hash: str
    statistics: IntensityStatistics
    planes: Sequence[Plane]
    regions: tuple[Box, ...] = ()
    excluded: tuple[Box, ...] = ()


def keep_examples(
    model: Path, learnt: Sequence[Learnt], annotation: Annotation, earlier: Sequence[Example]
) -> list[Notice]:
    """Write beside a model what it learnt from; where that fails, what the user should know.

    Parameters
    ----------
    model : Path
        The model file.
    learnt : sequence of Learnt
        What was learnt from.
    annotation : Annotation
        What the labels mean.
    earlier : sequence of Example
        From earlier trainings.
    """
    try:
        write_examples(model, choose_examples(learnt, annotation, earlier))
    except (UNetError, OSError, MemoryError) as error:  # the model is what counts: it is saved all the same
        reason = error.problem if isinstance(error, UNetError) else str(error) or "memory is short"
        text = (
            f"What was learnt from could not be kept beside the model: {reason} "
            "When the model is trained further without it, what it knew may fade."
        )
        return [Notice(text, "warning")]
    return []


def choose_examples(
    learnt: Sequence[Learnt], annotation: Annotation, earlier: Sequence[Example] = (), room: int = ROOM
) -> tuple[Example, ...]:
    """Pieces of all images, the room shared fairly among them; the same for the same arguments.

    The image that has taken least so far is next, so that one large image leaves room for the others, and of more
    images than there is room for some are kept from everywhere in the list.

    Parameters
    ----------
    learnt : sequence of Learnt
        What is learnt from.
    annotation : Annotation
        What the labels mean.
    earlier : sequence of Example
        From earlier trainings, those of one image in a row and the most useful ones first, as this function returns
        them. Of an image that is learnt from now, what is painted now replaces them.
    room : int
        Bytes.
    """
    sources: list[Iterator[Example]] = [_examples(image, annotation) for image in learnt]
    new = {image.hash for image in learnt}
    by_image = groupby(earlier, key=lambda example: example.origin.hash)
    sources += [iter(list(group)) for fingerprint, group in by_image if fingerprint not in new]
    chosen: list[list[Example]] = [[] for _ in sources]
    queue = [(0, index * _GOLDEN % 1, index) for index in range(len(sources))]
    heapify(queue)
    n_chosen = n_missed = 0
    while queue and n_chosen < MOST and n_missed < _MISSES:
        taken, turn, index = heappop(queue)
        example = next(sources[index], None)
        if example is None:
            continue
        if example.nbytes > room:
            n_missed += 1
            continue
        room -= example.nbytes
        n_chosen += 1
        chosen[index].append(example)
        heappush(queue, (taken + example.nbytes, turn, index))
    return tuple(example for group in chosen for example in group)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A part of a plane, and how many pixels of each class it offers: to learn from, then to score."""

    plane: Plane
    region: Box
    offers: NDArray[np.int64]


def _examples(image: Learnt, annotation: Annotation) -> Iterator[Example]:
    """Pieces of an image, the most useful first, read when they are asked for."""
    spread = np.unique(
        np.linspace(0, len(image.planes) - 1, min(len(image.planes), _PLANES)).round().astype(int)
    )
    pieces = [piece for i in spread for piece in _pieces(image, image.planes[i], annotation)]
    for piece in _in_order(pieces):
        box = piece.plane.box(piece.region)
        size = [high - low for low, high in piece.region]
        pixels = image.annotated.image.read_as_stored(box)
        if pixels.dtype.itemsize > 4:
            pixels = image.annotated.image.read(box)  # what is learnt from, in half the room
        labels = np.asarray(image.annotated.labels[tuple(slice(*bounds) for bounds in box)])
        leading = len(box) - len(size)
        origin = Origin(
            image=image.annotated.image.name,
            hash=image.hash,
            start=tuple(low for low, _ in box),
            kind=annotation.kind,
            values=annotation.values,
            regions=tuple(b[leading:] for b in within(image.regions, box)),
            excluded=tuple(b[leading:] for b in within(image.excluded, box)),
            offset=tuple(map(float, image.statistics.offset)),
            scale=tuple(map(float, image.statistics.scale)),
        )
        native = pixels.dtype.newbyteorder("=")
        yield Example(
            origin, pixels.reshape(len(pixels), *size).astype(native), compact(labels.reshape(size))
        )


def _pieces(image: Learnt, plane: Plane, annotation: Annotation) -> Iterator[_Piece]:
    """Annotated parts of a plane, each with what is around it."""
    n_classes, ndim = len(annotation.classes), len(plane.shape)
    for cell in _cells(plane.shape, SIDE[ndim]):
        box = plane.box(cell)
        classes = read_classes(image.annotated, annotation, box)
        size = [high - low for low, high in cell]
        annotated = classes.reshape(size) != IGNORE
        if not annotated.any():
            continue
        to_learn = classes.copy()
        clear(to_learn, box, image.excluded, IGNORE)
        outside = np.ones(classes.shape, bool)
        clear(outside, box, image.regions, False)
        to_score = np.where(outside, IGNORE, classes)
        offers = [np.count_nonzero(part == c) for part in (to_learn, to_score) for c in range(n_classes)]
        if not any(offers):
            continue  # all of it lies in the guard
        region: list[tuple[int, int]] = []
        for axis, ((low, _), full) in enumerate(zip(cell, plane.shape, strict=True)):
            here = np.flatnonzero(annotated.any(axis=tuple(a for a in range(ndim) if a != axis)))
            first, last = low + int(here[0]) - AROUND[ndim], low + int(here[-1]) + 1 + AROUND[ndim]
            region.append((max(first, 0), min(last, full)))
        yield _Piece(plane, tuple(region), np.array(offers))


def _cells(shape: Sequence[int], side: int) -> Iterator[Box]:
    """Cover a plane with cells of about equal size, at most ``side`` pixels wide."""
    edges = [np.linspace(0, size, -(-size // side) + 1).round().astype(int).tolist() for size in shape]
    yield from product(*(pairwise(e) for e in edges))


def _in_order(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """First what offers most of what is not there yet: of every class, to learn from and to score."""
    if not pieces:
        return
    offers = np.array([piece.offers for piece in pieces], float)
    offers /= np.maximum(offers.sum(0), 1)
    taken = np.zeros(offers.shape[1])
    left = np.ones(len(pieces), bool)
    while left.any():
        # square roots: the second piece full of a class is worth less than the first
        gains = np.where(left, (np.sqrt(taken + offers) - np.sqrt(taken)).sum(1), -1.0)
        best = int(gains.argmax())
        left[best] = False
        taken += offers[best]
        yield pieces[best]

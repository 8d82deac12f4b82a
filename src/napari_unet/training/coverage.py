"""What is annotated where: counted once, plane by plane, before training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.axes import leading_positions
from napari_unet.errors import AnnotationError
from napari_unet.events import Box
from napari_unet.images import AnnotatedImage
from napari_unet.labels import (
    IGNORE,
    Annotation,
    annotated_plane_mask,
    signed,
    to_class_indices,
    what_to_paint,
)

_CHUNK = 2048
"""Side of the blocks in which labels are read while counting: bounds the memory of a large plane."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One annotated plane (a volume for a 3D network) of a request's image.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    position : tuple of int
        Index along each leading axis.
    shape : tuple of int
        Spatial shape.
    profiles : tuple of ndarray of int64, (n_classes, size)
        Annotated pixels per class along each spatial axis.
    """

    image: int
    position: tuple[int, ...]
    shape: tuple[int, ...]
    profiles: tuple[NDArray[np.int64], ...]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Annotated pixels per class."""
        return np.asarray(self.profiles[0].sum(axis=1))

    def box(self, region: Box) -> Box:
        """A spatial region of this plane, as a region of the image's labels."""
        return (*((i, i + 1) for i in self.position), *region)


def read_classes(annotated: AnnotatedImage, annotation: Annotation, box: Box) -> NDArray[np.int16]:
    """Class index of every pixel of a region of one image."""
    labels = np.asarray(annotated.labels[tuple(slice(start, stop) for start, stop in box)])
    return to_class_indices(labels, annotation)


def read_objects(annotated: AnnotatedImage, box: Box) -> NDArray[np.int64]:
    """Number of the object of every pixel of a region: 0 outside, -1 where it is unknown."""
    labels = np.asarray(annotated.labels[tuple(slice(start, stop) for start, stop in box)])
    return np.maximum(signed(labels), IGNORE)


def annotated_planes(
    images: Sequence[AnnotatedImage], annotation: Annotation, ndim: int = 2
) -> tuple[Plane, ...]:
    """Find and count what is annotated.

    Which slices of a stack count as annotated: see :func:`~napari_unet.labels.annotated_plane_mask`.

    Parameters
    ----------
    images : sequence of AnnotatedImage
        The request's images.
    annotation : Annotation
        What the labels mean.
    ndim : int
        Spatial dimensions of the network.

    Raises
    ------
    AnnotationError
        If nothing is labelled, or only one class.
    """
    planes = find_planes(images, annotation, ndim)
    check_classes(planes, annotation)
    return planes


def find_planes(
    images: Sequence[AnnotatedImage], annotation: Annotation, ndim: int = 2, first: int = 0
) -> tuple[Plane, ...]:
    """Like :func:`annotated_planes`, whatever is annotated; images are counted from ``first``."""
    return tuple(
        plane
        for index, annotated in enumerate(images, start=first)
        for position in _positions(annotated, annotation, ndim)
        if (plane := _count(index, position, annotated, annotation, ndim)) is not None
    )


def check_classes(planes: Sequence[Plane], annotation: Annotation) -> None:
    """Refuse what there is nothing to learn from.

    Raises
    ------
    AnnotationError
        If nothing is labelled, or only one class.
    """
    total = sum((plane.counts for plane in planes), np.zeros(len(annotation.classes), np.int64))
    present = [c.name for c, n in zip(annotation.classes, total, strict=True) if n]
    if not present:
        raise AnnotationError("Nothing is labelled yet.", what_to_paint(annotation.kind))
    if len(present) == 1:
        what = "background" if annotation.kind != "scribbles" else "another class"
        raise AnnotationError(
            f"Only one class is labelled ({present[0]}), so there is nothing to tell apart.",
            f"Label some pixels of {what} too, then train.",
        )


def _positions(annotated: AnnotatedImage, annotation: Annotation, ndim: int) -> Iterator[tuple[int, ...]]:
    """Leading positions with an annotated YX plane."""
    axes = annotated.image.label_axes
    mask = annotated_plane_mask(annotated.labels, axes, annotation.kind)
    for position in leading_positions(axes, annotated.labels.shape, ndim):
        if mask[position].any():
            yield position


def _count(
    image: int, position: tuple[int, ...], annotated: AnnotatedImage, annotation: Annotation, ndim: int
) -> Plane | None:
    shape = tuple(annotated.labels.shape[-ndim:])
    profiles = tuple(np.zeros((len(annotation.classes), size), np.int64) for size in shape)
    plane = Plane(image, position, shape, profiles)
    for region in blocks(shape, _CHUNK):
        classes = read_classes(annotated, annotation, plane.box(region))
        classes = classes.reshape([stop - start for start, stop in region])
        for index in range(len(annotation.classes)):
            here = classes == index
            for axis, (start, stop) in enumerate(region):
                others = tuple(a for a in range(ndim) if a != axis)
                profiles[axis][index, start:stop] += np.count_nonzero(here, axis=others)
    return plane if plane.counts.any() else None


def blocks(shape: Sequence[int], side: int) -> Iterator[Box]:
    """Cover ``shape`` with blocks of at most ``side`` pixels along every axis, each pixel once."""
    for starts in product(*(range(0, size, side) for size in shape)):
        yield tuple((start, min(start + side, size)) for start, size in zip(starts, shape, strict=True))


def clear(array: NDArray[Any], region: Box, boxes: Sequence[Box], value: int) -> None:
    """Set what ``boxes`` cover of ``array``, which holds ``region`` of an image, to ``value``, in place."""
    for box in boxes:
        cut = tuple(
            slice(max(low - start, 0), max(high - start, 0))
            for (low, high), (start, _) in zip(box, region, strict=True)
        )
        array[cut] = value

"""What there is to learn from, in the few numbers that sizes are chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import find_boundaries

from napari_unet.images import AnnotatedImage
from napari_unet.labels import Annotation, to_class_indices
from napari_unet.training.coverage import Plane

_LOOKED_AT = 8
"""Planes in which structures are measured at most."""

_SIDE = {2: 1024, 3: 96}
"""Side of the part of a plane that is measured."""


@dataclass(frozen=True)
class Material:
    """What there is to learn from.

    Attributes
    ----------
    shapes : tuple of tuple of int
        Of every annotated plane, spatial.
    annotated_pixels : int
        Over all planes.
    structure_size : float or None
        Diameter in pixels of the largest circle (ball) that fits into a typical object or region, the most frequent
        class left out; half of the pixels lie in larger ones. ``None`` for scribbles, which say nothing about it.
    """

    shapes: tuple[tuple[int, ...], ...]
    annotated_pixels: int
    structure_size: float | None = None


def describe_material(
    images: Sequence[AnnotatedImage], annotation: Annotation, planes: Sequence[Plane]
) -> Material:
    """Count and measure what is annotated; reads a part of a few planes.

    Parameters
    ----------
    images : sequence of AnnotatedImage
        The request's images.
    annotation : Annotation
        What the labels mean.
    planes : sequence of Plane
        What is annotated.
    """
    counts = np.sum([plane.counts for plane in planes], axis=0)
    size = None
    if annotation.kind != "scribbles":
        chosen = np.unique(np.linspace(0, len(planes) - 1, _LOOKED_AT).round().astype(int))
        common = int(counts.argmax())
        diameters = [
            _diameters(_regions(images[planes[i].image], annotation, planes[i], common)) for i in chosen
        ]
        found = np.concatenate(diameters)
        size = float(np.median(found)) if len(found) else None
    return Material(tuple(plane.shape for plane in planes), int(counts.sum()), size)


def _regions(
    annotated: AnnotatedImage, annotation: Annotation, plane: Plane, common: int
) -> NDArray[np.integer]:
    """The middle of a plane: 0 where the most frequent class or nothing is, otherwise equal within a region."""
    side = _SIDE[len(plane.shape)]
    starts = [max(0, (size - side) // 2) for size in plane.shape]
    box = plane.box(
        tuple((start, min(size, start + side)) for start, size in zip(starts, plane.shape, strict=True))
    )
    painted = np.asarray(annotated.labels[tuple(slice(*bounds) for bounds in box)])
    painted = painted.reshape(painted.shape[-len(plane.shape) :])
    classes = to_class_indices(painted, annotation)
    values = painted if annotation.kind == "objects" else classes.astype(np.int64) + 1
    left_out = (classes < 0) | (classes == (0 if annotation.kind == "objects" else common))
    return np.asarray(label(np.where(left_out, 0, values), connectivity=1))


def _diameters(regions: NDArray[np.integer]) -> NDArray[np.float64]:
    """For every pixel of a region, the diameter of the largest circle in that region."""
    inside = regions > 0
    if not inside.any():
        return np.empty(0)
    # What the part ends at counts as a border: regions that reach beyond it are taken for smaller than they are.
    inner = np.pad(inside & ~find_boundaries(regions, mode="inner"), 1)
    depth = ndimage.distance_transform_edt(inner)[(slice(1, -1),) * inner.ndim]
    largest = ndimage.maximum(depth, regions, np.arange(1, regions.max() + 1))
    diameters: NDArray[np.float64] = 2.0 * np.asarray(largest, float) + 1.0
    return np.take(diameters, regions[inside] - 1)

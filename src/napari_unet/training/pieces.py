"""Masks whose connected pieces are the objects: numbered as they are read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from napari_unet.events import Notice
from napari_unet.images import AnnotatedImage, ArrayLike
from napari_unet.labels import signed

_LOOKED_AT = 4
"""Planes of an image that are looked at to tell masks from objects."""

_KEPT = 4
"""Numbered planes (volumes) kept in memory, of each image."""


class NumberedPieces:
    """Labels whose connected pieces of equal value have numbers of their own.

    Parameters
    ----------
    labels : ArrayLike of int
        0 and below are no pieces and stay as they are.
    ndim : int
        Spatial dimensions, the last ones: pieces are connected along these axes, and so apart in another slice.
    """

    def __init__(self, labels: ArrayLike, ndim: int) -> None:
        self.shape = tuple(int(n) for n in labels.shape)
        self.dtype = np.dtype(np.int32)
        self._labels = labels
        self._leading = len(self.shape) - ndim
        self._cache: OrderedDict[tuple[int, ...], NDArray[np.int32]] = OrderedDict()

    def __getitem__(self, key: Any, /) -> NDArray[np.int32]:
        """Read a region, given by slices or whole numbers; axes that are left out are taken whole."""
        wanted = key if isinstance(key, tuple) else (key,)
        wanted = (*wanted, *(slice(None),) * (len(self.shape) - len(wanted)))
        # A whole number takes its axis away, so the region is read with all axes first.
        slices = tuple(
            slice(k % n, k % n + 1) if isinstance(k, (int, np.integer)) else k
            for k, n in zip(wanted, self.shape, strict=True)
        )
        leading, spatial = slices[: self._leading], slices[self._leading :]
        ranges = [range(*k.indices(n)) for k, n in zip(leading, self.shape, strict=False)]
        planes = [
            self._plane(tuple(r[i] for r, i in zip(ranges, at, strict=True)))[spatial]
            for at in np.ndindex(*map(len, ranges))
        ]
        sizes = [len(range(*k.indices(n))) for k, n in zip(slices, self.shape, strict=True)]
        region = np.reshape(planes, sizes) if planes else np.zeros(sizes, np.int32)
        return region[tuple(0 if isinstance(k, (int, np.integer)) else slice(None) for k in wanted)]

    def _plane(self, position: tuple[int, ...]) -> NDArray[np.int32]:
        if position in self._cache:
            self._cache.move_to_end(position)
            return self._cache[position]
        values = signed(np.asarray(self._labels[position] if position else self._labels[:]))
        numbered = np.asarray(label(np.maximum(values, 0), connectivity=1), np.int32)
        numbered[values < 0] = -1
        self._cache[position] = numbered
        if len(self._cache) > _KEPT:
            self._cache.popitem(last=False)
        return numbered


def number_pieces(
    images: Sequence[AnnotatedImage], ndim: int
) -> tuple[tuple[AnnotatedImage, ...], tuple[Notice, ...]]:
    """Labels of objects as they are, or with their pieces numbered where they are masks.

    They are masks if there are at least twice as many pieces in a few planes of each image as there are values.

    Parameters
    ----------
    images : sequence of AnnotatedImage
        Whose labels are of objects.
    ndim : int
        Spatial dimensions.

    Returns
    -------
    tuple of AnnotatedImage
    tuple of Notice
        What the user should know: that pieces were numbered, or that there is a single object.
    """
    values, pieces = np.sum([_count(annotated.labels, ndim) for annotated in images], axis=0)
    if pieces >= 2 * max(values, 1):
        numbered = tuple(replace(a, labels=NumberedPieces(a.labels, ndim)) for a in images)
        text = f"The labels hold few values in many pieces, about {pieces / values:.0f} to each: "
        return numbered, (Notice(text + "every connected piece is taken for one object."),)
    if pieces == 1:
        text = (
            "The labels hold a single object. If it is many that touch, give each its own number, "
            "or they are learnt as one."
        )
        return tuple(images), (Notice(text, "warning"),)
    return tuple(images), ()


def _count(labels: ArrayLike, ndim: int) -> tuple[int, int]:
    """Values and connected pieces in a few planes that hold any."""
    n_values = n_pieces = n_planes = 0
    for position in np.ndindex(*labels.shape[: len(labels.shape) - ndim]):
        plane = np.maximum(signed(np.asarray(labels[position] if position else labels[:])), 0)
        if not plane.any():
            continue
        n_values += len(np.unique(plane[plane > 0]))
        n_pieces += int(label(plane, connectivity=1).max())
        n_planes += 1
        if n_planes == _LOOKED_AT:
            break
    return n_values, n_pieces

"""What is in a label image: values, pieces and strokes, measured on a bounded part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.labels.planes import ReadableLabels

MAX_PIXELS = 1 << 28
"""Pixels searched for labels; larger stacks are searched in evenly spread bands of rows."""

MAX_PLANES = 6
"""Labelled planes of a stack whose shapes are measured."""

WINDOW = 2048
"""Side of the part of a plane whose pieces are counted."""

STROKE_WINDOW = 512
"""Side of the part of a plane whose strokes are measured."""

_BAND = 1 << 22


@dataclass(frozen=True)
class LabelSummary:
    """What is needed to tell scribbles, masks and objects apart. 0 and negative values are not labelled.

    Attributes
    ----------
    values : tuple of int
        Distinct labelled values, ascending.
    counts : tuple of int
        Pixels found of each.
    n_planes, n_labelled_planes : int
        YX planes searched, and those that hold a label.
    coverage : float
        Labelled fraction of the labelled planes.
    single_pieces : float
        Fraction of the values of a plane that are one connected piece, mean over planes.
    pieces_per_plane, holes_per_plane : float
        Connected pieces of one value, and enclosed unlabelled regions.
    touching : float
        Where a piece ends, the fraction of neighbouring pixels that belong to another piece.
    strokes : float
        Fraction of the labelled pixels in pieces of even width, at least four times as long as wide.
    complete : bool
        Whether every pixel was searched.
    """

    values: tuple[int, ...]
    counts: tuple[int, ...] = field(repr=False)
    n_planes: int
    n_labelled_planes: int
    coverage: float
    single_pieces: float
    pieces_per_plane: float
    holes_per_plane: float
    touching: float
    strokes: float
    complete: bool


def summarize_labels(labels: ReadableLabels) -> LabelSummary:
    """Summarise a label image.

    Parameters
    ----------
    labels : array of int or bool
        Any leading axes, then ``Y`` and ``X``. Read in bands of rows, at most 2**28 pixels (evenly spread),
        and the shapes measured on at most six labelled planes, so that the cost is bounded.

    Returns
    -------
    LabelSummary
        The same for the same labels.
    """
    shape = tuple(int(n) for n in labels.shape)
    counts: dict[int, int] = {}
    searched: dict[tuple[int, ...], int] = {}
    busiest: dict[
        tuple[int, ...], tuple[int, int]
    ] = {}  # by plane: labelled pixels and first row of its fullest band
    bands = list(_bands(shape))
    n_bands = max(1, MAX_PIXELS // max(1, min(_BAND, prod(shape[-2:]))))
    chosen = [bands[i] for i in _spread(len(bands), n_bands)]
    for position, top, bottom in chosen:
        band = np.asarray(labels[(*position, slice(top, bottom))])
        searched[position] = searched.get(position, 0) + band.size
        found = _count(band)
        n = sum(found.values())
        for value, count in found.items():
            counts[value] = counts.get(value, 0) + count
        if n > busiest.get(position, (0, 0))[0]:
            busiest[position] = (n, top)
    values = tuple(sorted(counts))
    positions = sorted(busiest)
    measured = [
        _measure(_window(labels, positions[i], busiest[positions[i]][1]))
        for i in _spread(len(positions), MAX_PLANES)
    ]
    shapes = np.mean(measured, axis=0) if measured else np.zeros(5)
    return LabelSummary(
        values=values,
        counts=tuple(counts[v] for v in values),
        n_planes=len(searched),
        n_labelled_planes=len(positions),
        coverage=sum(counts.values()) / max(1, sum(searched[p] for p in positions)),
        single_pieces=float(shapes[0]),
        pieces_per_plane=float(shapes[1]),
        holes_per_plane=float(shapes[2]),
        touching=float(shapes[3]),
        strokes=float(shapes[4]),
        complete=len(chosen) == len(bands),
    )


def _bands(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Bands of about 4 million pixels: position along the leading axes, first row, last row."""
    *leading, height, width = shape
    rows = max(1, _BAND // max(1, width))
    for position in np.ndindex(*leading):
        for top in range(0, height, rows):
            yield position, top, min(top + rows, height)


def _spread(n: int, at_most: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, at_most))}) if n else []


def _count(band: NDArray[Any]) -> dict[int, int]:
    """Pixels of every value above 0."""
    if not band.any():
        return {}
    flat = band.astype(np.uint8).ravel() if band.dtype == bool else band.ravel()
    if flat.dtype.kind == "i":
        flat = flat[flat > 0]
    if flat.size and int(flat.max()) < 1 << 20:
        found = np.bincount(flat.astype(np.intp))
        return {int(v): int(found[v]) for v in np.flatnonzero(found) if v > 0}
    values, counts = np.unique(flat[flat > 0], return_counts=True)
    return {int(v): int(c) for v, c in zip(values, counts, strict=True)}


def _window(labels: ReadableLabels, position: tuple[int, ...], row: int) -> NDArray[np.int64]:
    """The part of a plane to measure: all of it, or the fullest window near ``row``."""
    top = max(0, min(row, int(labels.shape[-2]) - WINDOW))
    rows = np.asarray(labels[(*position, slice(top, top + WINDOW))])
    return _fullest(np.where(rows > 0, rows, 0).astype(np.int64), WINDOW)


def _fullest(plane: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """The window of ``side`` by ``side`` with about the most labelled pixels."""
    for axis in (0, 1):
        if plane.shape[axis] > side:
            running = np.concatenate([[0], np.cumsum(np.count_nonzero(plane, axis=1 - axis))])
            start = int(np.argmax(running[side:] - running[:-side]))
            plane = np.take(plane, range(start, start + side), axis)
    return plane


def _measure(plane: NDArray[np.int64]) -> tuple[float, float, float, float, float]:
    """Single pieces, pieces, holes, touching, strokes of one plane that holds a label."""
    from skimage.measure import label  # slow to import, and not needed to open a dock

    plane = np.pad(plane, 1)
    pieces, n_pieces = label(plane, connectivity=2, return_num=True)
    _, n_unlabelled = label(plane == 0, connectivity=1, return_num=True)
    value = np.zeros(n_pieces + 1, np.int64)
    value[pieces] = plane
    _, of_value = np.unique(value[1:], return_counts=True)
    ends = meets = 0
    for axis in (0, 1):
        a, b = _neighbours(plane, axis)
        ends += int(np.count_nonzero(a != b))
        meets += int(np.count_nonzero((a != b) & (a > 0) & (b > 0)))
    part = _fullest(plane, STROKE_WINDOW)
    return (
        float(np.count_nonzero(of_value == 1) / len(of_value)),
        float(n_pieces),
        float(n_unlabelled - 1),
        meets / ends,
        _strokes(part),
    )


def _strokes(plane: NDArray[Any]) -> float:
    """Fraction of labelled pixels in strokes.

    A brush draws a union of discs of one size. So a piece of half width r is a stroke if nearly all of it
    lies within r of its parts that are at least 0.6 r deep (crossing strokes are deeper than either), and if
    it is long. Vessels taper, and cells are not long.
    """
    from scipy import ndimage
    from skimage.measure import label

    plane = np.pad(plane, 1)
    inside = plane > 0
    for axis in (0, 1):
        a, b = _neighbours(plane, axis)
        border = (a != b) & (a > 0) & (b > 0)
        inside[tuple(slice(1, None) if i == axis else slice(None) for i in (0, 1))] &= ~border
    pieces, n_pieces = label(plane, connectivity=2, return_num=True)
    depth = ndimage.distance_transform_edt(inside)
    half_width = np.ones(n_pieces + 1)
    np.maximum.at(half_width, pieces[inside], depth[inside])
    core = (pieces > 0) & (depth >= 0.6 * half_width[pieces])
    drawn = (ndimage.distance_transform_edt(~core) <= half_width[pieces]) & (pieces > 0)
    area = np.bincount(pieces.ravel(), minlength=n_pieces + 1)[1:]
    even = np.bincount(pieces[drawn], minlength=n_pieces + 1)[1:] >= 0.9 * area
    width = 2 * half_width[1:] - 1
    long = area >= 4 * width**2
    return float(area[even & long].sum() / max(1, area.sum()))


def _neighbours(plane: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pairs of neighbouring pixels along an axis."""
    return (plane[1:], plane[:-1]) if axis == 0 else (plane[:, 1:], plane[:, :-1])

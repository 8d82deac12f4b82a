"""Objects split where a person says: along a drawn line, or between two points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import line as straight_line
from skimage.graph import MCP_Geometric
from skimage.segmentation import watershed

from napari_unet.errors import InputError
from napari_unet.objects.edits import Edit, Part, locate, whole

SPECK = 4
"""Pixels: what a line cuts off that is smaller is no object, but a jag of the line."""

REACHES = (0.0, 0.25, 1.0)
"""How far a line goes on straight at both ends, as a fraction of its length; further only where less splits nothing."""

WAIST = 0.9
"""An object has a waist between two places if it is thinner there than this fraction of the thinner of the two."""

Floats = NDArray[np.float64]


def split_by_line(
    labels: NDArray[Any],
    line: Sequence[Sequence[float]] | Floats,
    axes: tuple[int, int] = (-2, -1),
    part: Part | None = None,
    objects: Sequence[int] = (),
) -> Edit:
    """Split an object along a drawn line.

    A line that ends short of the object's border is prolonged. It may cut off several pieces; the largest keeps the
    id of the object, the others get new ones. The pixels under the line go to the nearest piece.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.
    line : array of float, shape (k, 2)
        Corners of the line in pixels along ``axes``.
    axes : tuple of int
        The plane it was drawn in.
    part : Part, optional
        Where to split; by default everywhere, the line cutting through all slices.
    objects : sequence of int, optional
        The objects that may be split; by default that which has most of the line among those it splits.

    Raises
    ------
    InputError
        If the line is none, meets no object, or does not cross one from side to side; if the type of the labels
        holds no further id.
    """
    part = part or whole(labels)
    view = part.of(labels)
    plane = tuple(part.axes.index(axis % labels.ndim) for axis in axes)
    flat = np.moveaxis(view, plane, (-2, -1))
    drawn = np.asarray(line, float).reshape(-1, 2)
    if len(drawn) < 2 or np.ptp(np.round(drawn), axis=0).max() == 0:
        raise InputError(
            "That was a click, no line.", "Draw a line across the object, holding the button down."
        )
    rows, columns = _raster(drawn, flat.shape[-2:])
    met, counts = np.unique(flat[..., rows, columns], return_counts=True)
    crossed = [int(number) for number in met[np.argsort(-counts, kind="stable")] if number > 0]
    crossed = [number for number in crossed if not len(objects) or number in objects]
    if not crossed:
        which = f"object {objects[0]}" if len(objects) == 1 else "an object"
        raise InputError(f"The line does not meet {which}.", "Draw it across the object, from side to side.")
    for reach in REACHES:
        wall = np.zeros(flat.shape[-2:], bool)
        wall[_raster(_prolonged(drawn, reach), wall.shape)] = True
        for number in crossed:
            region, inside = locate(view, [number])
            order = np.moveaxis(inside, plane, (-2, -1))
            pieces = _pieces(order, wall[region[plane[0]], region[plane[1]]])
            if pieces is not None:
                return _edit(labels, part, region, number, np.moveaxis(pieces, (-2, -1), plane))
    raise InputError(
        f"The line does not cross object {crossed[0]} from side to side.",
        "Draw it from one side of the object to the other.",
    )


def split_by_points(
    labels: NDArray[Any],
    first: Sequence[float] | Floats,
    second: Sequence[float] | Floats,
    part: Part | None = None,
    spacing: Sequence[float] | None = None,
) -> Edit:
    """Split an object in two around two points, at its narrowest place between them.

    Watershed of the distance to the object's border, from the two deepest places uphill of the points. Where that is
    one place, there is no waist between them: each pixel goes to the point it is nearer to, inside the object.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.
    first, second : sequence of float
        In pixels along all axes.
    part : Part, optional
        Where to split; by default everywhere.
    spacing : sequence of float, optional
        Size of a pixel along each axis of the labels; equal by default.

    Raises
    ------
    InputError
        If a point lies on background or outside, both are the same pixel, or they lie in different objects; if the
        type of the labels holds no further id.
    """
    part = part or whole(labels)
    view = part.of(labels)
    seeds = [tuple(round(float(p[axis])) for axis in part.axes) for p in (first, second)]
    number = _clicked(view, seeds)
    region, inside = locate(view, [number])
    sampling = (np.ones(labels.ndim) if spacing is None else np.abs(np.asarray(spacing, float)))[
        list(part.axes)
    ]
    mask = np.pad(inside, 1)
    local = [tuple(s - side.start + 1 for s, side in zip(seed, region, strict=True)) for seed in seeds]
    depth = ndimage.distance_transform_edt(mask, sampling)
    peaks = [_uphill(ndimage.gaussian_filter(depth, 1), seed) for seed in local]
    pieces = np.zeros(mask.shape, np.int32)
    if peaks[0] != peaks[1]:
        for value, peak in enumerate(peaks, start=1):
            pieces[peak] = value
        pieces = watershed(-depth, pieces, mask=mask)
    beside = (pieces == 1) & ndimage.binary_dilation(pieces == 2)
    waist = float(depth[beside].max(initial=0)) < WAIST * min(depth[peak] for peak in peaks)
    if not waist or pieces[local[0]] != 1 or pieces[local[1]] != 2:
        cost = np.where(mask, 1.0, np.inf)
        far = [MCP_Geometric(cost, sampling=tuple(sampling)).find_costs([seed])[0] for seed in local]
        pieces = np.where(mask & np.isfinite(np.minimum(*far)), np.where(far[1] < far[0], 2, 1), 0)
    pieces = np.where(mask, _nearest(pieces, sampling), 0)[(slice(1, -1),) * mask.ndim]
    return _edit(labels, part, region, number, pieces)


def _edit(
    labels: NDArray[Any], part: Part, region: tuple[slice, ...], number: int, pieces: NDArray[Any]
) -> Edit:
    """Give all pieces (1..n; 0 is not the object) but the largest new ids."""
    sizes = np.bincount(pieces.reshape(-1))[1:]
    order = np.argsort(-sizes, kind="stable") + 1
    largest, most = int(labels.max()), int(np.iinfo(labels.dtype).max)
    if largest + len(order) - 1 > most:
        raise InputError(
            f"There is no number left for a new object: labels of the type {labels.dtype} end at {most}.",
            "Relabel the objects, or convert the layer to int32.",
        )
    ids = [number, *range(largest + 1, largest + len(order))]
    block = part.of(labels)[region].copy()
    for piece, new in zip(order, ids, strict=True):
        block[pieces == piece] = new
    return part.edit(region, block, ids)


def _clicked(labels: NDArray[Any], seeds: list[tuple[int, ...]]) -> int:
    """The object that both points lie in."""
    found = []
    for which, seed in zip(("first", "second"), seeds, strict=True):
        inside = all(0 <= s < size for s, size in zip(seed, labels.shape, strict=True))
        found.append(int(labels[seed]) if inside else 0)
        if found[-1] <= 0:
            raise InputError(f"The {which} click is on the background.", "Click inside the object to split.")
    if found[0] != found[1]:
        raise InputError(
            f"The clicks are in two objects already, {found[0]} and {found[1]}.",
            "Click twice inside the one object to split.",
        )
    if seeds[0] == seeds[1]:
        raise InputError(
            "Both clicks are on the same pixel.", "Click in the middle of each of the two halves."
        )
    return found[0]


def _pieces(mask: NDArray[np.bool_], wall: NDArray[np.bool_]) -> NDArray[Any] | None:
    """What a wall through the last two axes cuts a mask into, 1..n; None if it stays in one piece."""
    full = np.ones((3,) * mask.ndim, bool)
    parts, _ = ndimage.label(mask & ~wall, full)
    beside = parts[ndimage.binary_dilation(mask & wall, full)]
    sizes = np.bincount(parts.reshape(-1))
    kept = [n for n in np.unique(beside) if n > 0 and sizes[n] >= SPECK]
    if len(kept) < 2:
        return None
    table = np.zeros(len(sizes), np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    return np.where(mask, _nearest(table[parts]), 0)


def _nearest(pieces: NDArray[Any], sampling: Floats | None = None) -> NDArray[Any]:
    """Give every pixel of 0 to the nearest piece."""
    where = ndimage.distance_transform_edt(pieces == 0, sampling, return_distances=False, return_indices=True)
    return np.asarray(pieces[tuple(where)])


def _uphill(depth: Floats, seed: tuple[int, ...]) -> tuple[int, ...]:
    """The local maximum that the steepest way up leads to."""
    while True:
        around = tuple(slice(max(0, s - 1), s + 2) for s in seed)
        block = depth[around]
        step = np.unravel_index(int(block.argmax()), block.shape)
        best = tuple(int(side.start + i) for side, i in zip(around, step, strict=True))
        if depth[best] <= depth[seed]:
            return seed
        seed = best


def _prolonged(line: Floats, reach: float) -> Floats:
    """The line, longer at both ends by a fraction of its length, in the direction of its first and last quarter."""
    if not reach:
        return line
    length = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
    quarter = max(1, len(line) // 4)
    ends = []
    for end, inner in ((line[0], line[quarter]), (line[-1], line[-1 - quarter])):
        away = end - inner
        ends.append(end + away / max(float(np.linalg.norm(away)), 1e-9) * reach * length)
    return np.vstack([ends[0], line, ends[1]])


def _raster(line: Floats, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels under a line, each sharing a side with the next: not even a diagonal step leads across."""
    points = np.array(list(_steps(np.round(line).astype(np.intp))), np.intp).reshape(-1, 2)
    diagonal = (np.diff(points, axis=0) != 0).all(axis=1)
    corners = np.column_stack([points[:-1][diagonal, 0], points[1:][diagonal, 1]])
    pixels = np.unique(np.vstack([points, corners]), axis=0)
    pixels = pixels[((pixels >= 0) & (pixels < shape)).all(axis=1)]
    return pixels[:, 0], pixels[:, 1]


def _steps(corners: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    for start, stop in pairwise(corners):
        yield from zip(*straight_line(*start, *stop), strict=True)

"""Corrections of label images: merge, delete, fill, smooth, relabel. Splitting is in :mod:`.splitting`.

Every function leaves the labels as they are and returns an :class:`~napari_unet.objects.edits.Edit`. 0 is background,
values below 0 are ignored pixels; neither is ever an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unet.errors import InputError
from napari_unet.objects.edits import Edit, Part, Region, among, bounds, locate, named, whole
from napari_unet.objects.overlap import number_objects


def merge(labels: NDArray[Any], objects: Sequence[int], part: Part | None = None) -> Edit:
    """Make several objects one; they need not touch.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.
    objects : sequence of int
        Ids; the first is kept.
    part : Part, optional
        Where; everywhere by default.

    Raises
    ------
    InputError
        If fewer than two objects are given, or there is nothing to change.
    """
    kept, *others = _distinct(objects, "merge")
    if not others:
        raise InputError(f"Only object {kept} is picked.", "Pick at least one more object to merge it with.")
    part = part or whole(labels)
    view = part.of(labels)
    region, _ = locate(view, others)
    block = view[region].copy()
    block[among(block, others)] = kept
    return part.edit(region, block, [kept])


def delete(labels: NDArray[Any], objects: Sequence[int], part: Part | None = None) -> Edit:
    """Turn objects into background.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.
    objects : sequence of int
        Ids.
    part : Part, optional
        Where; everywhere by default.

    Raises
    ------
    InputError
        If no object is given, or none of them is there.
    """
    objects = _distinct(objects, "delete")
    part = part or whole(labels)
    view = part.of(labels)
    region, inside = locate(view, objects)
    return part.edit(region, np.where(inside, view.dtype.type(0), view[region]))


def fill_holes(
    labels: NDArray[Any],
    objects: Sequence[int],
    part: Part | None = None,
    axes: tuple[int, int] = (-2, -1),
) -> Edit:
    """Fill background that an object surrounds, slice by slice; objects inside another one stay.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.
    objects : sequence of int
        Ids.
    part : Part, optional
        Where; everywhere by default.
    axes : tuple of int
        The two axes of a slice.

    Raises
    ------
    InputError
        If no object is given, none of them is there, or none has a hole.
    """
    objects = _distinct(objects, "fill")
    part = part or whole(labels)
    view = part.of(labels)
    in_slice = [part.axes.index(axis % labels.ndim) for axis in axes]
    cross = np.zeros((3,) * view.ndim, bool)
    for axis in in_slice:
        cross[tuple(slice(None) if a == axis else 1 for a in range(view.ndim))] = True
    region, _ = locate(view, objects)
    block = view[region].copy()
    for number in objects:
        filled = ndimage.binary_fill_holes(view[region] == number, cross)
        block[filled & (block == 0)] = number
    if np.array_equal(block, view[region]):
        raise InputError(
            f"{named(objects)} no hole.",
            "A hole is background that one object surrounds on all sides of a slice.",
        )
    return part.edit(region, block, objects)


def smooth(
    labels: NDArray[Any],
    objects: Sequence[int],
    radius: float = 2,
    part: Part | None = None,
    axes: Sequence[int] | None = None,
    spacing: Sequence[float] | None = None,
) -> Edit:
    """Round objects off: morphological opening and closing with discs (balls) of growing radius.

    Such alternating filters (Serra 1988, Image Analysis and Mathematical Morphology 2) treat spikes and notches alike.
    Only background is taken and given up; other objects keep their pixels.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.
    objects : sequence of int
        Ids.
    radius : float
        Of the last disc, in the smallest pixels of ``axes``: thinner spikes and notches go.
    part : Part, optional
        Where; everywhere by default.
    axes : sequence of int, optional
        The axes in space; along the others (time) each position is smoothed by itself. All by default.
    spacing : sequence of float, optional
        Size of a pixel along each axis of the labels; equal by default.

    Raises
    ------
    InputError
        If no object is given, none of them is there, or they are thinner than the disc, or smooth already.
    """
    objects = _distinct(objects, "smooth")
    part = part or whole(labels)
    view = part.of(labels)
    wanted = range(labels.ndim) if axes is None else [axis % labels.ndim for axis in axes]
    in_space = [i for i, axis in enumerate(part.axes) if axis in wanted]
    sizes = np.ones(labels.ndim) if spacing is None else np.abs(np.asarray(spacing, float))
    sampling = sizes[[part.axes[i] for i in in_space]]
    sampling = sampling / sampling.min()
    inner, _ = locate(view, objects)
    region = _grown(
        inner, view.shape, {i: int(radius // s) + 1 for i, s in zip(in_space, sampling, strict=True)}
    )
    before = view[region]
    block = np.moveaxis(before.copy(), in_space, range(-len(in_space), 0))
    for number in objects:
        for index in np.ndindex(*block.shape[: -len(in_space)]):
            plane = block[index]
            mask = plane == number
            if mask.any():
                rounded = _rounded(mask, radius, sampling)
                plane[mask & ~rounded] = 0
                plane[rounded & (plane == 0)] = number
        if not (block == number).any():
            raise InputError(
                f"Object {number} is too thin to be smoothed by {radius:g} pixels.",
                "Choose a smaller number.",
            )
    block = np.moveaxis(block, range(-len(in_space), 0), in_space)
    if np.array_equal(block, before):
        raise InputError(
            f"{named(objects)} no bump or notch thinner than {radius:g} pixels.", "Choose a larger number."
        )
    return part.edit(region, block, objects)


def relabel(labels: NDArray[Any]) -> Edit:
    """Number all objects 1 to n, in the order in which a scan along rows meets them.

    Parameters
    ----------
    labels : ndarray of int
        Any number of axes.

    Raises
    ------
    InputError
        If there is no object, or they are numbered like this already.
    """
    numbered = number_objects(labels)
    if not len(numbered):
        raise InputError("There is no object to number.", "Choose labels that hold objects.")
    flat = numbered.numbers.reshape(-1)
    first = np.empty(len(numbered) + 1, np.intp)
    first[flat[::-1]] = np.arange(
        flat.size - 1, -1, -1
    )  # what is written last stays: where the scan meets it first
    order = np.zeros(len(numbered) + 1, labels.dtype)
    order[1 + np.argsort(first[1:])] = np.arange(1, len(numbered) + 1)
    new = order[numbered.numbers]
    np.copyto(new, labels, where=labels < 0)
    changed = new != labels
    if not changed.any():
        raise InputError(f"The objects are numbered 1 to {len(numbered)} already.")
    region = bounds(changed)
    return Edit(region, new[region])


def _distinct(objects: Sequence[int], verb: str) -> list[int]:
    """Each object once, in the order given."""
    distinct = [number for number in dict.fromkeys(int(o) for o in objects) if number > 0]
    if not distinct:
        raise InputError("No object is picked.", f"Pick the objects to {verb}.")
    return distinct


def _grown(region: Region, shape: tuple[int, ...], by: dict[int, int]) -> Region:
    return tuple(
        slice(max(0, side.start - by.get(axis, 0)), min(size, side.stop + by.get(axis, 0)))
        for axis, (side, size) in enumerate(zip(region, shape, strict=True))
    )


def _rounded(mask: NDArray[np.bool_], radius: float, sampling: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Openings and closings; beyond the edge of the image an object goes on as it reaches it."""
    border = [(int(2 * radius // s) + 2,) * 2 for s in sampling]
    wide = np.pad(mask, border, mode="edge")

    def eroded(m: NDArray[np.bool_], r: float) -> NDArray[np.bool_]:
        return m if m.all() else np.asarray(ndimage.distance_transform_edt(m, sampling) > r)

    def dilated(m: NDArray[np.bool_], r: float) -> NDArray[np.bool_]:
        return ~eroded(~m, r)

    for r in [*np.arange(1.0, radius), radius]:
        opened = dilated(eroded(wide, r), r)
        wide = eroded(dilated(opened, r), r)
    return wide[
        tuple(slice(before, before + size) for (before, _), size in zip(border, mask.shape, strict=True))
    ]

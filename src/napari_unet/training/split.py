"""Which part of the annotation is held out, so that a score means something.

Rules, in this order:

1. An image the model was trained on before keeps the regions that were held out then, none included: nothing a
   parent has learned from becomes validation data.
2. Five annotated images or more: whole images, spread evenly.
3. A stack with five annotated slices or more: consecutive slices at its end; the slice before them is a guard, used
   for neither.
4. Otherwise a strip at one end of an image, along its longest or shortest side, and beside it, and in the slices
   before and after, a guard band that is used for neither. Training patches may overlap strip and guard, their labels
   there are ignored.

Whatever is held out contains two classes or more, and every class is left to training. Where that cannot be, nothing
is held out and no score is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.training.coverage import Plane

ENOUGH = 5
"""Annotated images or slices from which on whole ones are held out."""

LARGEST_STRIP = 1 / 3
"""Of the annotation of an image, at most this much goes into its strip."""

MIN_PIXELS = 50
"""Annotated pixels per class below which a held-out strip says nothing."""


@dataclass(frozen=True)
class Split:
    """What is held out, per image in the order of the request, in label axes.

    Attributes
    ----------
    regions : tuple of tuple of Box
        Scored, never trained on.
    excluded : tuple of tuple of Box
        Never trained on: the regions with their guard.
    honest : bool
        Whether there is anything to score.
    reason : str
        How the regions were chosen, or why there are none.
    """

    regions: tuple[tuple[Box, ...], ...]
    excluded: tuple[tuple[Box, ...], ...]
    honest: bool
    reason: str


def plan_validation(
    planes: Sequence[Plane],
    shapes: Sequence[tuple[int, ...]],
    fraction: float,
    guard: int,
    earlier: Mapping[int, tuple[Box, ...]] | None = None,
) -> Split:
    """Choose what to hold out; the same for the same arguments.

    Parameters
    ----------
    planes : sequence of Plane
        What is annotated.
    shapes : sequence of tuple of int
        Shape of each image's labels.
    fraction : float
        Fraction of the annotation to hold out.
    guard : int
        Width of the guard band beside a strip, in pixels; at most an eighth of the image's side is taken.
    earlier : mapping, optional
        By index of the image: the boxes held out when a parent model was trained on it.
    """
    earlier = {i: boxes for i, boxes in (earlier or {}).items() if _fits(boxes, shapes[i])}
    new = [plane for plane in planes if plane.image not in earlier]
    plan: list[tuple[int, Box, Box]] = []
    reason = "Held out: nothing, as asked." if not fraction else ""
    if fraction and new:
        plan, reason = _choose(new, shapes, fraction, guard)
    ndim = len(planes[0].shape)
    regions: list[tuple[Box, ...]] = [earlier.get(i, ()) for i in range(len(shapes))]
    excluded: list[tuple[Box, ...]] = [
        tuple(_grow(box, guard, shape, ndim) for box in boxes)
        for boxes, shape in zip(regions, shapes, strict=True)
    ]
    if any(regions):
        reason = f"Held out as when this model was trained before. {reason}".strip()
    elif not new and fraction:
        reason = "No honest score: the model was trained on all of these images before."
    for image, region, wide in plan:
        regions[image] += (region,)
        excluded[image] += (wide,)
    return Split(tuple(regions), tuple(excluded), any(regions), reason)


def _choose(
    planes: Sequence[Plane], shapes: Sequence[tuple[int, ...]], fraction: float, guard: int
) -> tuple[list[tuple[int, Box, Box]], str]:
    images = sorted({plane.image for plane in planes})
    total = _total(planes)
    if len(images) >= ENOUGH:
        n = max(1, round(fraction * len(images)))
        for shift in range(max(1, len(images) // n)):  # another comb where this one lacks a class
            chosen = {images[int((k + 0.5) * len(images) / n + shift) % len(images)] for k in range(n)}
            held = _total([p for p in planes if p.image in chosen])
            if _good(held, held, total):
                whole = {i: tuple((0, size) for size in shapes[i]) for i in sorted(chosen)}
                return [(i, b, b) for i, b in whole.items()], f"Held out: {n} of {len(images)} images."
    best = max(images, key=lambda i: len({p.position for p in planes if p.image == i}))
    slices = _slices([p for p in planes if p.image == best], shapes[best], fraction, total)
    if slices is not None:
        return slices
    plan = _strips(planes, shapes, fraction, guard, total)
    if plan:
        return plan, (
            f"Held out: {'a strip' if len(plan) == 1 else f'{len(plan)} strips'} of the annotated area, "
            f"with a guard band of up to {guard} pixels that is not trained on."
        )
    return [], "No honest score: too little is annotated to hold some of every class out."


def _slices(
    planes: Sequence[Plane], shape: tuple[int, ...], fraction: float, total: NDArray[np.int64]
) -> tuple[list[tuple[int, Box, Box]], str] | None:
    """Consecutive slices at the end of the leading axis along which most is annotated."""
    n_leading = len(planes[0].position)
    along = [sorted({p.position[axis] for p in planes}) for axis in range(n_leading)]
    if not along or max(map(len, along)) < ENOUGH:
        return None
    axis = int(np.argmax([len(indices) for indices in along]))
    indices = along[axis]
    n = max(1, round(fraction * len(indices)))
    first = indices[-n]
    held = _total([p for p in planes if p.position[axis] >= first])
    guarded = _total([p for p in planes if p.position[axis] >= first - 1])
    if not _good(held, guarded, total):
        return None
    region = tuple((first, size) if a == axis else (0, size) for a, size in enumerate(shape))
    wide = tuple((max(first - 1, 0), size) if a == axis else (0, size) for a, size in enumerate(shape))
    reason = (
        f"Held out: the last {n} of {len(indices)} annotated slices; the slice before them is not trained on."
    )
    return [(planes[0].image, region, wide)], reason


def _strips(
    planes: Sequence[Plane],
    shapes: Sequence[tuple[int, ...]],
    fraction: float,
    guard: int,
    total: NDArray[np.int64],
) -> list[tuple[int, Box, Box]]:
    """Strips of the most annotated planes first, until the fraction is reached."""
    wanted = fraction * total.sum()
    plan: list[tuple[int, Box, Box]] = []
    left = total.copy()
    reached = 0
    for plane in sorted(planes, key=lambda p: -int(p.counts.sum())):
        missing = wanted - reached
        if plan and missing < 0.25 * wanted:
            break
        beside = [p for p in planes if _are_neighbours(p, plane)]
        strip = _best_strip(plane, beside, min(missing / plane.counts.sum(), LARGEST_STRIP), guard, left)
        if strip is None:
            continue
        axis, (low, high), (wide_low, wide_high) = strip
        left -= sum(p.profiles[axis][:, wide_low:wide_high].sum(axis=1) for p in (plane, *beside))
        reached += int(plane.profiles[axis][:, low:high].sum())
        full = tuple((0, size) for size in plane.shape)
        region = plane.box((*full[:axis], (low, high), *full[axis + 1 :]))
        plan.append((plane.image, region, _grow(region, guard, shapes[plane.image], len(plane.shape))))
    return plan


def _are_neighbours(one: Plane, other: Plane) -> bool:
    """Whether two slices or frames of an image show nearly the same."""
    if one.image != other.image:
        return False
    return max((abs(a - b) for a, b in zip(one.position, other.position, strict=True)), default=0) == 1


def _best_strip(
    plane: Plane, beside: Sequence[Plane], fraction: float, guard: int, left: NDArray[np.int64]
) -> tuple[int, tuple[int, int], tuple[int, int]] | None:
    """Axis, bounds and bounds with guard of the strip that holds most classes and loses least to its guard."""
    best: tuple[tuple[int, float], tuple[int, tuple[int, int], tuple[int, int]]] | None = None
    for axis, profile in enumerate(plane.profiles):
        size = plane.shape[axis]
        band = _band(guard, size)
        filled = np.cumsum(profile.sum(axis=0)) / profile.sum()
        first, last = np.searchsorted(filled, [fraction, 1 - fraction])
        for held, wide in (
            ((0, int(first) + 1), (0, min(int(first) + 1 + band, size))),
            ((int(last) + 1, size), (max(int(last) + 1 - band, 0), size)),
        ):
            inside = profile[:, slice(*held)].sum(axis=1)
            lost = sum(p.profiles[axis][:, slice(*wide)].sum(axis=1) for p in (plane, *beside))
            if not _good(inside, lost, left) or (np.sort(inside)[-2] < MIN_PIXELS):
                continue
            value = (int(np.count_nonzero(inside >= MIN_PIXELS)), -float(lost.sum()))
            if best is None or value > best[0]:
                best = value, (axis, held, wide)
    return best[1] if best else None


def _good(held: NDArray[np.int64], lost: NDArray[np.int64], total: NDArray[np.int64]) -> bool:
    """Whether two classes are held out and a third of every class is left."""
    return bool(np.count_nonzero(held) >= 2 and np.all(3 * (total - lost) >= total))


def _total(planes: Sequence[Plane]) -> NDArray[np.int64]:
    return np.asarray(np.sum([plane.counts for plane in planes], axis=0))


def _band(guard: int, size: int) -> int:
    """Width of the guard band along an axis of ``size`` pixels."""
    return min(guard, size // 8)


def _grow(box: Box, guard: int, shape: tuple[int, ...], ndim: int) -> Box:
    """Add the guard: pixels along spatial axes, one position along leading ones that the box does not fill."""
    widths = [1] * (len(shape) - ndim) + [_band(guard, size) for size in shape[-ndim:]]
    return tuple(
        (max(start - width, 0), min(stop + width, size))
        for (start, stop), width, size in zip(box, widths, shape, strict=True)
    )


def _fits(boxes: Sequence[Box], shape: tuple[int, ...]) -> bool:
    return all(
        len(box) == len(shape) and all(0 <= a < b <= n for (a, b), n in zip(box, shape, strict=True))
        for box in boxes
    )

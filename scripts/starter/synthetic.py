"""Images made up from membranes, blobs, fibres and textures, with the class of every pixel.

None looks like a real image for long. Together they hold what a network has to tell apart in real ones: lines from
edges, thin from thick, filled from empty, one grain from another, at any contrast, of either sign, in grey or stained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Random = np.random.Generator
Field = NDArray[np.float32]
"""(Y, X)."""


class Example(NamedTuple):
    """An image (3, Y, X), float32, each channel of mean 0 and deviation 1, and classes (Y, X), uint8, from 0."""

    image: NDArray[np.float32]
    classes: NDArray[np.uint8]


def make(random: Random, size: int = 192) -> Example:
    """Draw an image of any kind."""
    kind = _KINDS[int(random.choice(len(_KINDS), p=_ODDS))]
    for _ in range(20):
        brightness, classes = kind(random, size)
        if np.bincount(classes.ravel(), minlength=2).max() < 0.97 * classes.size:
            break
    image = _stained(random, brightness) if random.random() < 0.35 else np.stack([brightness] * 3)
    image = _taken(random, image)
    mean, deviation = image.mean((1, 2), keepdims=True), image.std((1, 2), keepdims=True)
    return Example(((image - mean) / np.maximum(deviation, 1e-6)).astype(np.float32), classes)


# What is seen


def cells(random: Random, size: int) -> tuple[Field, NDArray[np.uint8]]:
    """Cells that fill the plane, with membranes between them (0), their inside (1) and organelles in it (2)."""
    spacing = np.exp(random.uniform(np.log(10), np.log(60)))
    edge, number = _voronoi(random, size, spacing)
    width = np.exp(random.uniform(np.log(0.8), np.log(max(1.0, spacing / 8))))
    width = width * (1 + 0.4 * _noise(random, size, spacing))
    classes = (edge > width).astype(np.uint8)
    tint = random.normal(0, 1, number.max() + 1).astype(np.float32)[number]
    inside = 0.25 * random.random() * tint + random.uniform(0, 0.4) * _grain(random, size)
    depth = random.uniform(0.6, 2.0)
    brightness = inside - depth * np.clip(1.3 - edge / np.maximum(width, 0.5), 0, 1)
    if random.random() < 0.6:
        organelle, rim = _blobs(random, size, spacing * random.uniform(0.2, 0.6), random.uniform(0.05, 0.3))
        organelle &= edge > width + 1
        dark = random.uniform(-1.2, 0.6)
        texture = random.uniform(0, 0.7) * _stripes(random, size)
        brightness = np.where(organelle, brightness + dark + texture, brightness)
        brightness = np.where(organelle & (rim < 1.5), brightness - random.uniform(0, 1.2), brightness)
        if random.random() < 0.7:
            classes[organelle] = 2
    return brightness.astype(np.float32), classes


def blobs(random: Random, size: int) -> tuple[Field, NDArray[np.uint8]]:
    """Round and ragged bodies of one kind or two upon a background with clutter of its own."""
    radius = np.exp(random.uniform(np.log(3), np.log(30)))
    inside, rim = _blobs(random, size, radius, random.uniform(0.1, 0.6))
    brightness = random.uniform(0.1, 0.8) * _noise(random, size, np.exp(random.uniform(1, 4)))
    brightness = brightness + random.uniform(0, 0.5) * _grain(random, size)
    sign = random.choice([-1, 1])
    texture = random.uniform(0, 0.8) * _grain(random, size)
    body = sign * random.uniform(0.4, 2.5) + texture + random.uniform(0, 0.5) * _noise(random, size, radius)
    brightness = np.where(inside, body, brightness)
    if random.random() < 0.4:  # hollow, or with a halo
        ring = (rim < random.uniform(1, 1 + radius / 4)) & inside
        brightness = np.where(ring, brightness + random.normal(0, 1.0), brightness)
    classes = inside.astype(np.uint8)
    if random.random() < 0.5:  # others, of the same brightness but another size or grain
        other, _ = _blobs(random, size, radius * random.choice([0.35, 0.5, 2.0]), random.uniform(0.03, 0.2))
        other &= ~ndimage.binary_dilation(inside, iterations=2)
        brightness = np.where(
            other, body - texture + random.uniform(0, 0.6) * _stripes(random, size), brightness
        )
        if random.random() < 0.5:
            classes[other] = 2
    return brightness.astype(np.float32), classes


def fibres(random: Random, size: int) -> tuple[Field, NDArray[np.uint8]]:
    """Curved lines that taper and branch, sometimes of two widths that are classes of their own."""
    classes = np.zeros((size, size), np.uint8)
    brightness = random.uniform(0.1, 0.9) * _noise(random, size, np.exp(random.uniform(1.5, 4)))
    brightness = brightness + random.uniform(0, 0.6) * _grain(random, size)
    sign, base = random.choice([-1, 1]), np.exp(random.uniform(np.log(0.7), np.log(6)))
    kinds = 2 if random.random() < 0.35 else 1
    for kind in range(kinds):
        wide = base * (1, 2.8)[kind]
        for _ in range(int(random.integers(2, 14))):
            near = _line(random, size, wide)
            inside = near < 1
            strength = sign * random.uniform(0.4, 2.0)
            brightness = brightness + strength * np.clip(1.2 - near, 0, 1)
            classes[inside] = kind + 1
    return brightness.astype(np.float32), classes


def textures(random: Random, size: int) -> tuple[Field, NDArray[np.uint8]]:
    """Two to four areas of about the same brightness, each with a grain of its own."""
    n = int(random.integers(2, 5))
    fields = [_noise(random, size, np.exp(random.uniform(2.2, 4.2))) for _ in range(n)]
    classes = np.argmax(fields, axis=0).astype(np.uint8)
    brightness = np.zeros((size, size), np.float32)
    for kind in range(n):
        texture = (_grain, _stripes, _spots)[int(random.integers(3))](random, size)
        level = random.normal(0, 0.5)
        brightness = np.where(classes == kind, level + random.uniform(0.3, 1.2) * texture, brightness)
    if random.random() < 0.3:
        edge = ndimage.morphological_gradient(classes, size=3) > 0
        brightness = np.where(edge, brightness + random.normal(0, 1.5), brightness)
    return brightness.astype(np.float32), classes


_KINDS: tuple[Callable[[Random, int], tuple[Field, NDArray[np.uint8]]], ...] = (
    cells,
    blobs,
    fibres,
    textures,
)
_ODDS = (0.35, 0.3, 0.15, 0.2)


# What it is made of


def _noise(random: Random, size: int, length: float) -> Field:
    """Smooth noise of deviation 1 that changes over about ``length`` pixels."""
    step = max(1, int(length / 3))
    coarse = random.standard_normal((size // step + 8,) * 2).astype(np.float32)
    coarse = ndimage.gaussian_filter(coarse, length / step / 2)
    fine = ndimage.zoom(coarse, step, order=1)[:size, :size] if step > 1 else coarse[:size, :size]
    return np.asarray(fine / max(float(fine.std()), 1e-6), np.float32)


def _grain(random: Random, size: int) -> Field:
    """Noise of one length."""
    length = np.exp(random.uniform(np.log(0.4), np.log(5)))
    return (
        _noise(random, size, length)
        if length > 0.8
        else random.standard_normal((size, size)).astype(np.float32)
    )


def _stripes(random: Random, size: int) -> Field:
    """Wavy stripes, as in mitochondria, muscle or fingerprints."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    angle, period = random.uniform(0, np.pi), np.exp(random.uniform(np.log(3), np.log(14)))
    bend = random.uniform(0, 2 * period) * _noise(random, size, 30)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle) + bend) / period)
    return np.asarray(1.2 * wave, np.float32)


def _spots(random: Random, size: int) -> Field:
    """Spots of one size."""
    scale = np.exp(random.uniform(np.log(0.7), np.log(3)))
    points = (random.random((size, size)) < 0.15 / (scale * scale * 6)).astype(np.float32)
    field = ndimage.gaussian_filter(points, scale)
    return np.asarray(
        (field - field.mean()) / max(float(field.std()), 1e-6) * random.choice([-1, 1]), np.float32
    )


def _warped(random: Random, size: int, strength: float, length: float) -> tuple[Field, Field]:
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return y + strength * _noise(random, size, length), x + strength * _noise(random, size, length)


def _voronoi(random: Random, size: int, spacing: float) -> tuple[Field, NDArray[np.intp]]:
    """About how far the next border is, in pixels, and the number of the cell."""
    margin = 2 * spacing
    n = max(4, int(((size + 2 * margin) / spacing) ** 2))
    points = random.uniform(-margin, size + margin, (n, 2))
    stretch = np.exp(random.uniform(-0.5, 0.5))
    y, x = _warped(random, size, spacing * random.uniform(0.05, 0.35), spacing * random.uniform(0.5, 1.5))
    where = np.stack([y * stretch, x / stretch], axis=-1).reshape(-1, 2)
    distance, index = cKDTree(points * [stretch, 1 / stretch]).query(where, k=2)
    edge = ((distance[:, 1] - distance[:, 0]) / 2).reshape(size, size).astype(np.float32)
    return edge, index[:, 0].reshape(size, size)


def _blobs(random: Random, size: int, radius: float, share: float) -> tuple[NDArray[np.bool_], Field]:
    """Bodies that cover about ``share``; how deep inside a pixel lies."""
    radius = max(2.0, radius)
    y, x = _warped(random, size, radius * random.uniform(0, 0.35), radius * random.uniform(0.6, 2))
    inside = np.zeros((size, size), bool)
    n = max(1, int(-np.log(1 - min(share, 0.9)) * size * size / (np.pi * radius**2)))
    for _ in range(min(n, 400)):
        cy, cx, angle = random.uniform(0, size), random.uniform(0, size), random.uniform(0, np.pi)
        long = radius * np.exp(random.normal(0, 0.25))
        short = long * random.uniform(0.45, 1.0)
        reach = int(long * 1.8) + 3
        part = (
            slice(max(0, int(cy) - reach), int(cy) + reach),
            slice(max(0, int(cx) - reach), int(cx) + reach),
        )
        dy, dx = y[part] - cy, x[part] - cx
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        body = (along / long) ** 2 + (across / short) ** 2 < 1
        touching = random.random() < 0.5
        if touching:  # a gap is left between bodies that touch
            body &= ~ndimage.binary_dilation(inside[part] & ~body)
        inside[part] |= body
    return inside, ndimage.distance_transform_edt(inside).astype(np.float32)


def _line(random: Random, size: int, wide: float) -> Field:
    """Distance from a curve in units of its half width: below 1 inside."""
    n, step = 200, 2.0
    turn = np.cumsum(random.normal(0, random.uniform(0.02, 0.12), n)) + random.uniform(0, 2 * np.pi)
    start = random.uniform(-10, size + 10, 2)
    points = start + np.cumsum(step * np.stack([np.sin(turn), np.cos(turn)], 1), axis=0)
    points = points[(points > -20).all(1) & (points < size + 20).all(1)][: int(random.integers(30, n))]
    if len(points) < 2:
        return np.full((size, size), 9.0, np.float32)
    half = wide * np.linspace(1, random.uniform(0.3, 1), len(points)) / 2 + 0.3
    y, x = np.mgrid[:size, :size]
    distance, index = cKDTree(points).query(
        np.stack([y, x], -1).reshape(-1, 2), distance_upper_bound=4 * wide + 4
    )
    index = np.minimum(index, len(points) - 1)
    return np.asarray(np.minimum(distance / half[index], 9).reshape(size, size), np.float32)


# How it is taken


def _stained(random: Random, density: Field) -> Field:
    """Colours as of two stains on white: what is dark takes the first, and clutter the second (Beer and Lambert)."""
    size = len(density)
    scaled = (density - density.min()) / max(float(np.ptp(density)), 1e-6)
    first = random.uniform(0.2, 1.0, 3)
    second = random.uniform(0.1, 0.9, 3)
    other = random.uniform(0.1, 0.7) * np.abs(_noise(random, size, np.exp(random.uniform(1, 3.5))))
    absorbed = first[:, None, None] * scaled * random.uniform(0.6, 2) + second[:, None, None] * other
    return np.asarray(np.exp(-absorbed), np.float32)


def _taken(random: Random, image: Field) -> Field:
    """Uneven light, blur, curve, noise."""
    size = image.shape[-1]
    if random.random() < 0.5:
        image = image + random.uniform(0, 0.5) * image.std() * _noise(random, size, size / 2)
    if random.random() < 0.6:
        blur = random.uniform(0.3, 1.8)
        image = np.stack([ndimage.gaussian_filter(channel, blur) for channel in image])
    if random.random() < 0.5:
        low, high = image.min(), image.max()
        image = ((image - low) / max(high - low, 1e-6)) ** np.exp(random.uniform(-0.7, 0.7))
    noise = random.exponential(0.2) * image.std()
    grain = random.standard_normal(image.shape if random.random() < 0.5 else (1, *image.shape[1:]))
    return np.asarray(image + noise * grain, np.float32)

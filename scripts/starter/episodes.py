"""Tasks as a person sets them: a few strokes on one part of an image, to be continued everywhere else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scripts.starter.synthetic import Example, Random
from torch import Tensor

SIDE = 128
PATCHES = 4
"""Per episode: one is painted on, all are to be answered."""


class Episode(NamedTuple):
    """What one task consists of.

    Attributes
    ----------
    images : Tensor of float32, (PATCHES, 3, SIDE, SIDE)
        Of one image, or of two of the same set.
    strokes : Tensor of int64, (PATCHES, SIDE, SIDE)
        Painted classes, -1 elsewhere.
    classes : Tensor of int64, (PATCHES, SIDE, SIDE)
        The truth, numbered as the strokes are; -1 where no stroke says what that is.
    n_classes : int
        At least 2.
    """

    images: Tensor
    strokes: Tensor
    classes: Tensor
    n_classes: int


def draw(random: Random, examples: list[Example]) -> Episode | None:
    """An episode of parts of the examples, painted on the first; ``None`` if there is nothing to tell apart."""
    crops = [_crop(random, examples[0 if i < 2 else -1]) for i in range(PATCHES)]
    images = np.stack([crop.image for crop in crops])
    classes = np.stack([crop.classes for crop in crops]).astype(np.int64)
    if (kinds := np.unique(classes[0])).size > 2 and random.random() < 0.5:  # one against all others
        classes = (classes == random.choice(kinds)).astype(np.int64)
    strokes = np.full_like(classes, -1)
    painted = int(np.exp(random.uniform(np.log(40), np.log(900))))
    n_painted = 1 if random.random() < 0.7 else 2
    for i in range(n_painted):
        strokes[i] = paint(random, classes[i], painted // n_painted)
    seen = np.unique(strokes[strokes >= 0])
    if len(seen) < 2:
        return None
    table = np.full(256, -1)
    table[seen] = np.arange(len(seen))
    strokes, classes = np.where(strokes >= 0, table[strokes], -1), table[classes]
    parts = torch.from_numpy(images), torch.from_numpy(strokes), torch.from_numpy(classes)
    return Episode(*parts, len(seen))


def paint(random: Random, classes: NDArray[np.int64], n_pixels: int) -> NDArray[np.int64]:
    """Strokes of about ``n_pixels`` in all, as many of each class; -1 where nothing is painted.

    A stroke starts anywhere in its class, keeps about its direction, bends away from other classes, and ends where it
    cannot.
    """
    strokes = np.full_like(classes, -1)
    kinds = np.unique(classes[classes >= 0])
    for kind in kinds:
        inside = classes == kind
        places = np.argwhere(inside)
        left = n_pixels // len(kinds)
        for _ in range(60):
            if left <= 0:
                break
            brush = int(random.choice([1, 1, 2, 3]))
            y, x = places[random.integers(len(places))].astype(float)
            angle, length = random.uniform(0, 2 * np.pi), int(min(left / brush, random.integers(5, 50))) + 1
            for _ in range(length):
                low_y, low_x = int(y) - (brush - 1) // 2, int(x) - (brush - 1) // 2
                part = (slice(max(low_y, 0), low_y + brush), slice(max(low_x, 0), low_x + brush))
                fresh = inside[part] & (strokes[part] < 0)
                strokes[part][fresh] = kind
                left -= int(fresh.sum())
                for turn in (random.normal(0, 0.25), 0.7, -0.7, 1.4, -1.4):
                    to_y, to_x = y + np.sin(angle + turn), x + np.cos(angle + turn)
                    ahead = 0 <= to_y < len(inside) and 0 <= to_x < inside.shape[1]
                    if ahead and inside[int(to_y), int(to_x)]:
                        break
                else:
                    break
                y, x, angle = to_y, to_x, angle + turn
    return strokes


def _crop(random: Random, example: Example) -> Example:
    top = int(random.integers(0, example.classes.shape[0] - SIDE + 1))
    left = int(random.integers(0, example.classes.shape[1] - SIDE + 1))
    part = (slice(top, top + SIDE), slice(left, left + SIDE))
    image, classes = example.image[(slice(None), *part)], example.classes[part]
    if random.random() < 0.5:
        image, classes = image.swapaxes(1, 2), classes.T
    down, right = (int(step) for step in random.choice([-1, 1], 2))
    return Example(image[:, ::down, ::right].copy(), classes[::down, ::right].copy())

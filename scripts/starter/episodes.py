"""Tasks as a person sets them: a few strokes on one part of an image, to be continued everywhere else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scripts.starter.strokes import paint
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


def _crop(random: Random, example: Example) -> Example:
    top = int(random.integers(0, example.classes.shape[0] - SIDE + 1))
    left = int(random.integers(0, example.classes.shape[1] - SIDE + 1))
    part = (slice(top, top + SIDE), slice(left, left + SIDE))
    image, classes = example.image[(slice(None), *part)], example.classes[part]
    if random.random() < 0.5:
        image, classes = image.swapaxes(1, 2), classes.T
    down, right = (int(step) for step in random.choice([-1, 1], 2))
    return Example(image[:, ::down, ::right].copy(), classes[::down, ::right].copy())

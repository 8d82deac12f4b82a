"""Evenly spread blocks of an image: a bounded, deterministic sample of something of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import numpy as np

from napari_unet.events import Box

MAX_PLANES = 16
MAX_BLOCKS = 4
BLOCK = 256


def spread_blocks(shape: Sequence[int]) -> Iterator[Box]:
    """Boxes spread evenly over a label image, the same for the same shape.

    At most 16 YX planes, the first and the last among them; of a plane larger than 1024² at most 4 × 4 blocks
    of 256² that touch all four edges, otherwise all of it. So at most 256 reads and 16.8 million pixels.

    Parameters
    ----------
    shape : sequence of int
        Shape of a label image, ``Y`` and ``X`` last.

    Yields
    ------
    Box
        Half-open bounds for every axis.
    """
    *leading, height, width = shape
    n_planes = prod(leading)
    for plane in _spread(n_planes, MAX_PLANES):
        position = np.unravel_index(plane, tuple(leading)) if leading else ()
        prefix = tuple((int(i), int(i) + 1) for i in position)
        if height * width <= (MAX_BLOCKS * BLOCK) ** 2:
            yield (*prefix, (0, height), (0, width))
            continue
        for top in _spread(height - min(BLOCK, height) + 1, MAX_BLOCKS):
            for left in _spread(width - min(BLOCK, width) + 1, MAX_BLOCKS):
                yield (*prefix, (top, min(top + BLOCK, height)), (left, min(left + BLOCK, width)))


def spread_boxes(shape: Sequence[int], ndim: int, side: int, at_most: int) -> list[Box]:
    """Boxes of one size spread evenly over an image, the same for the same shape.

    Parameters
    ----------
    shape : sequence of int
        Shape of a label image, its ``ndim`` spatial axes last.
    ndim : int
        Spatial axes of a box; along the others it is 1 wide.
    side : int
        Of a box, in pixels; all of an axis that is shorter.
    at_most : int
        How many boxes. Together they touch all edges if three per axis are allowed.

    Returns
    -------
    list of Box
        Half-open bounds for every axis.
    """
    leading, spatial = tuple(shape[:-ndim]), shape[-ndim:]
    sides = [min(side, size) for size in spatial]
    starts = [
        _spread(size - length + 1, min(3, -(-size // length)))
        for size, length in zip(spatial, sides, strict=True)
    ]
    boxes: list[Box] = []
    for plane in _spread(prod(leading), at_most):
        position = np.unravel_index(plane, leading) if leading else ()
        prefix = tuple((int(i), int(i) + 1) for i in position)
        for corner in product(*starts):
            boxes.append(
                (*prefix, *((start, start + length) for start, length in zip(corner, sides, strict=True)))
            )
    return [boxes[i] for i in _spread(len(boxes), at_most)]


def _spread(n: int, at_most: int) -> list[int]:
    """Return at most ``at_most`` different indices below ``n``, first and last included."""
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, at_most))})

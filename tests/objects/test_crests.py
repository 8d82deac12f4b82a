"""Tops that lie in several blocks."""

from __future__ import annotations

import numpy as np

from napari_unet.objects.ascent import FRAME, HALO, climb
from napari_unet.objects.crests import Crests
from napari_unet.objects.flows import Flows

RIGHT, DOWN, LEFT, UP = 0, 64, 128, 192


def crests_of(codes: np.ndarray, core: int) -> Crests:
    """Of a plane in which everything is foreground, in blocks side by side."""
    height, width = codes.shape
    crests, offset = Crests(codes.shape), 0
    for left in range(0, width, core):
        right = min(left + core, width)
        beyond = ((HALO, HALO), (max(0, HALO - left), max(0, right + HALO - width)))
        relief = codes[:, max(0, left - HALO) : right + HALO]
        framed = Flows().framed(np.full_like(relief, 255), relief, beyond)
        code = Flows().steps(framed)
        ascent = climb(framed, code)
        crests.add(((-FRAME, height + FRAME), (left - FRAME, right + FRAME)), code, ascent, offset)
        offset += len(ascent) + 1
    return crests


def test_a_circle_across_a_seam_is_one_top() -> None:
    codes = np.full((8, 12), DOWN, np.uint8)
    codes[1, 3:9], codes[1:6, 9], codes[6, 4:10], codes[2:7, 3] = RIGHT, DOWN, LEFT, UP
    codes[2:6, 4:9] = LEFT  # into it
    circle = np.zeros(codes.shape, bool)
    circle[1:7, 3:10] = True
    circle[2:6, 4:9] = False
    pixels, numbers, pairs = crests_of(codes, 6).found()
    in_circle = circle.ravel()[pixels]
    assert sorted(pixels[in_circle].tolist()) == np.flatnonzero(circle).tolist()
    assert len(set(numbers[in_circle].tolist())) == 2  # of each block the one that leaves it
    assert (pixels[~in_circle] // 12 == 7).all()  # all others end at the bottom
    mates = {frozenset(pair) for pair in pairs.T.tolist()}
    assert frozenset(numbers[in_circle].tolist()) in mates


def test_ways_that_lead_through_a_block_are_no_tops() -> None:
    codes = np.full((4, 12), RIGHT, np.uint8)
    pixels, _, _ = crests_of(codes, 4).found()
    assert sorted(pixels.tolist()) == [11, 23, 35, 47]

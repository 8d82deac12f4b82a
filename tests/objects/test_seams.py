"""Pixels along the seams between blocks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from napari_unet.objects.seams import Seams


@pytest.mark.parametrize(("shape", "core"), [((7, 9), 4), ((5, 5), 1), ((4, 5, 3), 2), ((3, 3), 5)])
def test_all_neighbours_in_different_blocks_are_found(shape: tuple[int, ...], core: int) -> None:
    image = np.arange(int(np.prod(shape))).reshape(shape)  # a number for each pixel
    seams = Seams(shape, core)
    for corner in product(*(range(0, side, core) for side in shape)):
        box = tuple((a, min(a + core, side)) for a, side in zip(corner, shape, strict=True))
        block = image[tuple(slice(a, b) for a, b in box)]
        here = seams.add(box, block - 3, 3)
        np.testing.assert_array_equal(seams._numbers[-1], block.ravel()[here])
    seams.sort()
    np.testing.assert_array_equal(seams.numbers, seams.pixels)
    np.testing.assert_array_equal(seams.numbers_at(seams.pixels[::-1]), seams.pixels[::-1])
    found = {
        (int(seams.pixels[a]), int(seams.pixels[b])): straight
        for one, other, straight in seams.neighbours()
        for a, b in zip(one, other, strict=True)
    }
    expected = {}
    for a in np.ndindex(*shape):
        for b in np.ndindex(*shape):
            step = np.abs(np.subtract(a, b))
            blocks = [tuple(i // core for i in p) for p in (a, b)]
            if a < b and step.max() == 1 and blocks[0] != blocks[1]:
                expected[int(image[a]), int(image[b])] = bool(step.sum() == 1)
    assert found == expected

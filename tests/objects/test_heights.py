"""What is climbed where maps hold heights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.objects.ascent import climb, core_of
from napari_unet.objects.heights import Heights


@pytest.mark.parametrize("shape", [(7, 12), (4, 5, 6)])
def test_heights_are_smoothed_in_whole_numbers(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    foreground, height = random.integers(0, 256, (2, *shape)).astype(np.uint8)
    framed = Heights().framed(foreground, height, ((3, 3),) * len(shape))
    expected = height.astype(np.int64)
    for axis in range(len(shape)):
        expected = ndimage.correlate1d(expected, [1, 4, 6, 4, 1], axis, mode="nearest")
    np.testing.assert_array_equal(core_of(framed), np.where(foreground >= 13, np.maximum(expected, 1), 0))
    assert framed.sum() == core_of(framed).sum()


def test_a_block_that_rises_beyond_its_edge_has_no_peak() -> None:
    height = np.tile(np.arange(1, 11, dtype=np.uint8) * 20, (10, 1))  # rises to the right
    framed = Heights().framed(np.full_like(height, 255), height, ((0, 0),) * 2)
    assert framed.shape == (8, 8)  # core 4x4 around which all is known
    ascent = climb(framed, Heights().steps(framed))
    assert not ascent.inner.any()
    assert (ascent.pixels[core_of(ascent.ends)] % 8 == 6).all()


def test_a_pass_is_the_best_way() -> None:
    ends, framed = np.zeros((7, 8), np.int32), np.zeros((7, 8), np.int64)
    core_of(ends)[...] = [[1, 1, 2, 2]] * 3
    core_of(framed)[...] = [[900, 512, 300, 900], [900, 200, 768, 900], [900, 256, 256, 900]]
    one, other, height = Heights().passes(ends, framed)
    assert (one.tolist(), other.tolist(), height.tolist()) == ([1], [2], [2.0])  # 512, diagonally

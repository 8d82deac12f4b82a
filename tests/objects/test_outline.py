from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_unet.objects.measurement import measure
from napari_unet.objects.outline import outline_lengths


def test_pixels_twice_as_high_count_like_two():
    rng = np.random.default_rng(3)
    for _ in range(5):
        labels = np.zeros((120, 120), np.uint8)
        labels[disk(rng.uniform(50, 70, 2), rng.uniform(30, 45))] = 1
        flat = labels[::2]
        assert measure(flat, scale=(2, 1))["perimeter"][0] == pytest.approx(
            measure(labels)["perimeter"][0], rel=0.03
        )


def test_all_angles_have_their_say():
    crossings = np.array([[3.0, 0, 0, 0], [0, 5, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]])
    squares = outline_lengths(crossings, (1, 1))
    assert squares == pytest.approx(np.pi / 8 * np.array([3, 5, 2**0.5, 2**0.5]))
    assert outline_lengths(crossings, (3, 3)) == pytest.approx(3 * squares)


def test_a_spiral_has_its_hull():
    """Chains that open to the wrong side again and again."""
    labels = np.zeros((41, 41), np.uint8)
    top, left, bottom, right = 0, 0, 40, 40
    while bottom - top > 3:
        labels[top, left : right + 1] = labels[top : bottom + 1, right] = labels[bottom, left : right + 1] = 1
        labels[top + 2 : bottom + 1, left] = labels[top + 2, left : left + 3] = 1
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    assert measure(labels)["solidity"][0] == pytest.approx(labels.sum() / 41**2)

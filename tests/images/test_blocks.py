from __future__ import annotations

import numpy as np
import pytest

from napari_unet.images.blocks import spread_boxes


@pytest.mark.parametrize(
    ("shape", "ndim", "side", "at_most"),
    [
        ((30,), 1, 8, 2),
        ((100, 90), 2, 32, 9),
        ((7, 3, 60, 20), 2, 32, 9),
        ((5, 64, 64), 3, 32, 9),
        ((9, 9), 2, 9, 1),
    ],
)
def test_boxes_of_one_size_inside_the_image(
    shape: tuple[int, ...], ndim: int, side: int, at_most: int
) -> None:
    boxes = spread_boxes(shape, ndim, side, at_most)
    assert 0 < len(boxes) <= at_most
    assert len(set(boxes)) == len(boxes)
    for box in boxes:
        for axis, ((start, stop), size) in enumerate(zip(box, shape, strict=True)):
            assert 0 <= start < stop <= size
            assert stop - start == (1 if axis < len(shape) - ndim else min(side, size))


def test_all_of_a_small_image_is_seen() -> None:
    seen = np.zeros((500, 300), bool)
    for box in spread_boxes(seen.shape, 2, 256, 9):
        seen[tuple(slice(*side) for side in box)] = True
    assert seen.all()


def test_a_stack_is_seen_from_its_first_to_its_last_plane() -> None:
    planes = {box[0] for box in spread_boxes((100, 64, 64), 2, 64, 9)}
    assert len(planes) == 9
    assert {(0, 1), (99, 100)} <= planes

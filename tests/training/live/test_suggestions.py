from __future__ import annotations

from itertools import pairwise

import numpy as np

from napari_unet.training.live.suggestions import CELL, Suggestions


def doubt_at(shape, *spots):
    doubt = np.zeros(shape, np.uint8)
    for y, x in spots:
        doubt[y : y + CELL, x : x + CELL] = 200
    return doubt


def test_nothing_is_told_where_nothing_is_known():
    assert Suggestions([(256, 256)], 0).best([[]]) is None


def test_the_most_doubtful_place_then_others_never_twice_in_a_row():
    suggestions = Suggestions([(512, 512)], 0)
    doubt = doubt_at((512, 512), (64, 128), (320, 384))
    doubt[64:128, 128:192] = 250
    suggestions.note(0, (), ((0, 512), (0, 512)), doubt)
    first, second = suggestions.best([[]]), suggestions.best([[]])
    assert first.point == (96, 160)
    assert second.point == (352, 416)
    told = [second, *(suggestions.best([[]]) for _ in range(20))]
    assert all(before != after for before, after in pairwise(told))


def test_not_where_somebody_has_painted():
    suggestions = Suggestions([(512, 512)], 0)
    suggestions.note(
        0,
        (),
        ((0, 512), (0, 512)),
        doubt_at((512, 512), (64, 128), (320, 384)) // 2 + doubt_at((512, 512), (320, 384)) // 4,
    )
    painted = (np.argwhere(np.ones((40, 40))) + np.array([330, 390])).astype(np.int32)
    assert suggestions.best([[painted]]).point == (96, 160)


def test_across_slices_and_images():
    suggestions = Suggestions([(128, 128), (3, 128, 128)], 0)
    suggestions.note(0, (), ((0, 128), (0, 128)), np.full((128, 128), 10, np.uint8))
    suggestions.note(1, (2,), ((0, 128), (0, 128)), doubt_at((128, 128), (64, 64)))
    place = suggestions.best([[], []])
    assert (place.image, place.position, place.point) == (1, (2,), (96, 96))


def test_cells_seen_in_part_are_left_alone():
    suggestions = Suggestions([(128, 128)], 0)
    suggestions.note(0, (), ((10, 128), (0, 128)), doubt_at((118, 128), (0, 0)))
    place = suggestions.best([[]])
    assert place is None or place.point[0] > 64


def test_unknown_parts_lie_inside_and_everywhere():
    suggestions = Suggestions([(700, 500), (4, 100, 90)], 0)
    parts = list(suggestions.unknown(200))
    assert {image for image, _, _ in parts} == {0, 1}
    for image, position, region in parts:
        shape = (700, 500) if image == 0 else (100, 90)
        assert all(0 <= low < high <= size for (low, high), size in zip(region, shape, strict=True))
        assert len(position) == image
    assert {low for image, _, ((low, _), _) in parts if image == 0} >= {0, 448}

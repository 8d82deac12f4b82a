from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.errors import InputError
from napari_unet.objects.overlap import number_objects, shared_pixels

PLANES = arrays(np.int64, (4, 5), elements=st.sampled_from([-3, 0, 1, 2, 7, 70_000, 2**40]))


@settings(max_examples=100, deadline=None)
@given(PLANES, PLANES)
def test_pairs_are_those_of_counting(first, second):
    a, b = number_objects(first), number_objects(second)
    for plane, found in ((first, a), (second, b)):
        assert found.ids.tolist() == sorted(set(plane[plane > 0].tolist()))
        np.testing.assert_array_equal(found.sizes[1:], [(plane == i).sum() for i in found.ids])
        assert found.sizes.sum() == plane.size
        np.testing.assert_array_equal(np.r_[0, found.ids][found.numbers], np.maximum(plane, 0))
    pairs = shared_pixels(a, b)
    counted = {}
    for i, j in zip(first.flat, second.flat, strict=True):
        if i > 0 and j > 0:
            counted[int(i), int(j)] = counted.get((int(i), int(j)), 0) + 1
    rows = zip(pairs.first, pairs.second, pairs.pixels, pairs.iou, pairs.containment, strict=True)
    found = {}
    for row, column, n, iou, containment in rows:
        i, j = int(a.ids[row - 1]), int(b.ids[column - 1])
        found[i, j] = int(n)
        sizes = (first == i).sum(), (second == j).sum()
        assert iou == n / (sum(sizes) - n)
        assert containment == n / min(sizes)
    assert found == counted


@settings(max_examples=50, deadline=None)
@given(PLANES, PLANES, st.integers(0, 2**16))
def test_of_chosen_objects_the_pairs_are_the_same(first, second, seed):
    a, b = number_objects(first), number_objects(second)
    random = np.random.default_rng(seed)
    chosen = tuple(random.random(len(it) + 1) < 0.5 for it in (a, b))
    pairs, some = shared_pixels(a, b), shared_pixels(a, b, chosen)
    expected = pairs.where(chosen[0][pairs.first] & chosen[1][pairs.second])
    for name in ("first", "second", "pixels", "iou", "containment"):
        np.testing.assert_array_equal(getattr(some, name), getattr(expected, name))


def test_what_is_no_label_image_is_told():
    with pytest.raises(InputError, match="whole numbers"):
        number_objects(np.array([[0.5]]))
    assert len(number_objects(np.zeros((0, 3), np.uint8))) == 0
    assert number_objects(np.array([[True, False]])).ids.tolist() == [1]

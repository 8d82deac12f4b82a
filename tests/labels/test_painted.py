from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import ShapeMismatchError
from napari_unet.labels.painted import PaintedLabels


def test_nothing_is_painted_at_first():
    labels = PaintedLabels((700, 600))
    assert labels.counts() == {}
    assert labels.places(1) == []
    assert not labels[:, :].any()


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 900),
            st.integers(0, 700),
            st.integers(1, 200),
            st.integers(0, 3),
        ),
        max_size=6,
    )
)
def test_is_what_an_array_written_in_the_same_way_would_be(strokes):
    array = np.zeros((3, 1100, 900), np.int64)
    labels = PaintedLabels(array.shape)
    for z, y, x, side, value in strokes:
        region = ((z, z + 1), (y, y + side), (x, x + side))
        array[z, y : y + side, x : x + side] = value
        labels.write(region, np.full((1, side, side), value, np.uint8))
    np.testing.assert_array_equal(labels[...], array)
    counts = {value: int(n) for value in (1, 2, 3) if (n := (array == value).sum())}
    assert labels.counts() == counts
    for value in counts:
        found = np.concatenate(labels.places(value))
        assert len(np.unique(found, axis=0)) == len(found) == counts[value]
        assert (array[tuple(found.T)] == value).all()


def test_what_is_erased_leaves_nothing_behind():
    labels = PaintedLabels((64, 64))
    labels.write(((0, 8), (0, 8)), np.full((8, 8), 5))
    labels.write(((0, 64), (0, 64)), np.zeros((64, 64), np.uint8))
    assert labels.counts() == {}
    assert not labels[:, :].any()


@pytest.mark.parametrize("region", [((0, 4), (0, 5)), ((-1, 3), (0, 4)), ((62, 66), (0, 4))])
def test_what_does_not_fit_is_refused(region):
    with pytest.raises(ShapeMismatchError):
        PaintedLabels((64, 64)).write(region, np.ones((4, 4), np.uint8))

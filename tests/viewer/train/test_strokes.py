import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from napari_unet.viewer.train import strokes
from napari_unet.viewer.train.strokes import count_strokes


@settings(deadline=None)  # the first call imports
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 2)))
def test_strokes_are_connected_pixels_of_one_value(plane):
    expected = {v: int(label(plane == v, connectivity=2).max()) for v in (1, 2) if (plane == v).any()}
    assert count_strokes(plane) == expected


def test_a_stroke_ends_with_its_plane_and_at_the_edge():
    stack = np.zeros((2, 3, 4), np.int32)
    stack[:, 0, 3] = 5
    stack[:, 1, 0] = 5  # the next pixel in memory, and no neighbour
    assert count_strokes(stack) == {5: 4}


def test_negative_values_and_truth_values():
    assert count_strokes(np.array([[-1, 0, -1]])) == {}
    assert count_strokes(np.array([[True, False, True]])) == {1: 2}


def test_what_is_no_scribble_is_not_counted(monkeypatch):
    monkeypatch.setattr(strokes, "_MOST_RUNS", 3)
    assert count_strokes(np.tile(np.uint8([0, 1]), (4, 4))) == {}


def test_counting_ends_when_nobody_waits():
    assert count_strokes(np.ones((3, 2, 2), np.uint8), lambda: True) == {}


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 4, 4)])
def test_nothing_at_all(shape):
    assert count_strokes(np.zeros(shape, np.uint8)) == {}

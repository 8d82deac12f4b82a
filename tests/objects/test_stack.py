"""Planes linked along the axes of a time series of stacks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.objects.stack import count_objects, link_planes, linked_axes, linking_planes, plane_settings
from napari_unet.settings import ObjectSettings

SHAPE = (2, 3, 4, 9)


def series() -> np.ndarray:
    """(T, Z, Y, X): in all slices one object on the left, in the last slice another one before it."""
    planes = np.zeros(SHAPE, np.int32)
    planes[..., 1:3, 1:3] = 1
    planes[:, 2, 1:3, 5:7] = 1
    planes[:, 2, 1:3, 1:3] = 2
    return planes


def test_axes_without_a_neighbour_are_not_linked() -> None:
    assert linked_axes("TZ", SHAPE, "ZT") == "ZT"
    assert linked_axes("TZ", (1, 3, 4, 9), "ZT") == "Z"
    assert linked_axes("TZ", SHAPE, "T") == "T"
    assert linked_axes("", SHAPE[2:], "ZT") == ""


@pytest.mark.parametrize("linked", ["Z", "ZT", "T", ""])
def test_each_axis_is_linked_for_itself(linked: str) -> None:
    planes = series()
    link_planes(planes, "TZ", linked, ObjectSettings(least_slices=1))
    for frame in planes:
        assert [set(np.unique(plane)) - {0} for plane in frame] == [{1}, {1}, {1, 2}]
    assert (planes[0, 0, 1, 1] == planes[0, 2, 1, 1]) == ("Z" in linked)


def test_slices_that_are_not_linked_are_series_of_their_own() -> None:
    planes = np.zeros(SHAPE, np.int32)
    planes[:, 0, 1:3, 1:3] = 1
    planes[0, 1, 1:3, 1:3], planes[1, 1, 1:3, 6:8] = 1, 1  # gone in the second frame; another one there
    link_planes(planes, "TZ", "T", ObjectSettings())
    assert planes[:, 0].max(axis=(1, 2)).tolist() == [1, 1]
    assert planes[:, 1].max(axis=(1, 2)).tolist() == [1, 2]


def test_the_settings_say_how_slices_are_linked() -> None:
    planes = np.zeros((1, 4, 3, 9), np.int32)
    planes[0, 0, 1, 1:3], planes[0, 3, 1, 1:3] = 1, 1  # missed in two slices
    planes[0, 1, 1, 4:6], planes[0, 2, 1, 5:7] = 1, 1  # half of it above itself
    planes[0, 1:, 0, 8] = 2

    def numbers(**options: float) -> list[list[int]]:
        copy = planes.copy()
        link_planes(copy, "TZ", "Z", ObjectSettings(**options))
        return [np.unique(plane[plane > 0]).tolist() for plane in copy[0]]

    assert numbers() == [[], [1], [1], [1]]
    assert numbers(least_slices=1) == [[1], [2, 3], [3, 4], [3, 5]]
    assert numbers(slice_overlap=0.5) == [[], [1, 2], [1, 2], [2]]
    assert numbers(slices_bridged=2) == [[1], [2], [2], [1, 2]]
    assert numbers(edge_objects=False, least_slices=1) == [[1], [2], [3], [4]]


def test_linking_says_how_far_it_is_and_can_be_left() -> None:
    planes = series()
    fractions = list(linking_planes(planes, "TZ", "ZT", ObjectSettings()))
    assert fractions == sorted(fractions)
    assert len(fractions) == 2 * 2 * 3 + 2
    assert fractions[-1] == 1
    assert list(linking_planes(planes, "TZ", "", ObjectSettings())) == []
    steps = linking_planes(planes, "TZ", "Z", ObjectSettings())
    assert 0 <= next(steps) < 1
    steps.close()


def test_the_edge_counts_after_linking_only_where_slices_are_linked() -> None:
    settings = ObjectSettings(edge_objects=False, splitting=0.3)
    assert plane_settings(settings, "ZT") == settings.model_copy(update={"edge_objects": True})
    assert plane_settings(settings, "T") is settings


def test_objects_are_counted_along_what_was_linked() -> None:
    largest = np.array([[2, 2, 3], [5, 0, 1]])
    assert [count_objects(largest, "TZ", linked) for linked in ("ZT", "Z", "T", "")] == [5, 8, 10, 13]
    assert count_objects(np.array(7), "", "") == 7

"""Regions of label images from runs, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.measure import label

from napari_unet.objects.regions import find_regions, find_runs, join, settle, summed
from napari_unet.settings import ObjectSettings

LABELS = arrays(np.int32, array_shapes(min_dims=2, max_dims=3, max_side=8), elements=st.integers(0, 2))


def settled(labels: np.ndarray, **options: object) -> np.ndarray:
    regions, painted = find_regions(find_runs(labels))
    return painted.paint(settle(regions, ObjectSettings(**({"min_size": 0} | options))))


def in_scan_order(labels: np.ndarray) -> np.ndarray:
    """Numbered by first pixels, which ``label`` does not do in thin volumes."""
    ids, first = np.unique(labels, return_index=True)
    order = np.argsort(first[ids > 0])
    table = np.zeros(labels.max() + 1, int)
    table[ids[ids > 0][order]] = np.arange(1, len(order) + 1)
    return table[labels]


@settings(deadline=None)
@given(LABELS)
def test_runs_give_the_image_back(labels: np.ndarray) -> None:
    runs = find_runs(labels)
    np.testing.assert_array_equal(runs.paint(np.arange(3)), labels)
    np.testing.assert_array_equal(runs.sizes(4), np.bincount(labels.ravel(), minlength=4))
    table = np.array([0, 1, 1])
    fewer = runs.relabelled(table)
    np.testing.assert_array_equal(fewer.paint(np.arange(2)), table[labels])
    np.testing.assert_array_equal(fewer.starts, find_runs(table[labels]).starts)


@settings(deadline=None)
@given(LABELS)
def test_regions_are_connected_parts(labels: np.ndarray) -> None:
    regions, painted = find_regions(find_runs(labels))
    image = painted.paint(np.arange(len(regions)))
    for value in (0, 1, 2):
        parts = label(labels == value, connectivity=1 if value else labels.ndim)
        assert len({(a, b) for a, b in zip(parts[parts > 0], image[parts > 0], strict=True)}) == parts.max()
        assert (regions.labels == value).sum() == parts.max()
    numbers, firsts, sizes = np.unique(image, return_index=True, return_counts=True)
    np.testing.assert_array_equal(numbers, np.arange(len(regions)))
    np.testing.assert_array_equal(regions.firsts, firsts)
    np.testing.assert_array_equal(regions.sizes, sizes)
    at_edge = np.zeros(len(regions), bool)
    contacts: dict[tuple[int, int], int] = {}
    for axis in range(labels.ndim):
        at_edge[np.take(image, [0, -1], axis)] = True
        lines = np.moveaxis(image, axis, 0)
        for a, b in zip(lines[:-1].ravel().tolist(), lines[1:].ravel().tolist(), strict=True):
            if a != b:
                pair = (min(a, b), max(a, b))
                contacts[pair] = contacts.get(pair, 0) + 1
    np.testing.assert_array_equal(regions.outermost, at_edge)
    assert {
        (a, b): n for a, b, n in zip(*map(np.ndarray.tolist, summed(regions.contacts)), strict=True)
    } == contacts


@settings(deadline=None)
@given(LABELS)
def test_holes_are_what_one_object_encloses(labels: np.ndarray) -> None:
    objects = in_scan_order(label(labels, connectivity=1))
    expected = objects.copy()
    inner = np.zeros(objects.shape, bool)
    inner[(slice(1, -1),) * objects.ndim] = True
    gaps = label(objects == 0, connectivity=objects.ndim)
    for gap in range(1, gaps.max() + 1):
        here = gaps == gap
        around = set(objects[ndimage.binary_dilation(here) & ~here])
        if inner[here].all() and len(around) == 1:
            expected[here] = around.pop()
    np.testing.assert_array_equal(settled(labels), expected)
    np.testing.assert_array_equal(settled(labels, fill_holes=False), objects)


def test_what_is_too_small_joins_the_longest_contact_or_becomes_a_gap() -> None:
    labels = np.array(
        [
            [1, 1, 1, 1, 1, 0, 0],
            [1, 0, 0, 0, 1, 0, 5],
            [1, 0, 9, 0, 1, 3, 2],
            [1, 0, 0, 0, 1, 3, 2],
            [1, 1, 1, 1, 1, 2, 2],
        ],
        np.int32,
    )
    found = settled(labels, min_size=4)
    expected = np.array(
        [
            [1, 1, 1, 1, 1, 0, 0],
            [1, 1, 1, 1, 1, 0, 2],  # 5 joins the only one it touches
            [1, 1, 1, 1, 1, 2, 2],  # 9 is a part of the hole it lies in
            [1, 1, 1, 1, 1, 2, 2],  # 3 touches 1 along two pixels, 2 along three
            [1, 1, 1, 1, 1, 2, 2],
        ]
    )
    np.testing.assert_array_equal(found, expected)


def test_what_is_nowhere_certain_becomes_a_gap() -> None:
    labels = np.array([[1, 1, 1, 1, 0, 4], [1, 2, 2, 1, 0, 4], [1, 1, 1, 1, 3, 3]], np.int32)
    probable = np.array([0, 230, 180, 150, 229], np.uint8)[labels]
    probable[1, 1] = 200
    regions, painted = find_regions(find_runs(labels, probable))
    np.testing.assert_array_equal(regions.summits[regions.labels > 0], [230, 229, 200, 150])

    def kept(**options: float) -> np.ndarray:
        return painted.paint(settle(regions, ObjectSettings(min_size=0, **options)))

    enclosed = np.isin(labels, (1, 2))  # what is left out within an object is a hole of it
    np.testing.assert_array_equal(kept(certainty=0.9), enclosed)
    np.testing.assert_array_equal(kept(certainty=0.9, fill_holes=False), labels == 1)
    assert kept(certainty=0.7).max() == 3
    assert kept(certainty=1.0).max() == 0


def test_objects_at_the_edge_go_with_their_holes() -> None:
    labels = np.zeros((9, 16), np.int32)
    labels[0:6, 1:7] = 1
    labels[3, 3] = 0
    labels[2:7, 9:15] = 2
    labels[4, 11] = 0
    found = settled(labels, edge_objects=False)
    expected = np.zeros_like(labels)
    expected[2:7, 9:15] = 1
    np.testing.assert_array_equal(found, expected)


def test_parts_that_are_joined_are_what_the_whole_would_be() -> None:
    parts = np.array([[0, 2, 2, 0, 5], [1, 1, 3, 0, 5], [0, 0, 3, 4, 4]])
    whole = np.array([0, 7, 7, 8, 8, 8])[parts]
    probable = np.arange(100, 115, dtype=np.uint8).reshape(parts.shape)
    found, painted = find_regions(find_runs(parts, probable))
    labels = np.array([0, 7, 7, 8, 8, 8])[found.labels]
    one, other, _ = found.contacts
    same = labels[one] == labels[other]
    joined, number = join(replace(found, labels=labels), one[same], other[same])
    expected, numbers = find_regions(find_runs(whole, probable))
    for name in ("labels", "sizes", "summits", "firsts", "outermost"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(expected, name))
    for mine, theirs in zip(summed(joined.contacts), summed(expected.contacts), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(painted.paint(number), numbers.paint(np.arange(len(expected))))

"""Splitting along a line and between two points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.errors import InputError
from napari_unet.images import read_labels
from napari_unet.objects.editing import merge
from napari_unet.objects.edits import Part
from napari_unet.objects.splitting import split_by_line, split_by_points


def after(labels, edit):
    changed = labels.copy()
    edit.apply(changed)
    return changed


def dumbbell(shape=(40, 60), gap=22, radius=10, number=3):
    rows, columns = np.indices(shape)
    middle = shape[0] // 2, shape[1] // 2
    labels = np.zeros(shape, np.int32)
    for side in (-1, 1):
        away = (rows - middle[0]) ** 2 + (columns - middle[1] - side * gap // 2) ** 2
        labels[away <= radius**2] = number
    labels[middle[0] - 3 : middle[0] + 4, middle[1] - gap // 2 : middle[1] + gap // 2] = number
    return labels


def sizes(labels):
    return {int(n): int((labels == n).sum()) for n in np.unique(labels) if n > 0}


coordinates = st.tuples(st.floats(-10, 50), st.floats(-10, 70))


@given(st.lists(coordinates, min_size=2, max_size=6))
@settings(max_examples=150, deadline=None)
def test_whatever_line_is_drawn_every_pixel_stays_and_only_one_object_changes(line):
    labels = dumbbell()
    labels[:8, :8] = 9
    labels[30:, 50:] = 12
    try:
        edit = split_by_line(labels, line)
    except InputError:
        return
    split = after(labels, edit)
    np.testing.assert_array_equal(split > 0, labels > 0)
    number, *new = edit.objects
    others = labels != number
    np.testing.assert_array_equal(split[others], labels[others])
    assert new == list(range(13, 13 + len(new)))
    counts = [(split == n).sum() for n in edit.objects]
    assert counts[0] == max(counts)
    assert sum(counts) == (labels == number).sum()
    assert min(counts) >= 4
    for n in edit.objects:  # a piece is one piece
        assert ndimage.label(split == n, np.ones((3, 3)))[1] == 1


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_two_points_split_in_two_and_each_keeps_its_point(data):
    labels = dumbbell()
    inside = np.argwhere(labels == 3)
    first, second = (inside[data.draw(st.integers(0, len(inside) - 1))] for _ in range(2))
    if (first == second).all():
        return
    edit = split_by_points(labels, first, second)
    split = after(labels, edit)
    np.testing.assert_array_equal(split > 0, labels > 0)
    assert set(edit.objects) == {3, 4}
    assert split[tuple(first)] != split[tuple(second)]
    assert sizes(split)[3] >= sizes(split)[4]


def test_a_line_splits_where_it_is_drawn():
    split = after(dumbbell(), split_by_line(dumbbell(), [(5, 25.2), (35, 25.2)]))
    where = np.argwhere(split == 4)
    assert where[:, 1].max() in (24, 25)
    assert (split[:, 26:] != 4).all()


def test_a_line_that_ends_inside_is_prolonged():
    split = after(dumbbell(), split_by_line(dumbbell(), [(18, 30), (22, 30)]))
    assert set(sizes(split)) == {3, 4}


def test_of_two_objects_the_one_that_is_crossed_is_split():
    labels = dumbbell()
    labels[:18, 28:33] = np.where(labels[:18, 28:33] == 0, 8, labels[:18, 28:33])
    edit = split_by_line(labels, [(14, 30), (28, 30)])
    assert edit.objects == (3, 9)
    edit = split_by_line(labels, [(5, 20), (5, 40)], objects=[8])
    assert edit.objects == (8, 9)


def test_a_wavy_line_makes_several_pieces():
    labels = np.zeros((20, 60), np.int32)
    labels[5:15] = 1
    line = [(0, 10), (19, 20), (0, 30), (19, 40), (0, 50)]
    assert len(sizes(after(labels, split_by_line(labels, line)))) == 5


def test_diagonal_connections_do_not_leak():
    labels = np.ones((12, 12), np.uint8)
    split = after(labels, split_by_line(labels, [(0, 0), (11, 11)]))
    assert len(sizes(split)) == 2


def test_a_stack_is_split_in_one_slice_or_through_all():
    stack = np.stack([dumbbell()] * 3)
    line = [(5, 30), (35, 30)]
    split = after(stack, split_by_line(stack, line, part=Part((1, None, None))))
    np.testing.assert_array_equal(split[[0, 2]], stack[[0, 2]])
    assert set(sizes(split[1])) == {3, 4}
    split = after(stack, split_by_line(stack, line))
    assert all(set(sizes(plane)) == {3, 4} for plane in split)
    sideways = np.moveaxis(stack, 0, 2)
    np.testing.assert_array_equal(
        after(sideways, split_by_line(sideways, line, axes=(0, 1))), np.moveaxis(split, 0, 2)
    )
    points = (1, 20, 19), (1, 20, 41)
    split = after(stack, split_by_points(stack, *points, Part((1, None, None))))
    np.testing.assert_array_equal(split[[0, 2]], stack[[0, 2]])
    split = after(stack, split_by_points(stack, *points))
    assert all(set(sizes(plane)) == {3, 4} for plane in split)


def test_points_split_at_the_waist_wherever_they_are_clicked():
    for first, second in (((20, 19), (20, 41)), ((14, 14), (27, 45)), ((20, 27), (20, 45))):
        split = after(dumbbell(), split_by_points(dumbbell(), first, second))
        cut = np.argwhere(split == 4)[:, 1]
        assert abs(cut.max() - 30) <= 2 or abs(cut.min() - 30) <= 2


def test_without_a_waist_the_middle_between_the_points_counts():
    labels = np.ones((20, 40), np.uint8)
    split = after(labels, split_by_points(labels, (10, 5), (10, 25)))
    assert sizes(split) == pytest.approx({1: 480, 2: 320}, abs=40)


def test_pieces_that_do_not_touch_are_told_apart():
    labels = np.zeros((9, 20), np.int32)
    labels[2:7, 2:8] = labels[2:7, 12:18] = 5
    split = after(labels, split_by_points(labels, (4, 4), (4, 14)))
    assert sizes(split) == {5: 30, 6: 30}


def test_new_ids_follow_the_highest_of_the_whole_stack():
    stack = np.stack([dumbbell(), np.full((40, 60), 77, np.int32)])
    assert split_by_line(stack, [(5, 30), (35, 30)], part=Part((0, None, None))).objects == (3, 78)


def test_full_types_are_said():
    labels = dumbbell().astype(np.uint8)
    labels[0, 0] = 255
    with pytest.raises(InputError, match=r"no number left.*uint8 end at 255"):
        split_by_line(labels, [(5, 30), (35, 30)])
    with pytest.raises(InputError, match="no number left"):
        split_by_points(labels, (20, 19), (20, 41))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ([(20, 30)], "a click, no line"),
        ([(20, 30), (20.2, 30.3)], "a click, no line"),
        ([(2, 2), (2, 20)], "does not meet an object"),
        ([(-30, -5), (-40, 20)], "does not meet an object"),
        ([(20, 8), (20, 9)], "does not cross object 3"),
    ],
)
def test_lines_that_split_nothing(line, words):
    labels = dumbbell()
    if "cross" in words:
        labels[20, 5:9] = 3
    with pytest.raises(InputError, match=words):
        split_by_line(labels, line)


def test_points_that_split_nothing():
    labels = dumbbell()
    labels[:5, :5] = 8
    with pytest.raises(InputError, match="first click is on the background"):
        split_by_points(labels, (0, 30), (20, 20))
    with pytest.raises(InputError, match="second click is on the background"):
        split_by_points(labels, (20, 20), (20, 900))
    with pytest.raises(InputError, match="in two objects already, 3 and 8"):
        split_by_points(labels, (20, 20), (1, 1))
    with pytest.raises(InputError, match="same pixel"):
        split_by_points(labels, (20, 20), (20.2, 20.1))


def test_real_nuclei_merged_and_split_again(shared_data):
    """Two nuclei that touch, made one, come apart again nearly as they were."""
    path = sorted((shared_data / "stardist_sample_nuclei2d" / "train" / "labels").iterdir())[0]
    labels = np.asarray(read_labels(path)[...]).astype(np.int32)
    agreement = []
    for number in np.unique(labels)[1:]:
        around = ndimage.binary_dilation(labels == number) & (labels != number)
        touching, counts = np.unique(labels[around], return_counts=True)
        for other in touching[(touching > number) & (counts >= 5)]:
            pair = number, other
            centres = [np.argwhere(labels == n).mean(axis=0) for n in pair]
            if min((labels == n).sum() for n in pair) < 60:
                continue
            joined = after(labels, merge(labels, pair))
            edit = split_by_points(joined, *centres)
            split = after(joined, edit)
            ious = [[iou(split == n, labels == m) for n in edit.objects] for m in pair]
            agreement.append(np.mean(np.max(ious, axis=1)))
    assert len(agreement) >= 10
    assert np.median(agreement) > 0.9


def iou(one, other):
    return (one & other).sum() / (one | other).sum()

"""An edit is a block and its place; a part is a slice or volume of a stack."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import InputError
from napari_unet.objects.edits import Edit, Part, among, bounds, locate, named, whole

LABELS = np.array([[1, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0], [3, 3, 3, 0]], np.int32)


def test_changes_are_the_pixels_that_differ_and_their_new_values():
    edit = Edit((slice(0, 2), slice(2, 4)), np.array([[5, 2], [0, 5]], np.int32))
    (rows, columns), values = edit.changes(LABELS)
    assert list(zip(rows, columns, values, strict=True)) == [(0, 2, 5), (1, 3, 5)]
    changed, applied = LABELS.copy(), LABELS.copy()
    changed[rows, columns] = values
    edit.apply(applied)
    np.testing.assert_array_equal(changed, applied)


def test_a_part_is_a_view_and_places_its_edits():
    stack = np.stack([LABELS, LABELS])
    part = Part((1, None, None))
    assert part.axes == (1, 2)
    assert np.shares_memory(part.of(stack), stack)
    edit = part.edit((slice(3, 4), slice(0, 2)), np.array([[7, 7]], np.int32), [7])
    assert edit.region == (slice(1, 2), slice(3, 4), slice(0, 2))
    assert edit.objects == (7,)
    edit.apply(stack)
    np.testing.assert_array_equal(stack[0], LABELS)
    assert stack[1, 3].tolist() == [7, 7, 3, 0]
    assert whole(stack).of(stack).shape == stack.shape


def test_objects_are_located_by_their_common_box():
    region, inside = locate(LABELS, [2, 3])
    assert region == (slice(0, 4), slice(0, 4))
    np.testing.assert_array_equal(inside, np.isin(LABELS, [2, 3]))
    assert bounds(LABELS == 2) == (slice(0, 2), slice(3, 4))


@pytest.mark.parametrize("objects", [[5, 2**63 + 1], [2**63 + 1], [2**64 - 1, 5, 2**63 + 1]])
def test_large_ids_are_told_from_their_neighbours(objects):
    labels = np.array([[5, 2**63 + 1, 2**63 + 2, 0]], np.uint64)
    assert among(labels, objects).tolist() == [[5 in objects, True, False, False]]
    assert among(np.array([-1, 3, 4], np.int8), [3, 300]).tolist() == [False, True, False]


def test_what_is_not_there_is_said():
    assert named([4, 5]).startswith("The picked objects")
    with pytest.raises(InputError, match="Object 9 has no pixel here"):
        locate(LABELS, [9])

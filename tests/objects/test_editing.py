"""Corrections leave other objects alone, and can be taken back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.errors import InputError
from napari_unet.images import read_labels
from napari_unet.objects.editing import delete, fill_holes, merge, relabel, smooth
from napari_unet.objects.edits import Part

LABELS = np.array([[1, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0], [3, 3, 3, 0]], np.int32)

blobs = hnp.arrays(
    st.sampled_from([np.uint8, np.int32, np.int64]),
    hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=9),
    elements=st.integers(0, 5),
)


def after(labels, edit):
    changed = labels.copy()
    edit.apply(changed)
    return changed


def objects_of(labels):
    return [int(n) for n in np.unique(labels) if n > 0]


def discs(*centres, shape=(60, 60), radius=9):
    rows, columns = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(centres, start=1):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number
    return labels


@given(blobs, st.data())
def test_merging_takes_no_pixel_of_the_others_and_keeps_the_first_id(labels, data):
    there = objects_of(labels)
    if len(there) < 2:
        return
    picked = data.draw(st.lists(st.sampled_from(there), min_size=2, unique=True))
    edit = merge(labels, picked)
    merged = after(labels, edit)
    np.testing.assert_array_equal(merged == picked[0], np.isin(labels, picked))
    others = ~np.isin(labels, picked)
    np.testing.assert_array_equal(merged[others], labels[others])
    assert merged.dtype == labels.dtype
    assert edit.objects == (picked[0],)


@given(blobs, st.data())
def test_deleting_leaves_background_and_the_rest(labels, data):
    there = objects_of(labels)
    if not there:
        return
    picked = data.draw(st.lists(st.sampled_from(there), min_size=1, unique=True))
    left = after(labels, delete(labels, picked))
    np.testing.assert_array_equal(left, np.where(np.isin(labels, picked), 0, labels))


@given(blobs, st.data(), st.floats(0.5, 3))
def test_filling_and_smoothing_take_background_only(labels, data, radius):
    there = objects_of(labels)
    if not there:
        return
    picked = data.draw(st.sampled_from(there))
    for make in (fill_holes, lambda a, b: smooth(a, b, radius)):
        try:
            changed = after(labels, make(labels, [picked]))
        except InputError:
            continue
        different = changed != labels
        assert different.any()
        assert np.isin(labels[different], [0, picked]).all()
        assert np.isin(changed[different], [0, picked]).all()


@given(blobs, st.data())
def test_changes_hold_what_the_edit_changes_and_nothing_else(labels, data):
    """These indices and values are what napari's undo keeps."""
    there = objects_of(labels)
    if not there:
        return
    edit = delete(labels, [data.draw(st.sampled_from(there))])
    before = labels.copy()
    indices, values = edit.changes(labels)
    np.testing.assert_array_equal(labels, before)
    old = labels[indices]
    assert (old != values).all()
    labels[indices] = values
    np.testing.assert_array_equal(labels, after(before, edit))
    labels[indices] = old
    np.testing.assert_array_equal(labels, before)


@given(
    hnp.arrays(
        st.sampled_from([np.int32, np.int64]),
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=8),
        elements=st.integers(-2, 2**31 - 1) | st.integers(0, 3),
    )
)
@settings(max_examples=200)
def test_relabelling_numbers_in_scan_order_and_keeps_the_objects(labels):
    try:
        numbered = after(labels, relabel(labels))
    except InputError:
        present = labels[labels > 0]
        assert list(dict.fromkeys(present.tolist())) == list(range(1, len(set(present.tolist())) + 1))
        return
    met = list(dict.fromkeys(numbered[numbered > 0].tolist()))
    assert met == list(range(1, len(met) + 1))
    inside = labels > 0
    np.testing.assert_array_equal(numbered[~inside], labels[~inside])
    assert len({*zip(labels[inside].tolist(), numbered[inside].tolist(), strict=True)}) == len(met)


def test_an_edit_is_no_larger_than_what_it_changes():
    labels = np.zeros((100, 100), np.int32)
    labels[10:13, 20:25] = 1
    labels[50:52, 60:61] = 2
    edit = merge(labels, [1, 2])
    assert edit.region == (slice(50, 52), slice(60, 61))
    edit = delete(labels, [1])
    assert edit.region == (slice(10, 13), slice(20, 25))


def test_objects_merge_that_do_not_touch():
    merged = after(LABELS, merge(LABELS, [3, 1]))
    assert objects_of(merged) == [2, 3]
    assert (merged == 3).sum() == 7


def test_only_the_chosen_part_of_a_stack_changes():
    stack = np.stack([LABELS, LABELS])
    part = Part((1, None, None))
    for edit in (merge(stack, [1, 2], part), delete(stack, [3], part)):
        changed = after(stack, edit)
        np.testing.assert_array_equal(changed[0], LABELS)
        assert (changed[1] != LABELS).any()


def test_an_object_of_another_slice_gives_its_id():
    """How a link between slices is mended by hand."""
    stack = np.stack([LABELS == 1, (LABELS == 1) * 7]).astype(np.int32)
    changed = after(stack, merge(stack, [1, 7], Part((1, None, None))))
    assert objects_of(changed) == [1]


def test_holes_are_filled_but_not_what_lies_in_them():
    labels = np.zeros((9, 9), np.uint8)
    labels[1:8, 1:8] = 4
    labels[2:7, 2:7] = 0
    labels[4, 4] = 2
    filled = after(labels, fill_holes(labels, [4]))
    assert (filled == 2).sum() == 1
    assert (filled == 4).sum() == 48
    with pytest.raises(InputError, match="Object 2 has no hole"):
        fill_holes(labels, [2])


def test_a_hole_of_a_slice_is_one_though_the_next_slice_is_open():
    stack = np.zeros((2, 5, 5), np.int32)
    stack[:, 1:4, 1:4] = 1
    stack[:, 2, 2] = 0
    assert (after(stack, fill_holes(stack, [1])) == 1).sum() == 18
    assert (after(stack, fill_holes(stack, [1], Part((0, None, None)))) == 1).sum() == 17
    sideways = np.moveaxis(stack, 0, 2)
    assert (after(sideways, fill_holes(sideways, [1], axes=(0, 1))) == 1).sum() == 18


def test_smoothing_removes_spikes_and_notches_but_keeps_the_shape():
    labels = discs((30, 30), radius=15)
    rough = labels.copy()
    rough[30, 45:55] = 1
    rough[14:25, 30] = 0
    smoothed = after(rough, smooth(rough, [1], 2))
    assert (smoothed != labels).sum() < 0.05 * (labels > 0).sum()
    assert smoothed[30, 50] == 0
    assert smoothed[20:25, 30].all()


def test_smoothing_leaves_the_edge_of_the_image_straight():
    labels = np.zeros((20, 20), np.int32)
    labels[:, :8] = 1
    labels[10, 8:12] = 1
    smoothed = after(labels, smooth(labels, [1], 2))
    np.testing.assert_array_equal(smoothed[:, :8], 1)
    assert not smoothed[:, 9:].any()


def test_smoothing_does_not_mix_frames():
    """A spike of one frame is not made up for by the next one."""
    frames = np.stack([discs((30, 30), radius=12)] * 3)
    frames[1, 30, 42:50] = 1
    frames[1, 18:21, 30] = 0
    smoothed = after(frames, smooth(frames, [1], 2, axes=(1, 2)))
    np.testing.assert_array_equal(smoothed[0], frames[0])
    assert smoothed[1, 30, 46] == 0


def test_smoothing_knows_how_thick_slices_are():
    volume = np.zeros((3, 21, 21), np.int32)
    volume[1, 4:17, 4:17] = 1
    spacing = (10.0, 1.0, 1.0)
    smoothed = after(volume, smooth(volume, [1], 2, spacing=spacing))
    assert smoothed[1, 10, 10] == 1  # a ball would not fit into one slice
    with pytest.raises(InputError, match="too thin"):
        smooth(volume, [1], 2)


@pytest.mark.parametrize("make", [merge, delete, fill_holes, smooth])
@pytest.mark.parametrize("picked", [[], [0], [-1, 0]])
def test_nothing_picked(make, picked):
    with pytest.raises(InputError, match="No object is picked"):
        make(LABELS, picked)


def test_what_cannot_be_done_is_said():
    with pytest.raises(InputError, match="Only object 1 is picked"):
        merge(LABELS, [1, 1, 0])
    with pytest.raises(InputError, match="Object 9 has no pixel here"):
        delete(LABELS, [9])
    with pytest.raises(InputError, match="numbered 1 to 3 already"):
        relabel(LABELS)
    with pytest.raises(InputError, match="no object to number"):
        relabel(np.zeros((3, 3), np.uint8))
    with pytest.raises(InputError, match="too thin to be smoothed by 3 pixels"):
        smooth(LABELS, [3], 3)


def test_real_nuclei(shared_data):
    path = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[0]
    labels = np.asarray(read_labels(path)[...]).astype(np.int32)
    there = objects_of(labels)
    for number in there[:20]:
        try:
            smoothed = after(labels, smooth(labels, [number], 2))
        except InputError:
            continue
        before, later = (labels == number).sum(), (smoothed == number).sum()
        assert 0.8 * before < later < 1.2 * before
    merged = after(labels, merge(labels, there[:5]))
    numbered = after(merged, relabel(merged))
    assert objects_of(numbered) == list(range(1, len(there) - 3))

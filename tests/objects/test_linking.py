"""Linking against a slow, plain implementation, on made-up cases with a known answer, and on real embryos."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import shift

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images import read_labels
from napari_unet.objects.linking import FrameLinker, SliceLinker, link_frames, link_slices
from napari_unet.scores.matching import match, overlap

STACKS = arrays(np.uint8, st.tuples(st.integers(1, 6), st.just(3), st.just(4)), elements=st.integers(0, 3))


def table(first, second):
    """Pairs of ids with (pixels, IoU, containment), in the order of their ids."""
    found = {}
    for a in sorted(set(first.flat) - {0}):
        for b in sorted(set(second.flat) - {0}):
            n, sa, sb = ((first == a) & (second == b)).sum(), (first == a).sum(), (second == b).sum()
            if n:
                found[int(a), int(b)] = (n, n / (sa + sb - n), n / min(sa, sb))
    return found


def plain_slices(stack, least_overlap, max_gap, least_slices):
    """What SliceLinker does, object by object; objects are named (z, id)."""
    parent, ahead, joined = {}, set(), {}
    names = {z: sorted((z, int(i)) for i in set(plane.flat) - {0}) for z, plane in enumerate(stack)}

    def root(name):
        while name in parent:
            name = parent[name]
        return name

    for z in range(len(stack)):
        for back in range(1, max_gap + 2):
            if z - back < 0:
                break
            free = {
                (a, b): (values[1], values[0], a, b)
                for (a, b), values in table(stack[z - back], stack[z]).items()
                if values[2] >= least_overlap and (z - back, a) not in ahead and (z, b) not in parent
            }
            for (a, b), rank in free.items():
                rivals = [r for (c, d), r in free.items() if (c == a) != (d == b)]
                if all(rank > r for r in rivals):
                    parent[z, b] = (z - back, a)
            ahead |= {parent[name] for name in names[z] if name in parent}
        if z >= 2:
            for _, piece in names[z - 1]:
                me = (z - 1, piece)
                if me in parent or me in ahead:
                    continue
                size = (stack[z - 1] == piece).sum()
                before = {root((z - 2, a)) for (a, b), v in table(stack[z - 2], stack[z - 1]).items()
                          if b == piece and v[0] > size / 2}  # fmt: skip
                after = {root((z, b)) for (a, b), v in table(stack[z - 1], stack[z]).items()
                         if a == piece and v[0] > size / 2}  # fmt: skip
                if before & after:
                    (joined[me],) = before & after
                    ahead.add(me)
    every = [name for z in names for name in names[z]]
    length = {name: sum(root(other) == name for other in every) for name in every if name not in parent}
    return every, root, joined, {n for n, k in length.items() if k >= min(least_slices, len(stack))}


@settings(max_examples=150, deadline=None)
@given(STACKS, st.sampled_from([0.3, 0.6, 1.0]), st.integers(0, 2), st.integers(1, 3))
def test_slices_are_linked_like_by_the_plain_implementation(stack, least_overlap, max_gap, least_slices):
    linked = link_slices(
        stack, least_overlap=least_overlap, max_gap=max_gap, least_slices=least_slices, splitting=0
    )
    every, root, joined, kept = plain_slices(stack, least_overlap, max_gap, least_slices)
    numbers = {}
    for name in every:
        values = np.unique(linked[name[0]][stack[name[0]] == name[1]])
        assert len(values) == 1
        numbers[name] = int(values[0])
    for name in every:
        if name in joined:
            assert numbers[name] == numbers[joined[name]]
        else:
            assert (numbers[name] > 0) == (root(name) in kept)
            assert numbers[name] == numbers[root(name)]
    roots = [numbers[name] for name in every if name in kept and name not in joined]
    assert sorted(roots) == list(range(1, len(roots) + 1))
    assert not linked[stack == 0].any()


def columns(*rows):
    """A stack of one-row slices."""
    return np.array([[row] for row in rows])


def test_a_cap_is_linked_although_its_iou_is_low():
    stack = columns([0, 0, 5, 5, 0, 0, 0, 0], [3, 3, 3, 3, 3, 3, 3, 3], [0, 0, 0, 9, 9, 0, 0, 0])
    assert link_slices(stack).max() == 1


def test_a_missing_slice_is_bridged_if_asked_for():
    stack = columns([1, 1, 0], [1, 1, 0], [0, 0, 0], [7, 7, 0], [8, 8, 0])
    assert [int(z.max()) for z in link_slices(stack)] == [1, 1, 0, 1, 1]
    assert [int(z.max()) for z in link_slices(stack, max_gap=0)] == [1, 1, 0, 2, 2]


def test_an_object_that_is_found_is_not_bridged_over():
    stack = columns([1, 1, 1, 0], [2, 2, 2, 2], [3, 3, 0, 0])
    assert link_slices(stack, max_gap=1).max() == 1


def test_a_piece_between_two_slices_of_an_object_joins_it():
    stack = columns([4, 4, 4, 4, 4], [1, 1, 1, 2, 2], [6, 6, 6, 6, 6])
    np.testing.assert_array_equal(link_slices(stack), stack > 0)


def test_two_objects_merged_in_one_slice_stay_two():
    stack = columns([1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [9, 9, 9, 9, 9], [1, 1, 1, 2, 2], [1, 1, 1, 2, 2])
    np.testing.assert_array_equal(
        link_slices(stack)[:, 0],
        [[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [1] * 5, [1, 1, 1, 2, 2], [1, 1, 1, 2, 2]],
    )


def pillar(*widths, shifted=()):
    """A stack of one-row slices with one outline each, in the middle; some of them a pixel to the right."""
    stack = np.zeros((len(widths), 1, max(widths) + 2), np.uint8)
    for z, width in enumerate(widths):
        start = (max(widths) - width) // 2 + (2 if z in shifted else 0)
        stack[z, 0, start : start + width] = 1
    return stack


def test_objects_that_lie_upon_each_other_are_two():
    two = pillar(4, 8, 9, 8, 3, 3, 7, 9, 6)
    assert [int(plane.max()) for plane in link_slices(two)] == [1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert link_slices(two, splitting=0).max() == 1
    assert link_slices(pillar(4, 8, 9, 8, 3, 3, 7, 9, 9, 3, 3, 8, 8, 8)).max() == 3


def test_less_of_a_neck_is_enough_where_the_middle_shifts():
    widths = (4, 8, 9, 8, 7, 7, 8, 9, 8)
    assert link_slices(pillar(*widths)).max() == 1
    assert link_slices(pillar(*widths, shifted=range(5, 9))).max() == 2


def test_an_object_that_tapers_or_is_uneven_stays_one():
    assert link_slices(pillar(2, 5, 9, 9, 8, 9, 6, 3, 1)).max() == 1
    assert link_slices(pillar(1, 2, 4, 8, 9)).max() == 1
    assert link_slices(pillar(8, 9, 9, 1, 9, 9, 8)).max() == 1  # one slice that went wrong


def test_nothing_short_is_cut_off():
    assert link_slices(pillar(9, 9, 1, 1, 9)).max() == 1


def test_what_is_seen_once_is_left_out_but_for_single_slices():
    stack = columns([1, 0, 2], [1, 0, 0], [1, 3, 0])
    assert np.unique(link_slices(stack)).tolist() == [0, 1]
    assert np.unique(link_slices(stack, least_slices=1)).tolist() == [0, 1, 2, 3]
    assert np.unique(link_slices(stack[:1])).tolist() == [0, 1, 2]
    assert not link_slices(np.zeros((4, 2, 2), np.uint8)).any()


def test_what_touches_the_edge_in_one_slice_is_left_out_of_all():
    stack = np.zeros((3, 6, 9), np.uint8)
    stack[:, 2:4, 1:3] = 1  # goes to the left edge in the middle
    stack[1, 2:4, 0] = 1
    stack[:, 2:4, 4:6] = 2  # in the first and the last slice, which are no edge
    stack[:2, 0, 7] = 3
    assert np.unique(link_slices(stack)).tolist() == [0, 1, 2, 3]
    inner = link_slices(stack, edge_objects=False)
    np.testing.assert_array_equal(inner, stack == 2)
    for turned in (stack[:, ::-1], stack[:, :, ::-1], stack.swapaxes(1, 2)):
        np.testing.assert_array_equal(link_slices(turned, edge_objects=False), turned == 2)


def test_a_piece_at_the_edge_takes_its_object_along():
    stack = np.zeros((3, 3, 7), np.uint8)
    stack[::2, 1, 1:5] = 4
    stack[1, 1, 1:3], stack[1, 1:, 4] = 1, 2  # the second lies in the object, and reaches the edge
    stack[::2, 1:, 4] = 4
    assert (link_slices(stack) == (stack > 0)).all()
    assert not link_slices(stack, edge_objects=False).any()


def test_large_and_negative_ids_and_the_result_in_place():
    stack = columns([2**40, 0, -1], [2**40 + 5, 0, 3], [2**33, 0, 3])
    np.testing.assert_array_equal(link_slices(stack)[:, 0], [[1, 0, 0], [1, 0, 2], [1, 0, 2]])
    assert link_slices(stack.astype(np.uint64)[:, :, :1]).max() == 1
    mine = columns([5, 0], [7, 0]).astype(np.int32)
    assert link_slices(mine, out=mine) is mine
    assert mine.max() == 1


def plain_frames(series, least_overlap):
    given = [{int(i): n for n, i in enumerate(sorted(set(series[0].flat) - {0}), start=1)}]
    used = len(given[0])
    for before, now in pairwise(series):
        pairs = {k: v for k, v in table(before, now).items() if v[2] >= least_overlap}
        mine = {}
        for b in sorted(set(now.flat) - {0}):
            origins = [(v[0], v[1], a) for (a, d), v in pairs.items() if d == b]
            if origins:
                mine.setdefault(max(origins)[-1], []).append(int(b))
        ids = {}
        for a, candidates in mine.items():

            def rank(b, a=a, pairs=pairs, now=now):
                pixels, iou, _ = pairs[a, b]
                size = (now == b).sum()
                inside = pixels > size / 2
                return inside, size if inside else iou, pixels, b

            ids[max(candidates, key=rank)] = given[-1][a]
        for b in sorted(set(now.flat) - {0}):
            if int(b) not in ids:
                used += 1
                ids[int(b)] = used
        given.append(ids)
    return [
        np.vectorize(lambda v, ids=ids: ids.get(int(v), 0))(f) for f, ids in zip(series, given, strict=True)
    ]


@settings(max_examples=150, deadline=None)
@given(STACKS, st.sampled_from([0.1, 0.25, 0.7]))
def test_frames_are_linked_like_by_the_plain_implementation(series, least_overlap):
    np.testing.assert_array_equal(
        link_frames(series, least_overlap=least_overlap), plain_frames(series, least_overlap)
    )


def test_the_larger_daughter_keeps_the_id_and_none_is_used_again():
    series = columns(
        [1, 1, 1, 1, 1, 0, 2], [3, 3, 0, 4, 4, 4, 0], [1, 1, 0, 2, 2, 2, 5], [1, 1, 0, 2, 2, 2, 5]
    )
    np.testing.assert_array_equal(
        link_frames(series)[:, 0],
        [[1, 1, 1, 1, 1, 0, 2], [3, 3, 0, 1, 1, 1, 0], [3, 3, 0, 1, 1, 1, 4], [3, 3, 0, 1, 1, 1, 4]],
    )


def test_frames_may_be_volumes():
    first = np.zeros((3, 4, 6), np.int64)
    first[:2, :2, :2], first[1:, 2:, 3:] = 8, 3
    second = np.where(first == 8, 1, np.where(first == 3, 2, 0))
    np.testing.assert_array_equal(
        link_frames(np.stack([first, second])), [np.where(first == 8, 2, first > 0)] * 2
    )


def test_one_more_object_in_front_changes_no_id():
    planes = np.zeros((6, 30, 30), np.uint16)
    for t in range(6):
        planes[t, 10 + t : 16 + t, 5:11], planes[t, 20:25, 20 - t : 25 - t] = 1, 2
        if t > 2:
            planes[t] += planes[t] > 0
            planes[t, 0:4, 0:4] = 1
    linked = link_frames(planes)
    assert all(linked[t, 13 + t, 8] == 1 and linked[t, 22, 22 - t] == 2 for t in range(6))
    assert linked[5, 1, 1] == 3


@pytest.mark.parametrize("linker", [SliceLinker, FrameLinker])
def test_bad_input_is_told(linker):
    with pytest.raises(InputError, match="fraction"):
        linker(least_overlap=0)
    with pytest.raises(InputError, match="whole numbers"):
        linker().add(np.zeros((2, 2), np.float32))
    it = linker()
    it.add(np.ones((2, 2), bool))
    with pytest.raises(ShapeMismatchError, match="same shape"):
        it.add(np.ones((2, 3), bool))


def test_bad_stacks_and_settings_are_told():
    with pytest.raises(ShapeMismatchError, match="ZYX"):
        link_slices(np.zeros((4, 4), np.uint8))
    with pytest.raises(ShapeMismatchError, match="TYX"):
        link_frames(np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="no sense"):
        SliceLinker(max_gap=-1)
    with pytest.raises(ShapeMismatchError, match="int32"):
        link_slices(np.zeros((2, 4, 4), np.uint8), out=np.zeros((2, 4, 4), np.int16))


def test_ids_that_int32_cannot_hold_are_told(monkeypatch):
    monkeypatch.setattr("napari_unet.objects.frame_linking.LARGEST_ID", 3)
    with pytest.raises(InputError, match="more than 3 objects"):
        link_slices(columns([1, 0, 2, 0], [0, 3, 0, 4]))
    with pytest.raises(InputError, match="more than 3 objects"):
        link_frames(columns([1, 0, 2, 0], [0, 3, 0, 4]))


@pytest.mark.parametrize("name", ["Emb01_t401", "Emb02_t451", "Emb04_t351", "Emb08_t401", "Emb11_t501"])
def test_nuclei_of_real_embryos_are_found_again(shared_data, name):
    truth = np.asarray(read_labels(shared_data / f"bbbc050_embryo_nuclei3d/train/labels/{name}.tif"))
    rng = np.random.default_rng(1)
    stack = np.stack([np.concatenate([[0], rng.permutation(int(truth.max())) + 1])[plane] for plane in truth])
    linked = overlap(link_slices(stack, splitting=0), truth)
    assert 2 * len(match(linked, 0.5)) / (len(linked.labelled) + len(linked.predicted)) > 0.95
    found = overlap(link_slices(stack), truth)
    matched = len(match(found, 0.5))
    assert matched >= 0.95 * len(found.labelled)
    assert 2 * matched / (len(found.labelled) + len(found.predicted)) > 0.9  # a leaning one may lose its tip


def test_real_nuclei_that_drift_keep_their_ids(shared_data):
    name = next(iter(sorted((shared_data / "bbbc039_nuclei/train/labels").glob("*.png"))))
    labels = np.asarray(read_labels(name)).astype(np.int32)
    rng = np.random.default_rng(0)
    series = []
    for t in range(4):
        order = np.concatenate([[0], rng.permutation(int(labels.max())) + 1])
        series.append(order[shift(labels, (2 * t, -3 * t), order=0)])
    linked = link_frames(np.stack(series))
    for t in range(1, 4):
        before, now = linked[t - 1][:-2, 3:], linked[t][2:, :-3]
        seen = (before > 0) & (now > 0)
        assert (before == now)[seen].mean() > 0.99

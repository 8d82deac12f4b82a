"""Cutting tracks, against a slow, plain implementation."""

from __future__ import annotations

from math import hypot, pi, sqrt
from statistics import median

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.objects.necks import SHIFT, SHORTEST, cut_necks


def plain_cuts(entries, splitting):
    """Where one track is cut, given its (size, y, x), slice by slice."""
    sizes = [size for size, _, _ in entries]
    even = [median(sizes[i - 1 : i + 2]) if 0 < i < len(sizes) - 1 else sizes[i] for i in range(len(sizes))]
    found = []
    for i in range(SHORTEST, len(sizes) - SHORTEST + 1):
        smaller = min(max(even[:i]), max(even[i:]))
        middles = [
            [sum(e[0] * e[axis] for e in part) / sum(e[0] for e in part) for axis in (1, 2)]
            for part in (entries[:i], entries[i:])
        ]
        shift = hypot(*(a - b for a, b in zip(*middles, strict=True))) / sqrt(smaller / pi)
        found.append((min(even[i - 1], even[i]) / smaller - SHIFT * shift, i))
    if not found or min(found)[0] >= splitting:
        return []
    _, at = min(found)
    return [
        *plain_cuts(entries[:at], splitting),
        at,
        *(at + cut for cut in plain_cuts(entries[at:], splitting)),
    ]


ENTRY = st.tuples(st.integers(1, 400), st.integers(0, 9), st.integers(0, 9))


@given(
    st.lists(st.lists(ENTRY, min_size=1, max_size=14), min_size=1, max_size=4),
    st.sampled_from([0.1, 0.3, 0.65]),
    st.randoms(use_true_random=False),
)
def test_tracks_are_cut_like_by_the_plain_implementation(drawn, splitting, random):
    outlines = [(track, z, *entry) for track, entries in enumerate(drawn) for z, entry in enumerate(entries)]
    random.shuffle(outlines)
    table = np.array(outlines, np.int64)
    tracks, slices, sizes = table[:, 0], table[:, 1], table[:, 2]
    found = cut_necks(tracks, slices, sizes, table[:, 3:].astype(float), splitting)
    for track, entries in enumerate(drawn):
        cuts = plain_cuts(entries, splitting)
        mine = found[np.lexsort((slices, tracks))][np.sort(tracks) == track]
        assert np.flatnonzero(np.diff(mine)).tolist() == [cut - 1 for cut in cuts]
    assert len(np.unique(found)) == sum(len(plain_cuts(entries, splitting)) + 1 for entries in drawn)


def test_several_outlines_of_a_track_in_a_slice_count_together():
    slices = np.array([0, 1, 2, 3, 3, 4, 4, 5, 6, 7])
    sizes = np.array([9, 9, 9, 5, 4, 4, 5, 9, 9, 9])
    middle = np.zeros((10, 2))
    assert (cut_necks(np.zeros(10, np.int64), slices, sizes, middle, 0.9) == 0).all()


def test_nothing_to_cut():
    none = np.empty(0, np.int64)
    assert len(cut_necks(none, none, none, np.empty((0, 2)), 0.8)) == 0
    one = cut_necks(np.array([3]), np.array([0]), np.array([5]), np.zeros((1, 2)), 0.8)
    assert one.tolist() == [3]

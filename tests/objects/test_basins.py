"""Basins of height maps, and which of them are one."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.measure import label

from napari_unet.objects.basins import Forest, find_basins, span
from napari_unet.objects.decoding import cut
from napari_unet.settings import ObjectSettings

HEIGHTS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))


def smoothed(foreground: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Independently: weights 1 4 6 4 1 along each axis."""
    result = height.astype(np.int64)
    for axis in range(height.ndim):
        result = ndimage.correlate1d(result, [1, 4, 6, 4, 1], axis, mode="nearest")
    return np.where(foreground >= 13, np.maximum(result, 1), 0)


@settings(deadline=None)
@given(HEIGHTS)
def test_every_pixel_is_in_the_basin_it_climbs_to(height: np.ndarray) -> None:
    foreground = np.where(height % 5 > 0, 200, 0).astype(np.uint8)
    found = find_basins(foreground, height)
    heights = smoothed(foreground, height)
    np.testing.assert_array_equal(found.labels > 0, foreground > 0)
    tops = np.zeros(height.shape, bool)
    for pixel in np.argwhere(heights > 0):
        beside = [
            tuple(there)
            for there in pixel + np.array(list(product((-1, 0, 1), repeat=height.ndim)))
            if all(0 <= t < side for t, side in zip(there, height.shape, strict=True))
        ]
        here = tuple(pixel)
        tallest = max(heights[there] for there in beside)
        if tallest == heights[here]:
            tops[here] = True
        else:
            assert found.labels[here] in {found.labels[t] for t in beside if heights[t] == tallest}
    tops_numbered = label(tops, connectivity=height.ndim)
    pairs = set(zip(found.labels[tops].tolist(), tops_numbered[tops].tolist(), strict=True))
    assert len(pairs) == len(found) == tops_numbered.max()
    _, first = np.unique(np.where(tops, found.labels, 0).ravel(), return_index=True)
    assert (np.diff(first[-len(found) :]) > 0).all()  # in the order of their first pixels
    for basin in range(1, len(found) + 1):
        assert found.forest.peaks[basin] == np.float32(heights[found.labels == basin].max() / 16**height.ndim)


@settings(deadline=None)
@given(HEIGHTS)
def test_passes_connect_what_is_connected(height: np.ndarray) -> None:
    foreground = np.where(height % 5 > 0, 200, 0).astype(np.uint8)
    found = find_basins(foreground, height)
    forest = found.forest
    assert (np.diff(forest.passes) <= 0).all()
    assert ((forest.necks > 0) & (forest.necks <= 1)).all()
    together = label(foreground > 0, connectivity=height.ndim)
    assert len(forest) - len(forest.passes) == together.max()  # a forest, one tree for each
    loosest = ObjectSettings(splitting=0, foreground=0.05, min_size=0, fill_holes=False)
    whole = cut(found, foreground, loosest)
    np.testing.assert_array_equal(whole > 0, foreground > 0)
    assert whole.max() == label(foreground > 0, connectivity=1).max()


@st.composite
def graphs(draw: st.DrawFn) -> tuple[np.ndarray, dict[tuple[int, int], float]]:
    """Peaks by basin, and passes no higher than the peaks beside them, with many that are equal."""
    n = draw(st.integers(1, 9))
    peaks = [0.0, *(float(draw(st.integers(1, 12))) for _ in range(n))]
    passes = {}
    for one in range(1, n + 1):
        for other in range(one + 1, n + 1):
            if draw(st.booleans()):
                passes[one, other] = float(draw(st.integers(1, int(min(peaks[one], peaks[other])))))
    return np.array(peaks), passes


def forest_of(graph: tuple[np.ndarray, dict[tuple[int, int], float]]) -> Forest:
    peaks, passes = graph
    ends = np.array(sorted(passes), np.int64).reshape(-1, 2)
    return span(peaks, ends[:, 0], ends[:, 1], np.array([passes[a, b] for a, b in ends.tolist()], float))


@settings(deadline=None)
@given(graphs(), st.sampled_from([0.0, 0.25, 0.5, 0.6, 0.75, 0.9, 1.0]), st.integers(0, 5), st.data())
def test_necks_known_beforehand_merge_as_one_pass_after_another(
    graph: tuple[np.ndarray, dict[tuple[int, int], float]],
    splitting: float,
    min_size: int,
    data: st.DataObject,
) -> None:
    forest = forest_of(graph)
    n = len(forest)
    sizes = [0, *data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))]
    groups = {i: {i} for i in range(n + 1)}
    edges = list(zip(forest.passes.tolist(), forest.first.tolist(), forest.second.tolist(), strict=True))

    def join(one: int, other: int) -> None:
        union = groups[one] | groups[other]
        groups.update(dict.fromkeys(union, union))

    for height, one, other in edges:
        lower = min(max(float(graph[0][i]) for i in groups[end]) for end in (one, other))
        if height / lower >= splitting:
            join(one, other)
    for _, one, other in edges:
        if groups[one] is not groups[other] and (
            min(sum(sizes[i] for i in groups[end]) for end in (one, other)) < min_size
        ):
            join(one, other)
    found = forest.merged(np.array(sizes), ObjectSettings(splitting=splitting, min_size=min_size))
    for i in range(n + 1):
        assert set(np.flatnonzero(found == found[i]).tolist()) == groups[i]


def test_of_two_ways_the_higher_one_counts() -> None:
    forest = forest_of((np.array([0.0, 10, 8, 9]), {(1, 2): 2, (1, 3): 6, (2, 3): 7}))
    assert forest.passes.tolist() == [7, 6]
    np.testing.assert_allclose(forest.necks, [7 / 8, 6 / 9])

from __future__ import annotations

import numpy as np

from napari_unet.objects.pixel_sums import PixelSums, sum_block


def test_parts_add_up_without_losing_digits():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (40, 30))
    values = 1e9 + rng.normal(0, 1, (1, 40, 30))  # squares of these alone would lose the spread
    parts = [
        sum_block(labels[i : i + 7], values[:, i : i + 7], (10**6, 10**6 + i))[0] for i in range(0, 40, 7)
    ]
    sums = PixelSums.concatenate(parts).merged()
    assert sums.labels.tolist() == [1, 2]
    for row, label in enumerate((1, 2)):
        inside = labels == label
        where = np.argwhere(inside)
        np.testing.assert_allclose(sums.mean[row], [10**6, 10**6 + where[:, 0].mean(), where[:, 1].mean()])
        np.testing.assert_allclose(
            sums.spread[row, 1:, 1:], np.cov(where.T, bias=True) * inside.sum(), rtol=1e-6
        )
        np.testing.assert_allclose(sums.deviation[row, 0], values[0][inside].var() * inside.sum(), rtol=1e-5)
        assert sums.first[row].tolist() == [10**6, 10**6 + where[:, 0].min(), where[:, 1].min()]


def test_rows_reach_from_the_first_to_the_last_run():
    _, ends = sum_block(np.array([[1, 0, 1, 2], [0, 0, 2, 1]]), None, (5,))
    found = zip(ends.labels, ends.rows, ends.left, ends.right, strict=True)
    assert [tuple(map(int, end)) for end in found] == [(1, 5, 0, 2), (1, 6, 3, 3), (2, 5, 3, 3), (2, 6, 2, 2)]

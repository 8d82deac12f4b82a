"""A hundred thousand objects, large and small numbers, and none: no operation minds."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import InputError
from napari_unet.objects.editing import delete, fill_holes, merge, relabel, smooth
from napari_unet.objects.linking import link_frames, link_slices
from napari_unet.objects.measurement import measure
from napari_unet.objects.splitting import split_by_line, split_by_points
from napari_unet.scores.objects import score_image

SIDE, CELL = 317, 5
"""So many cells along each axis, each of 4 pixels and a gap of one."""

N = SIDE**2


def cells(numbers: np.ndarray) -> np.ndarray:
    """Squares with these numbers, ``(SIDE * CELL)²``."""
    labels = numbers.reshape(SIDE, SIDE).repeat(CELL, 0).repeat(CELL, 1)
    labels[CELL - 1 :: CELL] = 0
    labels[:, CELL - 1 :: CELL] = 0
    return labels


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """More than 100 000 objects, with numbers far above 2³¹ that have gaps."""
    return cells(2**33 + 7 * np.arange(N, dtype=np.int64))


def number(row: int, column: int) -> int:
    return 2**33 + 7 * (row * SIDE + column)


def test_each_correction_changes_its_object_only(many):
    first, second = number(100, 100), number(200, 50)
    for edit, n_left in (
        (merge(many, [first, second]), N - 1),
        (delete(many, [first]), N - 1),
        (smooth(many, [first], 1.0), N),
        (split_by_points(many, (500, 500), (503, 503)), N + 1),
        (split_by_line(many, [(501, 498), (501, 506)]), N + 1),
    ):
        changed = many.copy()
        edit.apply(changed)
        assert len(np.unique(changed)) - 1 == n_left
        others = ~np.isin(many, [first, second])
        assert (changed[others] == many[others]).all()
    with pytest.raises(InputError, match="no hole"):  # squares have none
        fill_holes(many, [first])


def test_all_are_numbered_anew(many):
    changed = many.copy()
    relabel(many).apply(changed)
    np.testing.assert_array_equal(changed, cells(1 + np.arange(N, dtype=np.int64)))


def test_all_are_measured(many):
    table = measure(many)
    assert len(table) == N
    assert (table["area"] == 16).all()
    np.testing.assert_array_equal(table["label"], 2**33 + 7 * np.arange(N))


def test_all_are_scored_and_linked(many):
    shifted = np.roll(many, 1, 0)  # three of four rows remain: IoU 0.6
    scores = score_image(shifted, many)
    assert (scores.n_labelled, scores.n_predicted) == (N, N)
    assert scores.ap[0] == 1
    assert scores.ap[3] == 0  # at IoU 0.65
    for link in (link_slices, link_frames):
        linked = link(np.stack([many, shifted]))
        np.testing.assert_array_equal(linked[0], cells(1 + np.arange(N, dtype=np.int32)))
        np.testing.assert_array_equal(linked[1], np.roll(linked[0], 1, 0))


def test_none_at_all():
    empty = np.zeros((3, 20, 20), np.int32)
    assert len(measure(empty)) == 0
    assert not link_slices(empty).any()
    assert not link_frames(empty).any()
    assert score_image(empty[0], empty[0]).n_labelled == 0
    with pytest.raises(InputError, match="object"):
        relabel(empty)
    with pytest.raises(InputError):
        merge(empty, [1, 2])

from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.labels import snapshot
from napari_unet.labels.snapshot import LabelBlocks, snapshot_labels


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(snapshot, "WHOLE", 0)
    monkeypatch.setattr(snapshot, "BLOCK", 16)


def painted():
    labels = np.zeros((4, 70, 50), np.uint8)
    labels[1, 3:9, 40:50] = 2
    labels[3, 60:70, 10:20] = 1
    return labels


def test_a_snapshot_does_not_follow_later_painting(small_limits):
    labels = painted()
    before = labels.copy()
    kept = snapshot_labels(labels)
    labels[:] = 7
    assert isinstance(kept, LabelBlocks)
    np.testing.assert_array_equal(kept[...], before)


def test_only_painted_blocks_are_kept(small_limits):
    kept = snapshot_labels(painted())
    assert set(kept.blocks) == {(1, 0, 2), (1, 0, 3), (3, 3, 0), (3, 3, 1), (3, 4, 0), (3, 4, 1)}


def test_small_labels_are_simply_copied():
    labels = painted()
    kept = snapshot_labels(labels)
    labels[:] = 7
    assert isinstance(kept, np.ndarray)
    np.testing.assert_array_equal(kept, painted())


def test_what_may_be_larger_than_memory_goes_by_reference(tmp_path):
    lazy = da.zeros((3, 10, 10), dtype=np.uint8)
    mapped = np.memmap(tmp_path / "labels", np.uint8, "w+", shape=(3, 10, 10))
    assert snapshot_labels(lazy) is lazy
    assert snapshot_labels(mapped) is mapped


def test_a_snapshot_travels_to_another_process(small_limits):
    kept = pickle.loads(pickle.dumps(snapshot_labels(painted())))
    np.testing.assert_array_equal(kept[...], painted())


@given(data=st.data())
def test_any_region_reads_as_from_the_array(data):
    labels = painted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "WHOLE", 0)
        patch.setattr(snapshot, "BLOCK", 16)
        kept = snapshot_labels(labels)
        key = []
        for size in labels.shape:
            if data.draw(st.booleans()):
                key.append(data.draw(st.integers(-size, size - 1)))
            else:
                start = data.draw(st.integers(0, size))
                key.append(slice(start, data.draw(st.integers(0, size))))
        np.testing.assert_array_equal(kept[tuple(key)], labels[tuple(key)])


def test_steps_and_positions_outside_are_refused(small_limits):
    kept = snapshot_labels(painted())
    with pytest.raises(IndexError):
        kept[0, ::2]
    with pytest.raises(IndexError):
        kept[4]

"""Whatever changes a labels layer is found, and sent as it is."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.viewer.live.watcher import LabelsWatcher


class Copy:
    """What somebody knows of a layer who hears of its changes only."""

    def __init__(self, layer):
        self.watcher = LabelsWatcher(layer)
        self.array = np.zeros(layer.data.shape, int)
        self.follow()

    def follow(self, view=None):
        n = 0
        while True:
            found = self.watcher.changes(view)
            for box, labels in found:
                self.array[tuple(slice(*bounds) for bounds in box)] = labels
                n += labels.size
            if not found and not self.watcher.is_behind:
                break
        np.testing.assert_array_equal(self.array, np.asarray(self.watcher.layer.data))
        return n


def layer_of(*shape, dtype=np.uint8):
    return Labels(np.zeros(shape, dtype))


@pytest.mark.parametrize("shape", [(90, 80), (1100, 700), (4, 90, 80), (2, 3, 90, 80)])
def test_what_was_painted_before_is_found(shape):
    layer = layer_of(*shape)
    layer.data[..., 10:20, 30:40] = 3
    copy = Copy(layer)
    assert copy.watcher.values == {3}


def test_painting_filling_undo_and_redo():
    layer = layer_of(1100, 1300)
    copy = Copy(layer)
    view = ((0, 1100), (0, 1300))
    layer.brush_size = 7
    layer.paint((520, 512), 2)
    assert copy.follow(view) < 200
    layer.fill((0, 0), 1)
    copy.follow(view)
    layer.undo()
    copy.follow(view)
    layer.redo()
    copy.follow(view)
    layer.undo()
    layer.undo()
    copy.follow(view)
    assert copy.watcher.values == set()


def test_a_stroke_in_a_slice_that_is_not_in_view():
    layer = layer_of(6, 600, 600)
    copy = Copy(layer)
    layer.data_setitem((np.array([4, 4]), np.array([5, 6]), np.array([590, 590])), 1)
    copy.follow(((0, 1), (0, 600), (0, 600)))
    layer.undo()
    copy.follow(((0, 1), (0, 600), (0, 600)))
    layer.redo()  # napari does not say where
    copy.follow(((0, 1), (0, 600), (0, 600)))
    assert copy.watcher.values == {1}


def test_other_data_is_read_anew():
    layer = layer_of(600, 600)
    copy = Copy(layer)
    layer.data = np.eye(600, dtype=np.uint8)
    copy.follow()
    with layer.block_history():
        layer.data_setitem((np.array([1]), np.array([1])), 0)
    copy.follow()


def test_nothing_is_sent_twice():
    layer = layer_of(300, 300)
    copy = Copy(layer)
    layer.paint((20, 20), 1)
    assert copy.follow(((0, 300), (0, 300))) > 0
    layer.refresh()
    assert copy.follow(((0, 300), (0, 300))) == 0


def test_what_is_in_view_is_found_first(monkeypatch):
    from napari_unet.viewer.live import watcher as module

    layer = layer_of(40, 512, 512)
    layer.data[:, 5, 5] = 1
    copy = LabelsWatcher(layer)
    monkeypatch.setattr(module, "BUDGET", 0.0)
    layer.paint((30, 100, 100), 2)
    monkeypatch.setattr(module, "BUDGET", 10.0)
    (first, _), *_ = copy.changes(((30, 31), (0, 512), (0, 512)))
    assert first[0] == (30, 31)


def test_labels_that_are_read_piece_by_piece():
    array = np.zeros((3, 100, 100), np.int32)
    array[1, 4, 4] = 7
    layer = Labels(da.from_array(array, chunks=(1, 100, 100)))
    watcher = LabelsWatcher(layer)
    assert [box[0] for box, _ in watcher.changes(None)] == [(1, 2)]


def test_after_close_nothing_is_heard():
    layer = layer_of(100, 100)
    copy = Copy(layer)
    copy.watcher.close()
    layer.paint((20, 20), 1)
    assert not copy.watcher.is_behind

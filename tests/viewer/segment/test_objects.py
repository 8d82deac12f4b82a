"""Objects in the Segment dock: the foreground at once, then each with its number."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.events import Finished, PredictedObjects, PredictedRegion, Started
from napari_unet.labels import default_annotation
from napari_unet.settings import ObjectSettings
from napari_unet.viewer.layers import METADATA
from napari_unet.viewer.objects.kept_maps import maps_of
from segment_support import model_record, network, write_model

WAIT = 5000
NUMBERED = np.arange(72, dtype=np.int32).reshape(8, 9)


@pytest.fixture
def segmenting(tmp_path, open_dock):
    record = model_record(
        annotation=default_annotation("objects", [1]),
        network=network(n_classes=3, outputs="distances"),
        objects=ObjectSettings(splitting=0.66),
    )
    opened = open_dock(np.zeros((8, 9), np.uint8), write_model(tmp_path / "cells.safetensors", record))
    opened.footer.button.click()
    return opened


def foreground(rows=(0, 8)):
    return PredictedRegion(0, (rows, (0, 9)), np.ones((rows[1] - rows[0], 9), np.uint8))


def objects(final=True, maps=None):
    return PredictedObjects(0, ((0, 8), (0, 9)), NUMBERED, final, maps)


def ended(opened, qtbot):
    qtbot.waitUntil(lambda: not opened.dock.run.report.is_running, timeout=WAIT)


def test_objects_follow_the_foreground(segmenting, worker, qtbot):
    worker.say(Started("CPU"), foreground((0, 4)))
    qtbot.waitUntil(lambda: "eye U-Net" in segmenting.viewer.layers, timeout=WAIT)
    layer = segmenting.viewer.layers["eye U-Net"]
    qtbot.waitUntil(lambda: layer.data[:4].all(), timeout=WAIT)
    assert layer.data.dtype == np.int32
    maps = np.full((2, 8, 9), 7, np.uint8)
    worker.say(foreground((4, 8)), objects(maps=maps), Finished())
    ended(segmenting, qtbot)
    np.testing.assert_array_equal(layer.data, NUMBERED)
    assert layer.metadata[METADATA]["kind"] == "objects"
    kept = maps_of(layer)
    assert kept is not None
    np.testing.assert_array_equal(kept.maps, maps)
    assert kept.settings.splitting == 0.66
    assert kept.is_untouched(layer.data, ())


def test_a_foreground_whose_objects_nobody_told_apart_goes_when_it_is_stopped(segmenting, worker, qtbot):
    worker.say(Started("CPU"), foreground(), Finished(stopped=True))
    ended(segmenting, qtbot)
    assert not segmenting.viewer.layers["eye U-Net"].data.any()
    assert maps_of(segmenting.viewer.layers["eye U-Net"]) is None

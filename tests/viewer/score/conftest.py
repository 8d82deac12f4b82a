"""The dock on a real viewer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import METADATA, set_annotation
from score_support import WAIT


@pytest.fixture
def open_dock(make_napari_viewer, qtbot):
    """Opens the dock the way napari does, on given layers; the last one is the prediction."""

    def open_it(labels, prediction, kind="masks", **keywords):
        viewer = make_napari_viewer()
        viewer.add_labels(labels, name="truth")
        if kind is not None:
            values = [1, *np.unique(labels)]
            set_annotation(viewer.layers["truth"], default_annotation(kind, values))
        viewer.add_labels(prediction, name="guess", metadata={METADATA: {"prediction": True}}, **keywords)
        _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")
        qtbot.waitUntil(lambda: not dock.choice.is_guessing, timeout=WAIT)
        return SimpleNamespace(viewer=viewer, dock=dock)

    return open_it

"""The dock on a real viewer, and model files to open."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from segment_support import model_record, write_model


@pytest.fixture
def model_file(tmp_path):
    return write_model(tmp_path / "vessels.safetensors", model_record())


@pytest.fixture
def open_dock(make_napari_viewer, qtbot, worker):
    """Opens the dock the way napari does, on an image and with a model, and waits until it has looked at both."""

    def open_it(image=None, model=None, *, viewer=None, **image_keywords):
        viewer = viewer or make_napari_viewer()
        if image is not None:
            viewer.add_image(image, **{"name": "eye", **image_keywords})
        wrapper, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment with U-Net")
        dock.run.watch(dock.window())  # no window is shown in a test
        if model is not None:
            dock.open_model(model)
        dock.check()
        return SimpleNamespace(viewer=viewer, dock=dock, wrapper=wrapper, footer=dock.footer, page=dock.page)

    return open_it


@pytest.fixture
def running(open_dock, model_file, worker):
    """A dock that segments a small image; the test speaks for the engine."""
    opened = open_dock(np.zeros((8, 9), np.uint8), model_file)
    opened.footer.button.click()
    assert opened.dock.run.report.is_running
    opened.worker = worker
    return opened

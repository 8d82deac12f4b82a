"""The dock on a real viewer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from train_support import say, settle


@pytest.fixture
def open_dock(make_napari_viewer, qtbot, worker):
    """Opens the dock the way napari does, on an image and, if wanted, its scribbles."""

    def open_it(image=None, labels=None, *, viewer=None, said="scribbles"):
        viewer = viewer or make_napari_viewer()
        if image is not None:
            viewer.add_image(image, name="cells")
        if labels is not None:
            viewer.add_labels(labels, name="paint")
        wrapper, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
        dock.watch(dock.window())
        dock._look_for_device()  # no window is shown in a test, so nothing else begins to look
        settle(dock, qtbot)
        if said is not None and labels is not None:
            say(dock, said)
            settle(dock, qtbot)
        return SimpleNamespace(viewer=viewer, dock=dock, wrapper=wrapper)

    return open_it

"""The Objects dock on a real viewer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from objects_support import Canvas


@pytest.fixture
def open_dock(make_napari_viewer, qtbot):
    """Opens the dock the way napari does, on given labels, in a window that is shown."""

    def open_it(labels, **keywords):
        viewer = make_napari_viewer(show=True)
        layer = viewer.add_labels(labels, name="cells", **keywords)
        wrapper, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Objects")
        qtbot.waitExposed(dock.window())
        qtbot.wait(50)  # the layout of the window is known only then
        viewer.reset_view()
        return SimpleNamespace(
            viewer=viewer, layer=layer, dock=dock, wrapper=wrapper, box=dock.boxes[1], canvas=Canvas(viewer)
        )

    return open_it

"""The Objects dock on a real viewer, and one of its boxes alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from measure_support import LABELS
from napari_unet.viewer.objects import following, measure_box
from napari_unet.viewer.objects.measure_box import MeasureBox
from napari_unet.viewer.score import changes
from objects_support import Canvas


@pytest.fixture
def quick(monkeypatch):
    """Tables follow their layers without the pauses that a person needs, however busy the computer is."""
    monkeypatch.setattr(measure_box, "SLOW", 1e9)
    monkeypatch.setattr(measure_box, "HITCH", 1e9)
    monkeypatch.setattr(following, "QUIET", 20)
    monkeypatch.setattr(changes, "DELAY", 10)


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


@pytest.fixture
def open_box(make_napari_viewer, qtbot):
    """Opens the box "Measure" alone: its dock only says which layer it works on."""

    def open_it(labels=LABELS, image=None, **keywords):
        viewer = make_napari_viewer()
        if image is not None:
            viewer.add_image(image, name="DAPI", **keywords)
        layer = viewer.add_labels(labels.copy(), name="cells", **keywords)
        chosen = [layer]
        box = MeasureBox(viewer, lambda: chosen[0])
        qtbot.addWidget(box, before_close_func=lambda box: box.close_down())
        box.fold.expand()
        return SimpleNamespace(viewer=viewer, layer=layer, box=box, chosen=chosen)

    return open_it

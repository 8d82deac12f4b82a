"""A dock on a real viewer, with an engine whose answers the test gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.events import DeviceReport, Failed, Finished
from napari_unet.requests import ProbeRequest, RateSearchRequest, TrainingRequest
from napari_unet.viewer import bridge

WAIT = 10_000
CPU = DeviceReport("cpu", "CPU, 2 threads", "no_gpu")


class FakeJob:
    def __init__(self, say):
        self.say = say
        self.done = False
        self.stopped = 0

    def stop(self):
        self.stopped += 1

    def wait(self, timeout=None):
        return True


class FakeWorker:
    """Answers a probe at once (with ``report``), and lets the test speak for a training or a search."""

    def __init__(self):
        self.report = CPU
        self.requests = []
        self.jobs = []

    def submit(self, request, on_event):
        job = FakeJob(on_event)
        if isinstance(request, ProbeRequest):
            if self.report is not None:
                on_event(self.report)
                on_event(Finished())
            return job
        assert isinstance(request, TrainingRequest | RateSearchRequest)
        self.requests.append(request)
        self.jobs.append(job)
        return job

    def say(self, *events):
        for event in events:
            self.jobs[-1].say(event)
            if isinstance(event, Finished | Failed):
                self.jobs[-1].done = True

    def close(self, grace):
        pass


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_UNET_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.setenv("NAPARI_UNET_MODELS_DIR", str(tmp_path / "models"))


@pytest.fixture
def worker(qapp):
    fake = FakeWorker()
    engine = bridge.Engine(fake)
    bridge.use_engine(engine)
    yield fake
    bridge.use_engine(None)
    engine.close(0)


def scribbled(shape=(64, 64)):
    """An image and two strokes on it."""
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    labels = np.zeros(shape, np.uint8)
    labels[..., 10:13, 5:50] = 1
    labels[..., 40:43, 5:50] = 2
    return image, labels


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
        dock.run.watch(dock.window())
        dock._look_for_device()  # no window is shown in a test, so nothing else begins to look
        settle(dock, qtbot)
        if said is not None and labels is not None:
            say(dock, said)
            settle(dock, qtbot)
        return SimpleNamespace(viewer=viewer, dock=dock, wrapper=wrapper)

    return open_it


def say(dock, kind):
    """Choose what the labels are, as a user does."""
    box = dock.page.kind.box
    index = box.findData(kind)
    box.setCurrentIndex(index)
    box.activated.emit(index)


def settle(dock, qtbot):
    """Wait until the labels are counted and the device is known."""
    qtbot.wait(1)
    qtbot.waitUntil(
        lambda: (
            not dock.surveyor.is_busy and not dock._count_later.isActive() and not dock.page.device.is_looking
        ),
        timeout=WAIT,
    )


def paint(layer: Labels, where, value):
    """Paint as the brush does: one stroke that can be taken back."""
    layer.data_setitem(np.nonzero(where), value)

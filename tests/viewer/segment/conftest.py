"""A dock on a real viewer, with an engine whose answers the test gives, and model files to open."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_unet.events import DeviceReport, Failed, Finished
from napari_unet.requests import ProbeRequest
from napari_unet.viewer import bridge
from segment_support import model_record, write_model


class FakeJob:
    def __init__(self, request, say):
        self.request = request
        self.say = say
        self.done = False
        self.stopped = 0

    def stop(self):
        self.stopped += 1

    def wait(self, timeout=None):
        return True


class FakeWorker:
    """Answers a probe at once, and lets the test speak for a segmentation."""

    def __init__(self):
        self.report = DeviceReport("cpu", "CPU, 2 threads", "no_gpu")
        self.jobs = []
        self.probes = []
        self.refusal = None

    def submit(self, request, on_event):
        if self.refusal is not None:
            raise self.refusal
        job = FakeJob(request, on_event)
        if isinstance(request, ProbeRequest):
            if self.report is None:
                self.probes.append(job)
                return job
            on_event(self.report)
            on_event(Finished())
        else:
            self.jobs.append(job)
        return job

    def say(self, *events):
        for event in events:
            if isinstance(event, Finished | Failed):
                self.jobs[-1].done = True
            self.jobs[-1].say(event)

    def close(self, grace):
        pass


@pytest.fixture
def model_file(tmp_path):
    return write_model(tmp_path / "vessels.safetensors", model_record())


@pytest.fixture
def worker(qapp):
    fake = FakeWorker()
    engine = bridge.Engine(fake)
    bridge.use_engine(engine)
    yield fake
    bridge.use_engine(None)
    engine.close(0)


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

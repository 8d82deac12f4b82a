from __future__ import annotations

import pytest

from napari_unet.errors import UNetError
from napari_unet.events import DeviceReport, Failed, Finished
from napari_unet.viewer.bridge import Engine
from napari_unet.viewer.device_line import DeviceLine


class Worker:
    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def submit(self, request, on_event):
        if isinstance(self.answer, UNetError):
            raise self.answer
        self.asked.append(request.device)
        on_event(self.answer)
        if not isinstance(self.answer, Failed):
            on_event(Finished())
        return self

    done = True

    def stop(self):
        pass

    def wait(self, timeout=None):
        return True

    def close(self, grace):
        pass


@pytest.fixture
def line_for(qtbot):
    engines = []

    def make(answer, device="auto"):
        engines.append(Engine(Worker(answer)))
        line = DeviceLine(engines[-1])
        qtbot.addWidget(line)
        line.show()
        line.probe(device)
        qtbot.waitUntil(lambda: not line.is_looking, timeout=5000)
        return line

    yield make
    for engine in engines:
        engine.close(0)


def test_a_sound_device_is_named_and_nothing_is_asked(line_for):
    line = line_for(DeviceReport("cuda", "NVIDIA RTX 4090", "gpu"))
    assert line.label.text() == "Device: NVIDIA RTX 4090"
    assert line.problem == ""
    assert not line.confirmation.isVisible()


@pytest.mark.parametrize("status", ["torch_without_gpu", "gpu_too_old", "gpu_full", "gpu_failed"])
def test_an_unused_gpu_takes_one_confirming_click(line_for, status):
    line = line_for(DeviceReport("cpu", "CPU, 2 threads", status, "Install torch with CUDA."))
    assert "Install torch with CUDA." in line.label.text()
    assert "tick the box" in line.problem
    line.confirmation.click()
    assert line.problem == ""


def test_who_chose_the_processor_by_name_is_not_asked(line_for):
    line = line_for(DeviceReport("cpu", "CPU, 2 threads", "gpu_full"), device="cpu")
    assert line.problem == ""
    assert not line.confirmation.isVisible()


def test_a_device_is_looked_for_once(line_for, qtbot):
    line = line_for(DeviceReport("cpu", "CPU", "no_gpu"))
    line.probe("auto")
    line.probe("cpu")
    qtbot.waitUntil(lambda: not line.is_looking, timeout=5000)
    assert line._engine._worker.asked == ["auto", "cpu"]


def test_a_probe_that_fails_is_said_and_tried_again(line_for, qtbot):
    line = line_for(Failed("The process ended.", "Start napari again."))
    assert line.label.text() == "The process ended. Start napari again."
    line.probe("auto")
    assert line._engine._worker.asked == ["auto", "auto"]


def test_an_engine_that_takes_nothing_is_said(line_for):
    line = line_for(UNetError("This worker is closed.", "Open the dock again."))
    assert "Open the dock again" in line.label.text()


def test_a_dock_opened_during_a_run_shows_what_is_known(line_for, qtbot, monkeypatch):
    line = line_for(DeviceReport("cpu", "CPU", "no_gpu"))
    monkeypatch.setattr(Engine, "busy", True)
    second = DeviceLine(line._engine)
    qtbot.addWidget(second)
    second.probe("auto")
    assert second.label.text() == "Device: CPU"
    assert line._engine._worker.asked == ["auto"]

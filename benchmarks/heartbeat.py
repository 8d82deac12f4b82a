"""How smooth napari stays while a U-Net trains: lateness of a 10 ms heartbeat on the GUI thread.

One napari window, one real image, one script of pans, zooms and brush strokes sent as mouse and wheel events to the
canvas: first without a training run, then with one started by the Train button. Between the two, nothing differs. The
training speed is compared with the same run started from the command line without any window.

Run it as ``xvfb-run -a -s "-screen 0 1400x900x24" python benchmarks/heartbeat.py``; results are printed and, with
``--json FILE``, written.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_unet.events import TrainingStep
from napari_unet.settings import TrainSettings

PERIOD = 0.010
"""Seconds between two beats."""

EVENT_PERIOD = 0.016
"""Seconds between two scripted input events: a mouse moved by hand reports at about this rate."""

LOOK = 4.0
"""Seconds between two movements: somebody who annotates looks before the next stroke."""


class Heartbeat:
    """Lateness of every beat of a 10 ms timer on the GUI thread, in milliseconds."""

    def __init__(self) -> None:
        self.lateness: list[float] = []
        self._due = math.nan
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(int(PERIOD * 1000))
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self._due = time.perf_counter() + PERIOD
        self._timer.start()

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        late = np.asarray(self.lateness)
        return {
            "beats": len(late),
            "p50_ms": float(np.percentile(late, 50)),
            "p99_ms": float(np.percentile(late, 99)),
            "max_ms": float(late.max()),
        }

    def _beat(self) -> None:
        now = time.perf_counter()
        self.lateness.append(max(0.0, (now - self._due) * 1000))
        self._due = now + PERIOD


class Hand:
    """Pans, zooms and paints on the canvas by a fixed script, one event at a time."""

    def __init__(self, viewer, labels, look: float = LOOK) -> None:
        self.viewer, self.labels, self.look = viewer, labels, look
        self.canvas = viewer.window._qt_viewer.canvas.native
        self._events = self._script()
        self._timer = QTimer()
        self._timer.setInterval(int(EVENT_PERIOD * 1000))
        self._timer.timeout.connect(self._next)

    def start(self) -> None:
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _next(self) -> None:
        next(self._events)

    def _mouse(self, kind: QEvent.Type, x: float, y: float, down: bool) -> None:
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
        buttons = Qt.MouseButton.LeftButton if down else Qt.MouseButton.NoButton
        point = QPointF(x, y)
        event = QMouseEvent(
            kind, point, self.canvas.mapToGlobal(point), button, buttons, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(self.canvas, event)

    def _wheel(self, notches: int) -> None:
        centre = QPointF(self.canvas.width() / 2, self.canvas.height() / 2)
        event = QWheelEvent(
            centre,
            self.canvas.mapToGlobal(centre),
            centre.toPoint() * 0,
            centre.toPoint() * 0 + type(centre.toPoint())(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(self.canvas, event)

    def _stroke(self, phase: float):
        w, h = self.canvas.width(), self.canvas.height()
        path = [
            (w / 2 + 0.25 * w * math.cos(phase + t), h / 2 + 0.25 * h * math.sin(1.7 * (phase + t)))
            for t in np.linspace(0, 1.2, 40)
        ]
        self._mouse(QEvent.Type.MouseButtonPress, *path[0], True)
        yield
        for x, y in path[1:]:
            self._mouse(QEvent.Type.MouseMove, x, y, True)
            yield
        self._mouse(QEvent.Type.MouseButtonRelease, *path[-1], False)
        yield

    def _pause(self, seconds: float):
        for _ in range(int(seconds / EVENT_PERIOD)):
            yield

    def _script(self):
        turn = 0
        while True:
            self.viewer.layers.selection.active = self.labels
            self.labels.mode = "pan_zoom"
            yield from self._stroke(turn)
            yield from self._pause(self.look)
            for notches in (1, 1, 1, -1, -1, -1):
                self._wheel(notches)
                yield from self._pause(0.1)
            yield from self._pause(self.look)
            self.labels.mode = "paint"
            self.labels.selected_label = 1 + turn % 2
            yield from self._stroke(turn + 0.5)
            yield from self._pause(self.look)
            turn += 1


def spin(seconds: float, until=lambda: False) -> None:
    """Run the event loop for some seconds, or until something happens; asking often would slow the training."""
    loop = QEventLoop()  # not the application's own: its quit() would close the windows
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    question = QTimer()
    question.timeout.connect(lambda: loop.quit() if until() else None)
    question.start(250)
    loop.exec()
    question.stop()


def beat(hand: Hand, seconds: float) -> dict[str, float]:
    """Let the hand work under a heartbeat, in a real event loop."""
    heartbeat = Heartbeat()
    heartbeat.start()
    hand.start()
    processor, clock = time.process_time(), time.perf_counter()
    spin(seconds)
    share = (time.process_time() - processor) / (time.perf_counter() - clock)
    hand.stop()
    return {**heartbeat.stop(), "cores_used_by_napari": share}


def headless_steps_per_second(arguments: argparse.Namespace, minutes: float, folder: Path) -> float:
    """Steps per second of the same training in a process without any window."""
    program = f"""
import json
from napari_unet import train
from napari_unet.events import TrainingStep
steps = []
def hear(event):
    if isinstance(event, TrainingStep):
        steps.append((event.step, event.seconds))
train({str(arguments.image)!r}, {str(arguments.labels)!r}, {str(folder / "headless.safetensors")!r},
      labels_are="masks", minutes={minutes}, progress=hear)
print(json.dumps(steps))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    return speed(json.loads(done.stdout.splitlines()[-1]))


def speed(steps: list[tuple[int, float]]) -> float:
    """Steps per second between the first and the last report: start-up excluded, validations included."""
    (first, begin), (last, end) = steps[0], steps[-1]
    return (last - first) / (end - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "isbi2012_em_membrane" / "train"
    parser.add_argument("--image", type=Path, default=next(iter(sorted((data / "images").iterdir()))))
    parser.add_argument("--labels", type=Path, default=next(iter(sorted((data / "labels").iterdir()))))
    parser.add_argument("--seconds", type=float, default=40.0, help="length of each measurement")
    parser.add_argument("--look", type=float, default=LOOK, help="seconds between two movements of the hand")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()

    import napari
    from skimage.io import imread

    folder = Path(tempfile.mkdtemp())
    os.environ["NAPARI_UNET_CONFIG_DIR"] = str(folder / "config")
    os.environ["NAPARI_UNET_MODELS_DIR"] = str(folder / "models")
    minutes = (arguments.seconds + 20) / 60
    headless = headless_steps_per_second(arguments, minutes, folder)

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(imread(arguments.image), name="image")
    labels = viewer.add_labels(imread(arguments.labels).astype(np.uint8), name="labels")
    spin(2)
    start = time.perf_counter()
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    QApplication.processEvents()
    opening = time.perf_counter() - start
    spin(8)  # the child is warm, the device known

    hand = Hand(viewer, labels, arguments.look)
    beat(hand, 5)  # warm-up: shaders, caches
    without = beat(hand, arguments.seconds)

    dock.page.kind.say("masks")
    dock.page.form.set(TrainSettings(labels_are="masks", minutes=minutes))
    spin(2)
    steps: list[tuple[int, float]] = []
    dock.run.heard.connect(
        lambda event: steps.append((event.step, event.seconds)) if isinstance(event, TrainingStep) else None
    )
    dock.footer.button.click()
    spin(60, until=lambda: len(steps) > 3)
    report = dock.run.report
    if not report.is_running:
        raise SystemExit(f"The training did not start: {dock.footer.line.text()}")
    before = len(steps)
    during = beat(hand, arguments.seconds)
    in_viewer = speed(steps[before:])
    dock.footer.stop.emit()
    spin(60, until=lambda: not dock.run.report.is_running)
    headless = (headless + headless_steps_per_second(arguments, minutes, folder)) / 2

    result = {
        "dock_opening_s": opening,
        "without_training": without,
        "with_training": during,
        "p99_added_ms": during["p99_ms"] - without["p99_ms"],
        "max_added_ms": during["max_ms"] - without["max_ms"],
        "steps_per_second_headless": headless,
        "steps_per_second_in_napari": in_viewer,
        "fraction_of_headless_speed": in_viewer / headless,
    }
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    viewer.close()


if __name__ == "__main__":
    main()

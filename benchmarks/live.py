"""How soon live learning answers: from a stroke of the mouse to the preview on the screen, and how smooth napari stays.

One napari window with a real image of 512² pixels, the Train dock, Live on. Strokes are sent to the canvas as mouse
events. An answer counts when the whole view was predicted by a network that has learnt after the stroke ended, and the
canvas has shown a frame since. Nothing here fails when it takes longer::

    xvfb-run -a -s "-screen 0 1400x900x24" python -m benchmarks.live

``--save`` appends the numbers to ``benchmarks/results/live.jsonl``.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication

from benchmarks.accuracy.lines import append_line, commit_of, load, machine, now, versions
from benchmarks.accuracy.task import ROOT
from benchmarks.heartbeat import Hand, beat, spin
from benchmarks.slider import spin as spin_until

RESULTS = ROOT / "benchmarks" / "results" / "live.jsonl"
DATA = ROOT.parent / "shared" / "data" / "isbi2012_em_membrane" / "train"
SOURCES = ("src/napari_unet", "benchmarks/live.py")
FIRST, LATER = 5.0, 1.5
"""Seconds that have to be reached."""


class Desk:
    """A napari window, the dock with Live on, and a brush."""

    def __init__(self, image: np.ndarray) -> None:
        import napari

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1400, 900)
        self.layer = self.viewer.add_image(image, name="image")
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
        (self.canvas,) = (w for w in QApplication.allWidgets() if isinstance(w, QOpenGLWidget))
        self.canvas.frameSwapped.connect(self._on_frame)
        self._fresh = np.zeros(image.shape[:2], int)
        self._shown = 0
        self._undrawn = False
        spin(3)
        self.dock.live.run.previewed.connect(self._on_preview)
        self.dock.live.button.click()
        spin_until(lambda: self.dock.live.run.report.phase == "waiting")
        self.labels = self.dock.page.source.pairs[0].labels
        self.labels.brush_size = 6
        self.viewer.layers.selection.active = self.labels
        self.labels.mode = "paint"
        self.hand = Hand(self.viewer, self.labels)

    def stroke(self, value: int, y: float, x: float) -> None:
        """Draw a short line from a point, in parts of the canvas."""
        self.labels.selected_label = value
        width, height = self.canvas.width(), self.canvas.height()
        path = [(width * x + 3 * i, height * y + 8 * math.sin(i / 4)) for i in range(16)]
        self.hand._mouse(QEvent.Type.MouseButtonPress, *path[0], True)
        for point in path[1:]:
            spin_until_passed(0.016)
            self.hand._mouse(QEvent.Type.MouseMove, *point, True)
        self.hand._mouse(QEvent.Type.MouseButtonRelease, *path[-1], False)

    def answer(self, since: float) -> float:
        """Seconds from then until the view has been predicted by a network that has learnt since, and is shown."""
        learnt = self.dock.live.run.report.steps
        spin_until(lambda: self._shown > learnt)
        return time.perf_counter() - since

    def _on_preview(self, event: Any) -> None:
        self._fresh[tuple(slice(*bounds) for bounds in event.region[-2:])] = event.step
        self._undrawn = True

    def _on_frame(self) -> None:
        if self._undrawn:
            self._undrawn = False
            self._shown = int(self._fresh.min())


def spin_until_passed(seconds: float) -> None:
    """Run the event loop for a moment."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=20)
    parser.add_argument(
        "--seconds", type=float, default=24, help="length of each measurement of the heartbeat"
    )
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    from skimage.io import imread

    folder = Path(tempfile.mkdtemp())
    os.environ["NAPARI_UNET_CONFIG_DIR"] = str(folder / "config")
    os.environ["NAPARI_UNET_MODELS_DIR"] = str(folder / "models")
    before = load()
    desk = Desk(imread(sorted((DATA / "images").iterdir())[0]))
    random = np.random.default_rng(0)
    started = time.perf_counter()
    desk.stroke(1, 0.3, 0.4)
    desk.stroke(2, 0.6, 0.5)
    first = desk.answer(started)
    later = []
    for i in range(options.strokes):
        spin_until_passed(1.0 + random.random())
        desk.stroke(1 + i % 2, random.uniform(0.2, 0.8), random.uniform(0.3, 0.6))
        later.append(desk.answer(time.perf_counter()))
    on = beat(desk.hand, options.seconds)
    desk.dock.live.button.click()
    spin_until(lambda: not desk.dock.live.run.report.is_on)
    spin(2)
    off = beat(desk.hand, options.seconds)
    result = {
        "date": now(),
        "commit": commit_of(SOURCES),
        "machine": machine() | {"load_before": before},
        "versions": versions(("napari", "torch")),
        "first_preview_s": round(first, 2),
        "later_median_s": round(float(np.median(later)), 2),
        "later_worst_s": round(max(later), 2),
        "later_s": [round(seconds, 2) for seconds in later],
        "heartbeat_on": on,
        "heartbeat_off": off,
        "p99_added_ms": round(on["p99_ms"] - off["p99_ms"], 1),
        "max_added_ms": round(on["max_ms"] - off["max_ms"], 1),
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    if options.save:
        append_line(RESULTS, result)
    desk.viewer.close()


if __name__ == "__main__":
    sys.exit(main())

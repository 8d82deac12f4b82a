"""From a key on a slider of the Objects dock to the new objects on the screen, in milliseconds.

A labels layer of 2048² pixels with about 5000 objects and the maps they were found in, the Objects dock, and arrow keys
sent to its sliders by Qt. A move ends when the canvas has shown a frame that was drawn after the layer got its new
objects: ``QOpenGLWidget.frameSwapped`` after the ``set_data`` of the layer. Nothing here fails when it takes longer::

    xvfb-run -a -s "-screen 0 1400x900x24" python -m benchmarks.slider

``--save`` appends the numbers to ``benchmarks/results/slider.jsonl``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSlider

from benchmarks.accuracy.lines import append_line, commit_of, load, machine, now, versions
from benchmarks.accuracy.task import ROOT
from benchmarks.decoding import crowd, milliseconds
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut
from napari_unet.settings import ObjectSettings

RESULTS = ROOT / "benchmarks" / "results" / "slider.jsonl"
SOURCES = (
    "src/napari_unet/objects",
    "src/napari_unet/viewer/objects",
    "benchmarks/slider.py",
    "benchmarks/decoding.py",
)
BAR = 300
"""Milliseconds."""

START = 0.05
"""Where the slider begins: around there every hundredth takes some of these objects apart."""

ZOOMED = 8
"""Times larger than fitted into the window."""


@dataclass(frozen=True)
class Move:
    """Milliseconds from the key to when the layer was drawn anew, and to the frame on the screen."""

    to_layer: float
    to_screen: float
    changed: int
    """Pixels with another number than before."""


def spin(until: Callable[[], bool], seconds: float = 60) -> None:
    """Run the event loop until something is true."""
    end = time.perf_counter() + seconds
    while not until():
        if time.perf_counter() > end:
            raise SystemExit(f"Nothing happened for {seconds} s.")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


class Desk:
    """A napari window with the layer, the dock, and what is pressed and watched."""

    def __init__(self, size: int, n_objects: int) -> None:
        import napari

        from napari_unet.viewer.objects.kept_maps import KeptMaps, checksum, keep_maps

        self.foreground, self.height, _ = crowd((size, size), n_objects)
        settings = ObjectSettings(splitting=START)
        objects = cut(find_basins(self.foreground, self.height), self.foreground, settings)
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1400, 900)
        self.viewer.add_image(self.height, name="height")
        self.layer = self.viewer.add_labels(objects, name="objects")
        kept = KeptMaps(np.stack([self.foreground, self.height]), "", "ZT", settings)
        keep_maps(self.layer, kept, {(): checksum(objects)})
        _, dock = self.viewer.window.add_plugin_dock_widget("napari-unet-live", "Objects")
        self.box = dock.boxes[0]
        (self.canvas,) = (w for w in QApplication.allWidgets() if isinstance(w, QOpenGLWidget))
        self.canvas.frameSwapped.connect(self._on_frame)
        self.layer.events.set_data.connect(self._on_drawn)
        self._drawn: float | None = None
        self._shown: float | None = None
        alarm = QTimer(dock)  # wakes the event loop, to look whether something is true
        alarm.start(100)
        self.rest(3)

    def rest(self, seconds: float = 0.4) -> None:
        """Let what is under way end."""
        end = time.perf_counter() + seconds
        spin(lambda: time.perf_counter() > end and not self.box.is_busy)

    def move(self, slider: QSlider, key: Qt.Key) -> Move:
        """Press a key, and wait for the frame."""
        before = self.layer.data.copy()
        self._drawn = self._shown = None
        start = time.perf_counter()
        QTest.keyClick(slider, key)
        spin(lambda: self._shown is not None)
        drawn, shown = self._drawn, self._shown
        self.rest()
        assert drawn is not None
        assert shown is not None
        changed = int(np.count_nonzero(before != self.layer.data))
        return Move(1000 * (drawn - start), 1000 * (shown - start), changed)

    def moves(self, name: str, n: int) -> list[Move]:
        """Half of them to the right, half back."""
        slider = getattr(self.box, name).slider
        slider.setFocus()
        self.move(slider, Qt.Key.Key_Right)  # shaders, caches
        right, left = (n + 1) // 2, n // 2
        return [self.move(slider, key) for key in [Qt.Key.Key_Right] * right + [Qt.Key.Key_Left] * left]

    def _on_drawn(self, _event: Any) -> None:
        self._drawn = time.perf_counter()

    def _on_frame(self) -> None:
        if self._drawn is not None and self._shown is None:
            self._shown = time.perf_counter()


def numbers(moves: Sequence[Move]) -> dict[str, float]:
    """Median and worst, in milliseconds."""
    found = {}
    for name in ("to_layer", "to_screen"):
        values = [getattr(move, name) for move in moves]
        found |= {f"{name}_median": float(np.median(values)), f"{name}_worst": max(values)}
    return {name: round(value, 1) for name, value in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.slider", description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--save", action="store_true", help="append a line to the results")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that line is appended to")
    options = parser.parse_args(arguments)
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_UNET_CONFIG_DIR"] = os.environ["NAPARI_UNET_MODELS_DIR"] = folder
        desk = Desk(options.size, options.objects)
        n_found = int(desk.layer.data.max())
        views, unchanged = {}, 0
        for view, factor in (("fitted", 1), ("zoomed in", ZOOMED)):
            desk.viewer.reset_view()
            desk.viewer.scene.camera.zoom *= factor
            desk.rest(1)
            for name in ("splitting", "foreground"):
                moves = desk.moves(name, options.moves)
                views[f"{name}, {view}"] = numbers(moves)
                unchanged += sum(move.changed == 0 for move in moves)
        basins = find_basins(desk.foreground, desk.height)
        alone = milliseconds(lambda: cut(basins, desk.foreground, ObjectSettings(splitting=START)))
        desk.viewer.close()
    line = {
        "date": now(),
        "commit": commit_of(SOURCES),
        "machine": machine() | {"load_before": before, "nice": os.nice(0)},
        "versions": versions(("napari", "vispy", "PyQt6")),
        "size": options.size,
        "objects": n_found,
        "moves": options.moves,
        "moves_without_change": unchanged,
        "cut_alone_ms": round(alone, 1),
        "views": views,
    }
    print(f"{n_found} objects in {options.size}² pixels, {options.moves} moves; cut alone {alone:.0f} ms")
    print(f"{'ms from the key':24} {'to the layer':>22} {'to the screen':>22}")
    for name, found in views.items():
        cells = [
            f"{found[f'{to}_median']:10.0f}, worst {found[f'{to}_worst']:4.0f}"
            for to in ("to_layer", "to_screen")
        ]
        print(f"{name:24} {cells[0]:>22} {cells[1]:>22}")
    print(f"to be under {BAR} ms; {unchanged} moves changed nothing")
    if options.save:
        append_line(options.results, line)
    return 0


if __name__ == "__main__":
    sys.exit(main())

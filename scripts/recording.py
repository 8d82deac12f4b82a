"""The recording in the README: strokes of a mouse, and the segmentation that comes of them, ``docs/images/live.webp``.

Opens napari on a virtual screen with the shipped myelin, switches Live on with a click, and paints a few strokes of
three classes with mouse events on the canvas, where somebody would who knows what is what. A picture of the window is
taken several times a second, with the pointer drawn in; nothing is sped up or left out::

    xvfb-run -a -s "-screen 0 1400x900x24" python scripts/recording.py
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from scipy import ndimage
from screenshots import PLUGIN, spin

OUTPUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "live.webp"
SIZE = (1120, 700)
EVERY = 0.2
"""Seconds between two pictures."""

LARGEST = 3_000_000
"""Bytes that the recording may have."""

ROUNDS = ((1, 2, 0), (1, 2), (0, 1), (2, 0))
"""Values of the sample (0 background, 1 myelin, 2 axon) in whose areas strokes are drawn; then one looks."""


class Camera:
    """Takes pictures of the window while the event loop runs."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._window: QWidget = viewer.window._qt_window
        self._next = 0.0
        self._began = time.monotonic()
        self.pointer = QPoint(0, 0)
        self.pictures: list[Picture.Image] = []
        self.times: list[float] = []

    def roll(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + EVERY
                self._take()
            time.sleep(0.002)

    def _take(self) -> None:
        pixels = self._viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        picture = Picture.fromarray(pixels)
        x, y = self.pointer.x(), self.pointer.y()
        ImageDraw.Draw(picture).polygon(
            [(x, y), (x, y + 17), (x + 4, y + 13), (x + 12, y + 12)], fill="white", outline="black"
        )
        self.pictures.append(picture)
        self.times.append(time.monotonic() - self._began)

    def move(self, widget: QWidget, place: QPoint) -> None:
        """Where the pointer is seen: a place in a widget."""
        self.pointer = widget.mapTo(self._window, place)

    def save(self, output: Path) -> None:
        """Write an animation that is shown as fast as it happened, in the best quality there is room for."""
        shown = np.diff([*self.times, self.times[-1] + 2.0])
        for quality in (70, 60, 50, 40, 30, 20):
            self.pictures[0].save(
                output,
                save_all=True,
                append_images=self.pictures[1:],
                duration=[round(1000 * seconds) for seconds in shown],
                loop=0,
                quality=quality,
                method=4,
                minimize_size=True,
            )
            size = output.stat().st_size
            print(f"{output}: {len(shown)} pictures, {shown.sum():.0f} s, quality {quality}, {size:,} bytes")
            if size < LARGEST:
                return
        raise SystemExit("Too large: make the recording shorter.")


class Hand:
    """Clicks, and strokes on the canvas."""

    def __init__(self, viewer: Any, camera: Camera) -> None:
        self._viewer, self._camera = viewer, camera
        self._canvas = viewer.window._qt_viewer.canvas.native

    def click(self, widget: QWidget) -> None:
        place = widget.rect().center()
        self._glide(widget.mapTo(self._camera._window, place))
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        self._camera.roll(0.4)

    def stroke(self, path: np.ndarray) -> None:
        """Draw along points in pixels of the image, about as fast as a hand does."""
        places = [self._on_canvas(point) for point in path]
        self._glide(self._canvas.mapTo(self._camera._window, places[0]))
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mousePress(self._canvas, left, none, places[0])
        for place in places[1:]:
            QTest.mouseMove(self._canvas, place)
            self._camera.move(self._canvas, place)
            self._camera.roll(0.03)
        QTest.mouseRelease(self._canvas, left, none, places[-1])
        self._camera.roll(0.2)

    def _glide(self, end: QPoint) -> None:
        """Move what is seen of the pointer to a place of the window."""
        start = self._camera.pointer
        for part in np.linspace(0, 1, 6)[1:]:
            self._camera.pointer = start + (end - start) * float(part)
            self._camera.roll(0.05)

    def _on_canvas(self, point: np.ndarray) -> QPoint:
        camera = self._viewer.scene.camera
        zoom, centre = camera.zoom, camera.center[-2:]
        y, x = (point - np.asarray(centre)) * zoom
        return QPoint(round(self._canvas.width() / 2 + x), round(self._canvas.height() / 2 + y))


def strokes_in(truth: np.ndarray, value: int, random: np.random.Generator, length: int = 22) -> np.ndarray:
    """A wandering line well within areas of a class, (n, 2) points two pixels apart."""
    inside = ndimage.distance_transform_edt(np.pad(truth == value, 1))[1:-1, 1:-1]
    deep = np.argwhere(inside >= np.quantile(inside[inside > 0], 0.7))
    path = [deep[random.integers(len(deep))].astype(float)]
    angle = random.uniform(0, 2 * np.pi)
    while len(path) < length:
        turns = angle + random.permutation(np.linspace(-1.2, 1.2, 9))
        ahead = path[-1] + 2 * np.stack([np.sin(turns), np.cos(turns)], axis=1)
        rows, columns = np.rint(ahead).astype(int).clip(0, np.subtract(truth.shape, 1)).T
        best = int(np.argmax(inside[rows, columns]))
        if inside[rows[best], columns[best]] < 1.5:
            break
        angle = turns[best]
        path.append(ahead[best])
    return np.array(path)


def long_strokes(truth: np.ndarray, value: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Those of them that are worth drawing."""
    while True:
        path = strokes_in(truth, value, random)
        if len(path) > 12:
            yield path


def record(output: Path) -> None:
    """Open, paint, watch, save."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, "myelin")
    labels = viewer.layers[1]
    truth = np.asarray(labels.data)
    viewer.layers.remove(labels)
    dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Train U-Net")[1]
    camera = Camera(viewer)
    spin(3)
    viewer.reset_view()
    spin(1)
    hand = Hand(viewer, camera)
    camera.roll(1.0)
    hand.click(dock.live.button)
    camera.roll(2.0)
    annotation = dock.page.source.pairs[0].labels
    viewer.layers.selection.active = annotation
    annotation.mode = "paint"
    annotation.brush_size = 4
    random = np.random.default_rng(3)
    sources = {value: long_strokes(truth, value, random) for value in (0, 1, 2)}
    for values in ROUNDS:
        for value in values:
            annotation.selected_label = value + 1
            hand.stroke(next(sources[value]))
        camera.roll(3.0)
    camera.roll(3.0)
    camera.save(output)
    dock.live.button.click()
    spin(3)
    viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_UNET_CONFIG_DIR"] = folder
        os.environ["NAPARI_UNET_MODELS_DIR"] = folder
        record(arguments.output)


if __name__ == "__main__":
    main()

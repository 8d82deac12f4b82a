"""Pictures of the docks at work on real images, for the documents: ``docs/images/*.png``.

Opens napari on a virtual screen, opens shipped samples, trains, segments and scores them through the docks' own
buttons, and takes a picture of the whole window in the dark and in the light theme::

    xvfb-run -a -s "-screen 0 1400x900x24" python scripts/screenshots.py
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QApplication

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PLUGIN = "napari-unet-live"


def spin(seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
    """Run the event loop until something happens; False if it did not within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        if until():
            return True
        time.sleep(0.005)
    return until()


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 300) -> None:
    if not spin(seconds, condition):
        raise SystemExit(f"Not reached within {seconds} s: {what}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=IMAGES)
    parser.add_argument("--size", default="1400x900")
    parser.add_argument("--minutes", type=float, default=1.5)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_UNET_CONFIG_DIR"] = folder
        os.environ["NAPARI_UNET_MODELS_DIR"] = folder
        take(arguments)


def take(arguments: argparse.Namespace) -> None:
    """Train, segment and score myelin; then train and segment nuclei, each its own object."""
    desk = Desk(arguments)
    image, _ = desk.open_sample("myelin")
    run = desk.start_training(arguments.minutes)
    wait_for("some validations", lambda: len(run.report.validations) >= 5 or not run.report.is_running)
    spin(2)
    desk.shoot("train")
    desk.segment(image)
    desk.shoot("segment")
    scores = desk.open_dock("Scores")
    scores.compare_button.click()
    spin(4)
    desk.shoot("scores")
    desk.viewer.close()

    desk = Desk(arguments)
    image, _ = desk.open_sample("nuclei")
    desk.start_training(arguments.minutes, picture="")
    desk.segment(image)
    objects = desk.open_dock("Objects")
    objects.boxes[-1].fold.expand()
    objects.boxes[-1].button.click()
    spin(4)
    desk.shoot("objects")
    desk.viewer.close()


class Desk:
    """A viewer with one sample, and the docks beside it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        import napari

        self.viewer = napari.Viewer()
        self.folder = arguments.output
        width, height = map(int, arguments.size.split("x"))
        self.viewer.window.resize(width, height)

    def shoot(self, name: str) -> None:
        for theme in ("dark", "light"):
            self.viewer.theme = theme
            spin(1.0)
            self.viewer.screenshot(self.folder / f"{name}-{theme}.png", canvas_only=False, flash=False)
        self.viewer.theme = "dark"
        spin(0.3)

    def open_sample(self, name: str) -> Any:
        self.viewer.open_sample(PLUGIN, name)
        image, labels = list(self.viewer.layers)[:2]
        labels.opacity = 0.45
        self.viewer.reset_view()
        spin(2)
        return image, labels

    def open_dock(self, title: str) -> Any:
        dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, title)[1]
        spin(2)
        return dock

    def start_training(self, minutes: float, picture: str = "train-ready") -> Any:
        from napari_unet.settings import TrainSettings

        self.train = self.open_dock("Train U-Net")
        spin(4)
        self.train.page.form.set(TrainSettings(minutes=minutes))
        wait_for("ready to train", self.train.footer.button.isEnabled)
        spin(1)
        if picture:
            self.shoot(picture)
        self.train.footer.button.click()
        wait_for("the start of the training", lambda: self.train.run.report.is_running)
        return self.train.run

    def segment(self, image: Any) -> None:
        """Wait for the end of the training, and segment with the new model; only the result stays visible."""
        from napari_unet.viewer.segment.dock import SegmentDock

        viewer = self.viewer
        wait_for("the end of the training", lambda: not self.train.run.report.is_running)
        self.train.footer.segment_button.click()
        spin(2)
        dock = next(w for w in QApplication.allWidgets() if isinstance(w, SegmentDock) and w.isVisible())
        viewer.layers.selection.active = image
        for layer in viewer.layers:
            layer.visible = layer is image
        button = dock.footer.button
        wait_for("ready to segment", button.isEnabled, 30)
        button.click()
        spin(2)
        wait_for("a prediction", lambda: any("U-Net" in layer.name for layer in viewer.layers))
        wait_for("its end", lambda: button.text() == "Segment" and button.isEnabled())
        spin(1)
        prediction = next(layer for layer in reversed(viewer.layers) if "U-Net" in layer.name)
        prediction.opacity = 0.45
        viewer.layers.selection.active = prediction


if __name__ == "__main__":
    main()

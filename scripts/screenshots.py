"""Pictures of the three docks at work on real images, for the documents: ``docs/images/*.png``.

Opens napari on a virtual screen, opens the shipped myelin sample, trains, segments and scores it through the docks'
own buttons, and takes a picture of the whole window in the dark and in the light theme::

    xvfb-run -a -s "-screen 0 1400x900x24" python scripts/screenshots.py
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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
    import napari

    from napari_unet.settings import TrainSettings
    from napari_unet.viewer.segment.dock import SegmentDock

    viewer = napari.Viewer()
    width, height = map(int, arguments.size.split("x"))
    viewer.window.resize(width, height)

    def shoot(name: str) -> None:
        for theme in ("dark", "light"):
            viewer.theme = theme
            spin(1.0)
            viewer.screenshot(arguments.output / f"{name}-{theme}.png", canvas_only=False, flash=False)
        viewer.theme = "dark"
        spin(0.3)

    viewer.open_sample(PLUGIN, "myelin")
    image, labels = viewer.layers
    labels.opacity = 0.45
    viewer.reset_view()
    spin(2)

    _, train = viewer.window.add_plugin_dock_widget(PLUGIN, "Train U-Net")
    spin(6)
    train.page.form.set(TrainSettings(minutes=arguments.minutes))
    wait_for("ready to train", train.footer.button.isEnabled)
    spin(1)
    shoot("train-ready")
    train.footer.button.click()
    run = train.run
    wait_for("the start of the training", lambda: run.report.is_running)
    wait_for("some validations", lambda: len(run.report.validations) >= 5 or not run.report.is_running)
    spin(2)
    shoot("train")
    wait_for("the end of the training", lambda: not train.run.report.is_running)
    train.footer.segment_button.click()
    spin(2)
    segment = next(w for w in QApplication.allWidgets() if isinstance(w, SegmentDock))
    viewer.layers.selection.active = image
    labels.visible = False
    for layer in viewer.layers:
        if layer not in (image, labels):
            layer.visible = False
    button = segment.footer.button
    wait_for("ready to segment", button.isEnabled, 30)
    button.click()
    spin(2)
    wait_for("a prediction", lambda: any("U-Net" in layer.name for layer in viewer.layers))
    wait_for(
        "the end of the prediction",
        lambda: segment.footer.button.text() == "Segment" and segment.footer.button.isEnabled(),
    )
    spin(1)
    prediction = next(layer for layer in reversed(viewer.layers) if "U-Net" in layer.name)
    prediction.opacity = 0.45
    shoot("segment")
    _, scores = viewer.window.add_plugin_dock_widget(PLUGIN, "Scores")
    spin(2)
    scores.compare_button.click()
    spin(4)
    shoot("scores")
    viewer.close()


if __name__ == "__main__":
    main()

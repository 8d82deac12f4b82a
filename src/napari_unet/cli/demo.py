"""``napari-unet demo``: the whole way once, on images that come with the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.cli.interrupt import stopping_on_signals
from napari_unet.cli.options import ProgramOptions
from napari_unet.cli.report import Reporter
from napari_unet.errors import InputError

_PROGRAM = ProgramOptions()

# Distinguishable with every common colour blindness (Okabe and Ito 2008).
_FOUND, _MISSED, _WRONG = (86, 180, 233), (213, 94, 0), (240, 228, 66)


def demo(
    *,
    output: Path = Path("demo-output"),
    minutes: float = 2.0,
    viewer: bool = True,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Train on vessel images that come with the program, and show how well it went on one it never saw.

    Parameters
    ----------
    output
        Folder for the model, the prediction and an overlay.
    minutes
        Length of the training, in minutes.
    viewer
        Open napari with the result, if there is a display.
    program
        How the program behaves.
    """
    if not minutes > 0:
        raise InputError("The training needs some time.", "Give for example --minutes 2.")

    from napari_unet import api
    from napari_unet.images import read_image, read_labels, write_labels
    from napari_unet.samples import sample
    from napari_unet.scores import calculate_metrics

    started = time.monotonic()
    known, held_out = sample("vessels"), sample("vessels_held_out")
    image_path, labels_path = held_out.pairs()[0]
    model_path = output / "vessels.safetensors"
    print(
        f"Training for {minutes:g} minutes on {len(known.pairs())} images of retinal vessels; "
        f"{image_path.name} is held out."
    )
    with Reporter("Training") as report, stopping_on_signals() as stop:
        model = api.train(
            known.images, known.labels, model_path, annotation=known.annotation, minutes=minutes,
            progress=report, stop=stop,
        )  # fmt: skip
    with Reporter("Segmenting") as report, stopping_on_signals() as stop:
        prediction = api.predict(model_path, image_path, progress=report, stop=stop)

    image, truth = (
        np.asarray(read_image(image_path).channels[0][...]),
        np.asarray(read_labels(labels_path)[...]),
    )
    otsu = image > otsu_threshold(image)
    rows = {
        "U-Net": calculate_metrics(prediction, truth),
        "Otsu's threshold": calculate_metrics(otsu, truth),
    }
    print(f"\nOn the held-out image {image_path.name}, against the labels of an expert:\n")
    print(f"{'':18}{'Dice':>7}{'IoU':>7}")
    for name, score in rows.items():
        print(f"{name:18}{score['dice']:7.3f}{score['iou']:7.3f}")

    shutil.copyfile(image_path, output / "image.png")
    shutil.copyfile(labels_path, output / "labels.png")
    write_labels(output / "prediction.png", prediction)
    write_overlay(output / "overlay.png", image, prediction > 0, truth > 0)
    print(f"\nWrote to {output}: {model_path.name}, prediction.png, and overlay.png with")
    print("vessels that were found in blue, missed in orange, wrongly seen in yellow.")
    print(f"The model has {sum(p.numel() for p in model.network.parameters()):,} parameters.")
    print(f"All of it took {time.monotonic() - started:.0f} s.")
    if viewer:
        print(open_viewer(output), flush=True)


def otsu_threshold(image: NDArray[Any]) -> float:
    """Threshold that separates bright from dark best (Otsu 1979)."""
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(image))


def write_overlay(
    path: Path, image: NDArray[Any], found: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> None:
    """Write a colour PNG of the image with right, missed and wrong pixels marked.

    Parameters
    ----------
    path : Path
        Of the file.
    image : ndarray of uint8, (Y, X)
        The image.
    found, truth : ndarray of bool, (Y, X)
        What was predicted and what is there.
    """
    import imagecodecs

    from napari_unet.images import write_atomically

    stretched = np.clip(image / max(1.0, float(np.percentile(image, 99.5))), 0, 1) * 255
    overlay = np.repeat(stretched[..., None], 3, axis=2)
    for mask, colour in ((found & truth, _FOUND), (truth & ~found, _MISSED), (found & ~truth, _WRONG)):
        overlay[mask] = 0.25 * overlay[mask] + 0.75 * np.array(colour)
    data = imagecodecs.png_encode(np.ascontiguousarray(overlay.astype(np.uint8)))
    write_atomically(path, lambda file: file.write(data))


def open_viewer(folder: Path) -> str:
    """Open napari with the demo's layers, in a process of its own, and say how that went.

    A process of its own because Qt ends a process in which it cannot open a window.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display, so napari is not opened."
    print("Opening napari …", flush=True)
    log = folder / "napari.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "napari_unet.viewer.demo", str(folder.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        return "napari is open with the image, the expert's labels and the prediction."
    if process.returncode == 0:
        return "napari was opened with the result and closed again."
    return f"napari could not be opened; the reason is in {log}."

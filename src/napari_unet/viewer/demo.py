"""``python -m napari_unet.viewer.demo FOLDER``: napari with the layers that ``napari-unet demo`` wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import numpy as np

from napari_unet.images import read_image, read_labels
from napari_unet.models.header import read_record
from napari_unet.viewer.layers import set_annotation


def show(folder: Path) -> napari.Viewer:
    """Open a viewer with the image, the labels and the prediction of a demo's output folder."""
    viewer = napari.Viewer(title="napari-unet demo")
    viewer.add_image(np.asarray(read_image(folder / "image.png").channels[0][...]), name="held-out image")
    annotation = read_record(folder / "vessels.safetensors").annotation
    for name, title in (("labels", "expert"), ("prediction", "U-Net")):
        layer = viewer.add_labels(np.asarray(read_labels(folder / f"{name}.png")[...]), name=title)
        set_annotation(layer, annotation)
        layer.visible = name == "prediction"
    return viewer


if __name__ == "__main__":
    show(Path(sys.argv[1]))
    napari.run()

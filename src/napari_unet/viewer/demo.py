"""``python -m napari_unet.viewer.demo FOLDER``: napari with the layers that ``napari-unet demo`` wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import numpy as np
from napari.components import ViewerModel

from napari_unet.images import read_image, read_labels
from napari_unet.models.header import read_record
from napari_unet.viewer.layers import set_annotation


def add_layers(viewer: ViewerModel, folder: Path) -> None:
    """Add the image, the labels and the prediction of a demo's output folder."""
    viewer.add_image(np.asarray(read_image(folder / "image.png").channels[0][...]), name="held-out image")
    annotation = read_record(folder / "vessels.safetensors").annotation
    for name, title in (("labels", "expert"), ("prediction", "U-Net")):
        layer = viewer.add_labels(np.asarray(read_labels(folder / f"{name}.png")[...]), name=title)
        set_annotation(layer, annotation)
        layer.visible = name == "prediction"


if __name__ == "__main__":
    output = Path(sys.argv[1])
    read_record(output / "vessels.safetensors")  # better an error before the window than an empty one
    add_layers(napari.Viewer(title="napari-unet demo"), output)
    napari.run()

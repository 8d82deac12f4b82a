"""The layers that the demo shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from napari.components import ViewerModel

from napari_unet import UNet, save_model
from napari_unet.images import Normalisation
from napari_unet.models.files import Model
from napari_unet.models.record import ModelRecord
from napari_unet.samples import sample
from napari_unet.viewer.demo import add_layers


def test_image_labels_and_prediction(tmp_path: Path) -> None:
    held_out = sample("vessels_held_out")
    image_path, labels_path = held_out.pairs()[0]
    shutil.copyfile(image_path, tmp_path / "image.png")
    for name in ("labels", "prediction"):
        shutil.copyfile(labels_path, tmp_path / f"{name}.png")
    network = UNet(1, 2, width=2, depth=1).eval()
    record = ModelRecord(
        network=network.settings, annotation=held_out.annotation, normalisation=Normalisation()
    )
    save_model(Model(network, record), tmp_path / "vessels.safetensors")
    viewer = ViewerModel()
    add_layers(viewer, tmp_path)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == [
        ("held-out image", True), ("expert", False), ("U-Net", True)
    ]  # fmt: skip
    assert viewer.layers[0].data.shape == viewer.layers[2].data.shape
    assert "vessel" in str(viewer.layers["U-Net"].features)
    assert set(np.unique(viewer.layers["U-Net"].data)) == {0, 1}

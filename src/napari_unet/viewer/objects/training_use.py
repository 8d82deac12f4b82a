"""Corrected objects as an annotation to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import METADATA, set_annotation

if TYPE_CHECKING:
    import napari


def mark_as_objects(layer: Labels) -> None:
    """Say in the layer that its values are objects, so that nobody has to guess or ask."""
    set_annotation(layer, default_annotation("objects", [1]))
    ours = layer.metadata[METADATA]
    layer.metadata[METADATA] = {**ours, "kind_is_guessed": False}


def use_for_training(viewer: napari.Viewer, layer: Labels) -> str:
    """Choose the layer as labels in the Train dock, opened if need be; what was done as a sentence.

    Unless a model to start from was chosen already, it is the one that found the objects, where it can be read.
    """
    mark_as_objects(layer)
    dock_widget, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train U-Net")
    pair = dock.page.source.use_labels(layer)
    begins = ""
    model = layer.metadata[METADATA].get("model")
    if dock.page.start.path is None and model and Path(model).is_file():
        if dock.page.start.open(model):
            begins = f" Training starts from {Path(model).stem}."
        else:
            dock.page.start.open(None)
    dock_widget.show()
    dock_widget.raise_()
    if not pair.images:
        return (
            f"{layer.name} is chosen as labels in Train U-Net, as objects. Choose the image it belongs to there."
            + begins
        )
    names = " + ".join(image.name for image in pair.images)
    return f"{layer.name} is chosen in Train U-Net, as the objects of {names}.{begins}"

"""The sample images as layers: what stands under File > Open Sample > U-Net."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unet import samples
from napari_unet.images import read_image, read_labels
from napari_unet.viewer.layers import set_annotation

LayerData = tuple[Any, dict[str, Any], str]


def layers_of(name: str) -> list[LayerData]:
    """Return the first image of a sample and its annotation, with kind, class names and colours set.

    Raises
    ------
    InputError
        If there is no sample of this name.
    """
    sample = samples.sample(name)
    image_path, label_path = sample.pairs()[0]
    image = read_image(image_path)
    pixels = np.array(image.channels[0][...])
    labels = Labels(np.array(read_labels(label_path)[...]), name=f"{sample.title}: annotation", opacity=0.5)
    set_annotation(labels, sample.annotation)
    kept = ("name", "opacity", "features", "metadata") + (
        ("colormap",) if sample.annotation.kind != "objects" else ()
    )
    described = {key: getattr(labels, key) for key in kept}
    return [
        (pixels, {"name": sample.title, "rgb": image.axes.endswith("C")}, "image"),
        (labels.data, described, "labels"),
    ]


def nuclei() -> list[LayerData]:
    """Fluorescence nuclei, each an object."""
    return layers_of("nuclei")


def histology() -> list[LayerData]:
    """Stained tissue in colour, each nucleus an object."""
    return layers_of("histology")


def vessels() -> list[LayerData]:
    """Retinal vessels, a mask."""
    return layers_of("vessels")


def vessels_held_out() -> list[LayerData]:
    """Retinal vessels of another child, to test on what was learnt from :func:`vessels`."""
    return layers_of("vessels_held_out")


def myelin() -> list[LayerData]:
    """Background, myelin and axons, a mask of three classes."""
    return layers_of("myelin")

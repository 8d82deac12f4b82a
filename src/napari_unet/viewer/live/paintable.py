"""Whether a pair of layers can be learnt from while it is painted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_unet.errors import InputError
from napari_unet.images import Image
from napari_unet.viewer.layers import image_from_layers, level_for

if TYPE_CHECKING:
    from napari_unet.viewer.train.pairs import LayerPair


def paintable_images(pairs: Sequence[LayerPair]) -> tuple[Image, ...]:
    """The images of layers that can be learnt from while they are painted on, at the level that is painted on.

    Raises
    ------
    UNetError
        If one cannot.
    """
    images = tuple(
        image_from_layers(pair.images, level_for(pair.images, pair.labels) if pair.labels else 0)
        for pair in pairs
    )
    for pair, image in zip(pairs, images, strict=True):
        check_paintable(pair, image.label_shape)
    return images


def check_paintable(pair: LayerPair, shape: tuple[int, ...]) -> None:
    """Refuse labels that cannot be painted on, or do not fit an image that needs labels of ``shape``.

    Raises
    ------
    InputError
        Why not, and what to do.
    """
    labels = pair.labels
    if labels is None:
        raise InputError(
            "There are no labels yet.", "Click 'New annotation layer' and paint a little of each class."
        )
    if labels.multiscale:
        raise InputError(
            f"{labels.name} has several resolutions and cannot be painted on.",
            "Click 'New annotation layer'.",
        )
    if tuple(labels.data.shape) != shape:
        raise InputError(
            f"{labels.name} has the shape {tuple(labels.data.shape)}, but the image needs labels of {shape}.",
            "Click 'New annotation layer' to get one that fits.",
        )

"""Whether a pair of layers can be learnt from while it is painted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.errors import InputError

if TYPE_CHECKING:
    from napari_unet.viewer.train.pairs import LayerPair


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

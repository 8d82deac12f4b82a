"""Looking at models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unet.api.inputs import ImageSource, as_image
from napari_unet.errors import InputError
from napari_unet.images import Normalisation
from napari_unet.models.record import ModelRecord

if TYPE_CHECKING:
    from napari_unet.models.files import Model
    from napari_unet.nets import Trace, UNet

NAMED = ("paper", "padded")
"""Named configurations that can be looked at in place of a model file."""


def load_model(path: Path | str) -> Model:
    """Open a saved model; the file holds numbers and text only, no code is ever executed.

    Parameters
    ----------
    path : Path
        A file written by :func:`~napari_unet.train` or :func:`~napari_unet.save_model`.

    Raises
    ------
    ModelFileError
        If it is truncated, damaged, from a newer version, or not a model.
    """
    from napari_unet.models.files import load_model as load

    return load(path)


def open_network(model: Path | str) -> tuple[UNet, ModelRecord | None]:
    """Open the network of a model file, or build a named configuration for one channel and two classes.

    Parameters
    ----------
    model : Path or {"paper", "padded"}
        A file of that name wins over the configuration.

    Returns
    -------
    UNet
        In evaluation mode.
    ModelRecord or None
        None for a named configuration.
    """
    from napari_unet.nets import UNet

    if str(model) in NAMED and not Path(model).exists():
        build = UNet.paper if str(model) == "paper" else UNet.padded
        return build(1, 2).eval(), None
    opened = load_model(model)
    return opened.network, opened.record


def trace_network(
    network: UNet,
    record: ModelRecord | None = None,
    image: ImageSource | None = None,
    pixel: Sequence[int] | None = None,
    axes: str | None = None,
) -> Trace:
    """Follow an image, and one pixel of it, through a network.

    Parameters
    ----------
    network : UNet
        See :func:`open_network`.
    record : ModelRecord, optional
        Of the model; its normalisation is applied, the default one without it.
    image : array, Path or Image, optional
        Without it, blocks are listed for a nominal size.
    pixel : sequence of int, optional
        Position along the spatial axes, ``(y, x)``; leading axes in front of it where the image has some.
    axes : str, optional
        One letter per dimension of the image.

    Returns
    -------
    Trace
        Its ``to_text()`` is a table.

    Raises
    ------
    InputError
        If the image does not fit the network, or the pixel is outside of it.
    """
    from napari_unet.nets import trace

    if image is None:
        return trace(network)
    settings = network.settings
    picture = as_image(image, axes, settings.n_channels)
    statistics = (Normalisation() if record is None else record.normalisation).statistics(picture)
    n_leading = len(picture.label_shape) - settings.ndim
    leading = (0,) * n_leading
    if pixel is not None and len(pixel) == len(picture.label_shape):
        leading, pixel = tuple(pixel[:n_leading]), tuple(pixel[n_leading:])
    if any(not 0 <= at < size for at, size in zip(leading, picture.label_shape, strict=False)):
        raise InputError(f"The pixel is not in the image of the shape {picture.label_shape}.")
    region = [(at, at + 1) for at in leading] + [(0, size) for size in picture.label_shape[n_leading:]]
    block: NDArray[np.float32] = picture.read(tuple(region))
    block = block.reshape(block.shape[0], *block.shape[1 + n_leading :])
    return trace(network, block, pixel, statistics.apply)

"""The seamless tiled network as a function of a whole image in memory."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.events import Box, Notice
from napari_unet.inference.tiled import TiledNetwork
from napari_unet.nets import UNet


def predict_logits(
    network: UNet,
    image: NDArray[np.float32],
    tile_size: int | None = None,
    device: torch.device | None = None,
    precision: torch.dtype = torch.float32,
) -> NDArray[np.float32]:
    """Logits of a whole image in memory.

    Parameters
    ----------
    network : UNet
        Left as it is.
    image : ndarray, (C, *spatial)
        Normalised.
    tile_size : int, optional
        Largest side of the kept part of a tile, in pixels; the result does not depend on it. From the free
        memory if not given.
    device : torch.device, optional
        Where to compute; the processor if not given.
    precision : torch.dtype
        Of weights and features.

    Returns
    -------
    ndarray of float32
        ``(n_classes, *spatial)``.

    Raises
    ------
    InputError
        If the image has other channels or axes than the network takes.
    OutOfMemoryError
        If the smallest tile does not fit into memory.
    """
    settings = network.settings
    if image.ndim != settings.ndim + 1 or image.shape[0] != settings.n_channels:
        raise InputError(
            f"The image has the shape {image.shape}; the network takes {settings.n_channels} channel(s) and "
            f"{settings.ndim} spatial axes."
        )

    def read(box: Box) -> NDArray[np.float32]:
        return image[(slice(None), *(slice(start, stop) for start, stop in box))]

    result = np.empty((settings.n_classes, *image.shape[1:]), np.float32)
    for item in TiledNetwork(network, device, precision, tile_size).logits(read, image.shape[1:]):
        if not isinstance(item, Notice):
            core, logits = item
            result[(slice(None), *(slice(start, stop) for start, stop in core))] = (
                logits.float().cpu().numpy()
            )
    return result

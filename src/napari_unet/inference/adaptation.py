"""Batch norm that meets the image it works on.

Batch norm remembers what the images trained on looked like. The next image may be stained, focused or prepared a little
differently, and its features are then neither centred nor of unit variance where the network expects them to be. So for
a prediction some of the statistics are those of the image itself: half of them for a network that has seen a few images
only, fewer and fewer for one that has seen many and knows better than one image can tell.

References
----------
Schneider et al., Improving robustness against common corruptions by covariate shift adaptation. NeurIPS 2020.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from napari_unet.device import is_out_of_memory, release_memory
from napari_unet.images import Image
from napari_unet.images.blocks import spread_boxes
from napari_unet.images.normalisation import IntensityStatistics
from napari_unet.nets import UNet

_MOST = 0.5
_IMAGES = 5  # the image weighs as much as these; measured in docs/decisions/0004-optimiser.md
_LEAST = 0.1  # less is not worth the time
_SIDE = {2: 256, 3: 64}  # about as large as the patches that the network's own statistics come from
_MOST_BLOCKS = 9
_MOST_VALUES = 2**24  # of the first level's features in all blocks: little beside a tile


def image_share(n_images: int) -> float:
    """How much of the statistics is to be the image's own, for a network trained on so many; 0 if that is unknown (0).

    ``n / (N + n)`` in the paper, where the image weighs ``n = 5`` and each training image 1; at most half.
    """
    share = _IMAGES / (_IMAGES + n_images)
    return min(share, _MOST) if n_images and share >= _LEAST else 0.0


def sample_blocks(network: UNet, image: Image, statistics: IntensityStatistics) -> NDArray[np.float32]:
    """Blocks spread over a whole image, whichever part of it is predicted.

    Parameters
    ----------
    network : UNet
        What will look at them.
    image : Image
        Of any size; at most 9 blocks of it are read.
    statistics : IntensityStatistics
        Of the image.

    Returns
    -------
    ndarray of float32
        ``(N, C, *spatial)``, normalised, of a size that the network takes.
    """
    n = network.settings.ndim
    pixels = min(_SIDE[n], max(image.label_shape[-n:])) ** n
    most = max(1, min(_MOST_BLOCKS, _MOST_VALUES // (network.settings.width * pixels)))
    blocks = []
    for box in spread_boxes(image.label_shape, n, _SIDE[n], most):
        block = statistics.apply(image.read(box))
        block = block.reshape(block.shape[0], *block.shape[-n:])
        missing = [(0, network.next_valid_size(size) - size) for size in block.shape[1:]]
        blocks.append(np.pad(block, [(0, 0), *missing], mode="symmetric"))
    return np.stack(blocks)


def adapted(
    network: UNet,
    blocks: NDArray[np.float32],
    device: torch.device,
    precision: torch.dtype = torch.float32,
    *,
    share: float,
) -> UNet:
    """Copy of a network, its batch norms with statistics between their own and those of some blocks.

    Parameters
    ----------
    network : UNet
        With batch norm; left as it is.
    blocks : ndarray, (N, C, *spatial)
        What its features are looked at for; only some of them where memory runs out.
    device : torch.device
        Where to compute; the copy is there, too.
    precision : torch.dtype
        Of the features.
    share : float
        Of the blocks in the statistics, 0 to 1.

    Returns
    -------
    UNet
        In evaluation mode, with weights in 32 bits.
    """
    while len(blocks):
        try:
            copy: UNet = deepcopy(network).to(device=device, memory_format=network.memory_format)  # type: ignore[call-overload]
            _look(copy.eval(), torch.from_numpy(blocks).to(device), precision, share)
            return copy
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        release_memory(device)
        blocks = blocks[: len(blocks) // 2]
    return network


def _look(network: UNet, pixels: Tensor, precision: torch.dtype, share: float) -> None:
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.momentum = share
        norm.train()  # every layer sees what the layers before it make of the blocks' own statistics
    with torch.no_grad(), torch.autocast(pixels.device.type, precision, enabled=precision != torch.float32):
        network(pixels.to(memory_format=network.memory_format))
    network.eval()

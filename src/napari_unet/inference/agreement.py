"""Whether 16-bit numbers are exact enough for a network on an image: a look at the first tile."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_unet.inference.classic import class_indices
from napari_unet.inference.tiles import Tile
from napari_unet.nets import UNet

LEAST_AGREEMENT = 0.99
"""Share of the pixels that have to get the same class in 16 and in 32 bits."""

_SIDE = {2: 128, 3: 32}  # pixels looked at along every axis: 2 % of the work of a 1024² tile


def agreement(exact: UNet, rough: UNet, block: NDArray[np.float32], tile: Tile, logits: Tensor) -> float:
    """Share of pixels to which two copies of a network give the same class, where it is least sure.

    Parameters
    ----------
    exact, rough : UNet
        On the same device, each with the number format of its weights.
    block : ndarray, (C, *spatial)
        Normalised pixels of the tile's source.
    tile : Tile
        What was predicted.
    logits : Tensor, (n_classes, *core)
        Of the tile. Where their margins are smallest the two copies are compared, on a piece of bounded size.
    """
    piece = torch.from_numpy(np.ascontiguousarray(block[(slice(None), *_piece(exact, block, tile, logits))]))[
        None
    ]
    answers = []
    with torch.inference_mode():
        for network in (exact, rough):
            like = next(network.parameters())
            batch = piece.to(like.device, like.dtype, memory_format=network.memory_format)
            answers.append(class_indices(network(batch).float()))
    return float((answers[0] == answers[1]).float().mean())


def _piece(network: UNet, block: NDArray[np.float32], tile: Tile, logits: Tensor) -> tuple[slice, ...]:
    """The place with the smallest mean margin between the best class and the next, cut from the block."""
    margins = _margins(logits)[None, None]
    window = [min(_SIDE[margins.ndim - 2], size) for size in margins.shape[2:]]
    pool = F.avg_pool2d if len(window) == 2 else F.avg_pool3d
    means = pool(margins, window, [max(1, side // 2) for side in window])
    best = np.unravel_index(int(means.argmin()), means.shape[2:])
    cuts = []
    for index, side, core, size in zip(best, window, tile.core_in_output, block.shape[1:], strict=True):
        length = min(size, network.next_valid_size(side))
        middle = core.start + tile.margin + int(index) * max(1, side // 2) + side // 2
        start = min(max(0, middle - length // 2), size - length)
        cuts.append(slice(start, start + length))
    return tuple(cuts)


def _margins(logits: Tensor) -> Tensor:
    if len(logits) == 1:
        return logits[0].abs()
    best = logits.topk(2, dim=0).values
    return best[0] - best[1]

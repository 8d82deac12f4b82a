"""Whether 16-bit numbers are exact enough for a network on an image: a look at the first tile."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_unet.events import Box
from napari_unet.inference.pieces import Read
from napari_unet.inference.tiles import Tile
from napari_unet.nets import UNet
from napari_unet.nets.outputs import BY_SIGMOID, FOREGROUND, class_indices
from napari_unet.settings import Outputs

LEAST_AGREEMENT = 0.99
"""Share of the pixels that have to get the same class in 16 and in 32 bits."""

_SIDE = {2: 128, 3: 32}  # pixels looked at along every axis: 2 % of the work of a 1024² tile


def agreement(exact: UNet, rough: UNet, read: Read, tile: Tile, logits: Tensor) -> float:
    """Share of pixels to which two copies of a network give the same class, where it is least sure.

    Parameters
    ----------
    exact, rough : UNet
        On the same device, each with the number format of its weights.
    read : Read
        From a box inside the tile's source to normalised pixels, channels first.
    tile : Tile
        What was predicted.
    logits : Tensor, (n_classes, *core)
        Of the tile. Where their margins are smallest the two copies are compared, on a piece of bounded size.
    """
    piece = torch.from_numpy(np.ascontiguousarray(read(_piece(exact, tile, logits))))[None]
    answers = []
    with torch.inference_mode():
        for network in (exact, rough):
            like = next(network.parameters())
            batch = piece.to(like.device, like.dtype, memory_format=network.memory_format)
            answers.append(class_indices(network(batch).float(), exact.settings.outputs))
    return float((answers[0] == answers[1]).float().mean())


def _piece(network: UNet, tile: Tile, logits: Tensor) -> Box:
    """The place with the smallest mean margin between the best class and the next."""
    ndim, shape = logits.ndim - 1, logits.shape[1:]
    pool = F.avg_pool2d if ndim == 2 else F.avg_pool3d
    window = [min(_SIDE[ndim], size) for size in shape]
    half = [max(1, side // 2) for side in window]
    starts = range(0, shape[0] - half[0] + 1, half[0])  # a few rows at a time: sorting takes much memory
    rows = (_margins(logits.narrow(1, start, half[0]).float(), network.settings.outputs) for start in starts)
    means = torch.cat([pool(margins[None, None], half) for margins in rows], dim=2)
    means = pool(means, [min(2, size) for size in means.shape[2:]], 1)  # windows that overlap by half
    best = np.unravel_index(int(means.argmin()), means.shape[2:])
    box = []
    for index, side, step, core, (first, last) in zip(
        best, window, half, tile.core, tile.source, strict=True
    ):
        length = min(last - first, network.next_valid_size(side))
        middle = core[0] + int(index) * step + side // 2
        start = min(max(first, middle - length // 2), last - length)
        box.append((start, start + length))
    return tuple(box)


def _margins(logits: Tensor, outputs: Outputs) -> Tensor:
    if len(logits) == 1 or outputs in BY_SIGMOID:
        return logits[FOREGROUND].abs()
    best = logits.topk(2, dim=0).values
    return best[0] - best[1]

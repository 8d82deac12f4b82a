"""How large a tile may be: the memory that its features take, and the memory there is."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from napari_unet.device import available_memory
from napari_unet.inference.part import STEP
from napari_unet.inference.tiles import longest_source, round_up
from napari_unet.nets import UNet

_MOST_VALUES = 176 * 2**20
"""Features of a tile held at once at most: more save little, and memory shall not grow with the image."""

_SHARE_OF_MEMORY = 0.4  # of what is free


def largest_core(network: UNet, shape: Sequence[int], pixels: int, in_parts: bool) -> int:
    """Largest side of a core that needs no more pixels at once, for an image of this shape.

    The image is cut into as few pieces as that allows, all of about the same size.
    """
    core, pieces = round_up(max(shape), network.stride), 1
    while core > network.stride and _pixels_at_once(network, shape, core, in_parts) > pixels:
        pieces += 1
        core = min(core - network.stride, round_up(-(-max(shape) // pieces), network.stride))
    return core


def most_pixels(network: UNet, device: torch.device, precision: torch.dtype, in_parts: bool) -> int:
    """How many pixels may be worked on at once.

    Parameters
    ----------
    network : UNet
        What works on it.
    device : torch.device
        Whose memory is taken.
    precision : torch.dtype
        Of the features.
    in_parts : bool
        Whether :func:`napari_unet.inference.part.part_logits` does the work: it holds skip connections, strips
        and what flows between levels, measured as 4.5 maps of the first level over so many rows as lie between
        the first level of the encoder and that of the decoder. Otherwise skip, up-sampled, joined and convolved
        features are alive at once, for the whole source.
    """
    budget = int(_SHARE_OF_MEMORY * free_bytes(device) / precision.itemsize)
    return min(budget, _MOST_VALUES) // _values_per_pixel(network, in_parts)


def free_bytes(device: torch.device) -> int:
    """Bytes of the device's memory that nobody uses; of main memory where the device cannot tell."""
    if device.type in ("cuda", "xpu"):
        backend = getattr(torch, device.type)
        kept = backend.memory_reserved(device) - backend.memory_allocated(device)
        return int(backend.mem_get_info(device)[0] + kept)
    return available_memory()


def _pixels_at_once(network: UNet, shape: Sequence[int], core: int, in_parts: bool) -> int:
    if network.settings.padding == "valid":
        return prod(network.input_size(min(core, size)) for size in shape)
    rows, *across = (longest_source(size, core, network.receptive_radius, network.stride) for size in shape)
    if not in_parts:
        return rows * prod(across)
    waiting = _values_of_core(network) * rows * prod(across) // _values_per_pixel(network, in_parts)
    return min(rows, network.receptive_radius + 3 * STEP // 2) * prod(across) + waiting


def _values_per_pixel(network: UNet, in_parts: bool) -> int:
    maps = 4.5 if in_parts else 7
    return int(maps * network.settings.width) + _values_of_core(network)


def _values_of_core(network: UNet) -> int:
    """Of every pixel of a whole core, however few rows are worked on: the image, and logits until they are taken."""
    return network.settings.n_channels + 3 * network.settings.n_classes

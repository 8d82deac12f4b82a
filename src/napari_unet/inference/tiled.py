"""A network that predicts images of any size: tile by tile, without seams, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.device import available_memory, is_out_of_memory, release_memory
from napari_unet.errors import InputError, OutOfMemoryError
from napari_unet.events import Box, Notice
from napari_unet.inference.folding import fold_batch_norm
from napari_unet.inference.tiles import Tile, plan_mirrored_tiles, plan_tiles, read_mirrored
from napari_unet.nets import UNet

Read = Callable[[Box], NDArray[np.float32]]
"""From a box in spatial axes, inside the image, to normalised pixels ``(C, *box)``."""

_LARGEST_SOURCE = 1024**2
"""Pixels of a 2D source at most: larger ones save little, and memory shall not grow with the image."""

_SHARE_OF_MEMORY = 0.4


class TiledNetwork:
    """A copy of a network for inference: batch norm folded, on its device, in its number format.

    Parameters
    ----------
    network : UNet
        Left as it is.
    device : torch.device
        Where to compute.
    precision : torch.dtype
        Of weights and features; logits are float32.
    tile_size : int, optional
        Largest side of the kept part of a tile, in pixels; from the free memory if not given. Halved whenever
        memory runs out.
    """

    def __init__(
        self,
        network: UNet,
        device: torch.device | None = None,
        precision: torch.dtype = torch.float32,
        tile_size: int | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.precision = precision
        self.tile_size = tile_size
        self._original = network
        self._network = self._prepare(precision)

    def logits(
        self, read: Read, shape: Sequence[int], region: Box | None = None
    ) -> Iterator[tuple[Box, Tensor] | Notice]:
        """Predict an image, one tile after another.

        Parameters
        ----------
        read : callable
            From a box in spatial axes to normalised pixels, channels first. Called once per tile.
        shape : sequence of int
            Spatial shape of the image.
        region : Box, optional
            The part to predict; all of the image if not given.

        Yields
        ------
        (Box, Tensor)
            A core, and its logits: float32, ``(n_classes, *core)``, on the device. Every pixel once.
        Notice
            When tiles had to be made smaller, or the number format more precise.

        Raises
        ------
        OutOfMemoryError
            If the smallest tile does not fit into memory.
        """
        tiles = self._plan(shape, self.choose_tile_size(shape), region)
        waiting: list[Iterator[Tile]] = [tiles]
        while waiting:
            tile = next(waiting[-1], None)
            if tile is None:
                waiting.pop()
                continue
            if self.tile_size is not None and _longest(tile.core) > self._rounded(self.tile_size):
                waiting.append(self._plan(shape, self.tile_size, tile.core))
                continue
            logits = self._forward(read_mirrored(read, tile.source, shape))
            if logits is None:
                yield self._halve(tile)
                waiting.append(self._plan(shape, self.tile_size or 1, tile.core))
                continue
            if self.precision == torch.float16 and not bool(torch.isfinite(logits).all()):
                self.precision = torch.float32
                self._network = self._prepare(torch.float32)
                yield Notice("16-bit numbers overflowed in this network; going on with 32-bit numbers.")
                waiting.append(iter([tile]))
                continue
            yield tile.core, logits[(slice(None), *tile.core_in_output)]

    def choose_tile_size(self, shape: Sequence[int]) -> int:
        """Largest side of a core, in pixels, for an image: as wished, or what fits into the free memory."""
        if self.tile_size is not None:
            return self.tile_size
        budget = int(_SHARE_OF_MEMORY * self._free_bytes()) // self._bytes_per_pixel()
        if len(shape) == 2:
            budget = min(budget, _LARGEST_SOURCE)
        core = self._rounded(max(shape))
        while core > self._network.stride and self._largest_source(shape, core) > budget:
            core -= self._network.stride * max(1, core // self._network.stride // 16)
        return core

    def _prepare(self, precision: torch.dtype) -> UNet:
        folded = fold_batch_norm(self._original)
        return folded.to(device=self.device, dtype=precision, memory_format=folded.memory_format)  # type: ignore[call-overload,no-any-return]

    def _plan(self, shape: Sequence[int], core: int, region: Box | None) -> Iterator[Tile]:
        network = self._network
        if network.settings.padding == "valid":
            return plan_mirrored_tiles(
                shape, core, network.margin, network.input_size, network.stride, region
            )
        return plan_tiles(shape, core, network.receptive_radius, network.stride, region)

    def _forward(self, block: NDArray[np.float32]) -> Tensor | None:
        """Logits of one source; ``None`` if memory ran out."""
        try:
            with torch.inference_mode():
                batch = torch.from_numpy(np.ascontiguousarray(block))[None]
                batch = batch.to(self.device, self.precision, memory_format=self._network.memory_format)
                logits: Tensor = self._network(batch)
                return logits[0].float()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the except clause: the error's traceback holds the tensors that fill the memory.
        release_memory(self.device)
        return None

    def _halve(self, tile: Tile) -> Notice:
        smaller = self._rounded(_longest(tile.core) // 2)
        if smaller >= _longest(tile.core):
            where = "main memory" if self.device.type == "cpu" else "the memory of the GPU"
            raise OutOfMemoryError(
                f"Even the smallest tile of the image does not fit into {where}.",
                "Close other programs, or use a network of smaller width or depth.",
            )
        self.tile_size = smaller
        return Notice(f"Memory ran out; going on with tiles of {smaller} pixels.", "warning")

    def _rounded(self, size: int) -> int:
        stride = self._network.stride
        return max(stride, -(-size // stride) * stride)

    def _largest_source(self, shape: Sequence[int], core: int) -> int:
        network = self._network
        if network.settings.padding == "valid":
            sides = [network.input_size(min(core, size)) for size in shape]
        else:
            halo = self._rounded(network.receptive_radius)
            sides = [size if core >= size else min(size, core + 2 * halo) for size in shape]
        return int(np.prod(sides))

    def _bytes_per_pixel(self) -> int:
        """Features alive at once at the last level: skip, up-sampled, joined, convolved, deeper skips."""
        settings = self._network.settings
        return (7 * settings.width + settings.n_channels + 3 * settings.n_classes) * self.precision.itemsize

    def _free_bytes(self) -> int:
        if self.device.type in ("cuda", "xpu"):
            backend = getattr(torch, self.device.type)
            kept = backend.memory_reserved(self.device) - backend.memory_allocated(self.device)
            return int(backend.mem_get_info(self.device)[0] + kept)
        return available_memory()


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
            result[(slice(None), *(slice(start, stop) for start, stop in core))] = logits.cpu().numpy()
    return result


def _longest(box: Box) -> int:
    return max(stop - start for start, stop in box)

"""A network that predicts images of any size: tile by tile, without seams, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.device import is_out_of_memory, release_memory
from napari_unet.errors import OutOfMemoryError
from napari_unet.events import Box, Notice
from napari_unet.inference.adaptation import adapted
from napari_unet.inference.agreement import LEAST_AGREEMENT, agreement
from napari_unet.inference.folding import fold_batch_norm
from napari_unet.inference.part import part_logits
from napari_unet.inference.pieces import Layout, Piece, Read, Waiting, layout
from napari_unet.inference.room import largest_core, most_pixels
from napari_unet.inference.tiles import plan_cores, round_up
from napari_unet.nets import UNet
from napari_unet.nets.outputs import logits_of, probabilities, undo_symmetry
from napari_unet.nets.symmetry import symmetries

_BATCH_PIXELS = 512**2
"""Pixels of a batch of small tiles on a processor: more do not make it faster."""


class TiledNetwork:
    """A copy of a network for inference: batch norm folded, on its device, in its number format.

    Parameters
    ----------
    network : UNet
        Left as it is.
    device : torch.device
        Where to compute.
    precision : torch.dtype
        Of weights, features and logits.
    tile_size : int, optional
        Largest side of the kept part of a tile, in pixels; from the free memory if not given. Halved whenever
        memory runs out.
    checked : bool
        Compare 16-bit numbers with 32-bit ones on the first tile, and go on with the latter where less than
        :data:`~napari_unet.inference.agreement.LEAST_AGREEMENT` of the pixels get the same class.
    turns : int, optional
        How many of the flips and quarter turns of every tile are predicted, the first of
        :func:`~napari_unet.nets.symmetry.symmetries`; all of them if ``None``. The logits are those of the mean
        probabilities.
    compiled : bool
        Use ``torch.compile``; on CUDA only.
    """

    def __init__(
        self,
        network: UNet,
        device: torch.device | None = None,
        precision: torch.dtype = torch.float32,
        tile_size: int | None = None,
        *,
        checked: bool = False,
        turns: int | None = 1,
        compiled: bool = False,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.precision = precision
        self.tile_size = tile_size
        self._trained = self._original = network
        self._network = self._prepare(precision)
        self._check_due = checked and precision != torch.float32
        self._symmetries = symmetries(network.settings.ndim)[:turns]
        self._most_tiles: int | None = None  # in a batch, after memory ran out
        self._compiled: Any = None
        if compiled and self.device.type == "cuda":
            self._compiled = torch.compile(self._network)

    def logits(
        self,
        read: Read,
        shape: Sequence[int],
        region: Box | None = None,
        centre: Sequence[float] | None = None,
    ) -> Iterator[tuple[Box, Tensor] | Notice]:
        """Predict an image, one tile after another.

        Parameters
        ----------
        read : callable
            From a box in spatial axes to normalised pixels, channels first.
        shape : sequence of int
            Spatial shape of the image.
        region : Box, optional
            The part to predict; all of the image if not given.
        centre : sequence of float, optional
            Where somebody looks, in pixels: tiles nearer to it come first.

        Yields
        ------
        (Box, Tensor)
            A core, and its logits: ``(n_classes, *core)``, on the device, as precise as they were computed: a copy in
            float32 would be the largest tensor of all. Every pixel once.
        Notice
            When tiles had to be made smaller, or the number format more precise.

        Raises
        ------
        OutOfMemoryError
            If the smallest tile does not fit into memory.
        """
        for item in self.stack([read], shape, region, centre):
            yield item if isinstance(item, Notice) else item[1:]

    def stack(
        self,
        reads: Iterable[Read],
        shape: Sequence[int],
        region: Box | None = None,
        centre: Sequence[float] | None = None,
    ) -> Iterator[tuple[int, Box, Tensor] | Notice]:
        """Predict images of the same shape, small tiles in batches; otherwise as :meth:`logits`.

        Yields
        ------
        (int, Box, Tensor)
            Index of the image, a core of it, and its logits.
        Notice
            As :meth:`logits`.
        """
        shape = tuple(shape)
        size = self.choose_tile_size(shape)
        waiting = Waiting(
            Piece(image, read, shape, core)
            for image, read in enumerate(reads)
            for core in plan_cores(shape, size, self._network.stride, region, centre)
        )
        while batch := self._next_batch(waiting):
            first, *others = batch
            if self.tile_size is not None and first.longest > self._rounded(self.tile_size):
                cores = plan_cores(shape, self.tile_size, self._network.stride, first.core, centre)
                waiting.put_back(others)
                waiting.put_back([replace(first, core=core) for core in cores])
                continue
            logits = self._predict(batch)
            if logits is None:
                notice = self._use_less_memory(batch)
                waiting.put_back(batch)
                if notice is not None:
                    yield notice
                continue
            if problem := self._problem(first, logits[0]):
                self.precision = torch.float32
                self._network = self._prepare(torch.float32)
                self._compiled = None if self._compiled is None else torch.compile(self._network)
                waiting.put_back(batch)
                yield Notice(f"Computed with 32-bit numbers, which takes longer: {problem}.")
                continue
            for piece, values in zip(batch, logits, strict=True):
                yield piece.image, piece.core, values

    def adapt(self, blocks: NDArray[np.float32], share: float) -> None:
        """Let batch norm meet the image that comes next; see :mod:`napari_unet.inference.adaptation`.

        Parameters
        ----------
        blocks : ndarray, (N, C, *spatial)
            Of that image, normalised.
        share : float
            Of the image in the statistics.
        """
        self._original = adapted(self._trained, blocks, self.device, self.precision, share=share)
        prepared = self._prepare(self.precision)
        self._network.load_state_dict(prepared.state_dict())  # in place: what was compiled stays valid

    def choose_tile_size(self, shape: Sequence[int]) -> int:
        """Largest side of a core, in pixels, for an image: as wished, or what fits into the free memory."""
        if self.tile_size is not None:
            return self.tile_size
        return largest_core(self._network, shape, self._most_pixels(), self._in_parts)

    def _prepare(self, precision: torch.dtype) -> UNet:
        folded = fold_batch_norm(self._original, precision)
        return folded.to(device=self.device, memory_format=folded.memory_format)  # type: ignore[call-overload,no-any-return]

    def _next_batch(self, waiting: Waiting) -> list[Piece]:
        """The next piece, and those after it whose tiles look the same, as many as there is room for."""
        first = waiting.take()
        if first is None:
            return []
        batch, wanted = [first], self._layout(first)
        pixels = max(prod(sides) for sides, _ in wanted)
        room = _BATCH_PIXELS if self.device.type == "cpu" else self._most_pixels()
        most = self._most_tiles or max(1, room // pixels)
        while len(batch) < most and (piece := waiting.take()) is not None:
            if self._layout(piece) != wanted:
                waiting.put_back([piece])
                break
            batch.append(piece)
        return batch

    def _layout(self, piece: Piece) -> Layout:
        return layout([piece.tile(self._network, symmetry) for symmetry in self._symmetries])

    def _predict(self, batch: Sequence[Piece]) -> Tensor | None:
        """Logits of the pieces' cores, ``(N, n_classes, *core)``; ``None`` if memory ran out."""
        total: Tensor | None = None
        outputs = self._network.settings.outputs
        for symmetry in self._symmetries:
            tiles = [piece.tile(self._network, symmetry) for piece in batch]
            blocks = [piece.block(tile.source, symmetry) for piece, tile in zip(batch, tiles, strict=True)]
            logits = self._forward(blocks, tiles[0].core_in_output)
            if logits is None or len(self._symmetries) == 1:
                return logits
            share = probabilities(undo_symmetry(symmetry, logits, outputs).float(), outputs) / len(
                self._symmetries
            )
            total = share if total is None else total.add_(share)
        return None if total is None else logits_of(total, outputs)

    def _forward(self, blocks: list[NDArray[np.float32]], part: tuple[slice, ...]) -> Tensor | None:
        """That part of the logits of equally large sources, which are used up; ``None`` if memory ran out."""
        try:
            with torch.inference_mode():
                batch = torch.cat([self._batch(blocks.pop(0)) for _ in range(len(blocks))])
                return self._part(batch, part)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the except clause: the error's traceback holds the tensors that fill the memory.
        release_memory(self.device)
        return None

    def _batch(self, block: NDArray[np.float32]) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(block))[None]
        return pixels.to(self.device, self.precision, memory_format=self._network.memory_format)

    def _part(self, batch: Tensor, part: tuple[slice, ...]) -> Tensor:
        if self._in_parts:
            return part_logits(self._network, batch, part)
        logits: Tensor = (self._compiled or self._network)(batch)
        return logits[(slice(None), slice(None), *part)]

    @property
    def _in_parts(self) -> bool:
        """Whether a part can be computed by itself: no output depends on more than what is around it."""
        settings = self._network.settings
        return self._compiled is None and settings.padding == "same" and settings.norm is None

    def _problem(self, piece: Piece, logits: Tensor) -> str:
        """What is wrong with 16-bit numbers here; empty if nothing is."""
        if self.precision == torch.float16 and not bool(torch.isfinite(logits).all()):
            return "16-bit numbers overflow in this network"
        if not self._check_due or self.precision == torch.float32:
            return ""
        self._check_due = False
        tile = piece.tile(self._network, self._symmetries[0])
        read = partial(piece.block, symmetry=self._symmetries[0])
        same = agreement(self._exact(), self._network, read, tile, logits)
        if same >= LEAST_AGREEMENT:
            return ""
        return (
            f"with 16-bit numbers only {same:.1%} of the pixels looked at get the same class "
            f"({LEAST_AGREEMENT:.0%} are needed)"
        )

    def _exact(self) -> UNet:
        """The network in 32 bits on the device; the original itself where that will do."""
        original = self._original
        like = next(original.parameters())
        if like.device == self.device and like.dtype == torch.float32 and not original.training:
            return original
        return self._prepare(torch.float32)

    def _use_less_memory(self, batch: Sequence[Piece]) -> Notice | None:
        if len(batch) > 1:
            self._most_tiles = len(batch) // 2
            return None
        longest = batch[0].longest
        smaller = self._rounded(longest // 2)
        if smaller >= longest:
            where = "main memory" if self.device.type == "cpu" else "the memory of the GPU"
            raise OutOfMemoryError(
                f"Even the smallest tile of the image does not fit into {where}.",
                "Close other programs, or use a network of smaller width or depth.",
            )
        self.tile_size = smaller
        return Notice(f"Memory ran out; going on with tiles of {smaller} pixels.", "warning")

    def _rounded(self, size: int) -> int:
        return round_up(size, self._network.stride)

    def _most_pixels(self) -> int:
        return most_pixels(self._network, self.device, self.precision, self._in_parts)

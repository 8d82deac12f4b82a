"""Score a network on the held-out regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unet.device import is_out_of_memory, release_memory
from napari_unet.events import Box
from napari_unet.inference.objects import decode
from napari_unet.nets import UNet
from napari_unet.nets.outputs import class_indices, object_maps
from napari_unet.scores import Confusion
from napari_unet.scores.objects import ObjectScores, score_image, summarize
from napari_unet.settings import ObjectSettings
from napari_unet.training.coverage import Plane, blocks
from napari_unet.training.patches import PatchReader, as_classes

WINDOW = {2: 512, 3: 96}
OBJECT_WINDOW = {2: 1024, 3: 160}
"""Sides of windows; larger where objects are, of which a window should not cut many."""

SMALLEST_WINDOW = 64
"""Pixels; where memory is short, sides of windows are halved down to this."""

MAX_PIXELS = 1 << 22
"""Held-out pixels scored at most in one validation; of more, evenly spread windows are taken, always the same."""


class Scored(NamedTuple):
    """How good a network is on the held-out regions.

    Attributes
    ----------
    loss : float
        Mean over the pixels.
    confusion : Confusion
        Of the classes; of objects background and foreground.
    object_ap : float or None
        Of an annotation of objects: the mean of AP over IoU 0.5 to 0.95, objects of all windows together; ``None``
        where there is none.
    """

    loss: float
    confusion: Confusion
    object_ap: float | None = None


class HeldOut:
    """The held-out regions, cut into windows.

    The network sees real surroundings around a window, as far as the image goes; only the window is scored.

    Parameters
    ----------
    reader : PatchReader
        Where pieces are read.
    planes : sequence of Plane
        What is annotated.
    regions : sequence of sequence of Box
        Held-out boxes per image.
    """

    def __init__(
        self, reader: PatchReader, planes: Sequence[Plane], regions: Sequence[Sequence[Box]]
    ) -> None:
        self._reader = reader
        windows = [
            (plane, window)
            for plane in planes
            for box in regions[plane.image]
            for window in _windows(plane, box, OBJECT_WINDOW if reader.numbered else WINDOW)
            if (reader.read(plane, window).classes >= 0).any()
        ]
        pixels = sum(_volume(window) for _, window in windows)
        keep = max(1, len(windows) * MAX_PIXELS // max(pixels, 1))
        if keep < len(windows):
            windows = [windows[i] for i in np.linspace(0, len(windows) - 1, keep).round().astype(int)]
        self._windows = windows

    def __bool__(self) -> bool:
        return bool(self._windows)

    def score(
        self,
        network: UNet,
        forward: Callable[[nn.Module, Tensor], Tensor],
        criterion: nn.Module,
        device: torch.device,
        stop: Callable[[], bool],
        decoding: ObjectSettings | None = None,
    ) -> Scored | None:
        """Score a network in evaluation mode; ``None`` if ``stop`` said so.

        Parameters
        ----------
        network : UNet
            What to score.
        forward : callable
            Applies the network to a batch in the run's precision.
        criterion : Module
            Loss of logits and class indices.
        device : torch.device
            Where the network is.
        stop : callable
            Asked before every window.
        decoding : ObjectSettings, optional
            How objects are found.
        """
        outputs = network.settings.outputs
        confusion = Confusion(2 if self._reader.numbered else network.settings.n_classes)
        losses, weights = [], []
        overlaps = []
        for logits, objects in self._answers(network, forward, device):
            if stop():
                return None
            classes = as_classes(objects, self._reader.numbered)
            target = torch.from_numpy(classes if outputs == "classes" else objects)[None].to(device)
            losses.append(float(criterion(logits, target)))
            weights.append(np.count_nonzero(classes >= 0))
            confusion.add(class_indices(logits, outputs)[0].cpu().numpy(), classes)
            if self._reader.numbered:
                maps = object_maps(logits, outputs)[0].cpu().numpy()
                found = decode(maps, decoding or ObjectSettings(), network.settings.is_directed)
                overlaps.append(score_image(found, objects))
        return Scored(float(np.average(losses, weights=weights)), confusion, _pooled_ap(overlaps))

    def maps(
        self, network: UNet, forward: Callable[[nn.Module, Tensor], Tensor], device: torch.device
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.signedinteger]]]:
        """Per window the maps ``(2, *window)`` that a network for objects gives, and the objects there are."""
        outputs = network.settings.outputs
        return [
            (object_maps(logits, outputs)[0].cpu().numpy(), objects)
            for logits, objects in self._answers(network, forward, device)
        ]

    def _answers(
        self, network: UNet, forward: Callable[[nn.Module, Tensor], Tensor], device: torch.device
    ) -> Iterator[tuple[Tensor, NDArray[np.signedinteger]]]:
        """Per window the logits ``(1, K, *window)`` and the labels."""
        for plane, window in self._windows:
            logits = self._logits(network, forward, device, plane, window)
            yield logits, self._reader.read(plane, window).classes

    def _logits(
        self,
        network: UNet,
        forward: Callable[[nn.Module, Tensor], Tensor],
        device: torch.device,
        plane: Plane,
        window: Box,
    ) -> Tensor:
        """The logits of a window; in halves, and so on, where memory is short."""
        region, crop = _surroundings(plane, window, network)
        image = torch.from_numpy(self._reader.read(plane, region).image)[None].to(device)
        inside: Any = (..., *crop)
        sides = [high - low for low, high in window]
        try:
            whole = forward(network, image.contiguous(memory_format=network.memory_format))
            return whole.float()[inside].contiguous()
        except Exception as error:
            if not is_out_of_memory(error) or max(sides) < 2 * SMALLEST_WINDOW:
                raise
        # outside of the except clause, which keeps tensors alive
        release_memory(device)
        axis = int(np.argmax(sides))
        low, high = window[axis]
        middle = (low + high) // 2
        halves = [
            self._logits(network, forward, device, plane, (*window[:axis], half, *window[axis + 1 :]))
            for half in ((low, middle), (middle, high))
        ]
        return torch.cat(halves, dim=2 + axis)


def _windows(plane: Plane, box: Box, sides: Mapping[int, int]) -> list[Box]:
    """Pieces of a held-out box on one plane."""
    ndim = len(plane.shape)
    leading, spatial = box[: len(box) - ndim], box[len(box) - ndim :]
    if not all(low <= at < high for at, (low, high) in zip(plane.position, leading, strict=True)):
        return []
    size = [high - low for low, high in spatial]
    return [
        tuple((low + a, low + b) for (low, _), (a, b) in zip(spatial, piece, strict=True))
        for piece in blocks(size, sides[ndim])
    ]


def _surroundings(plane: Plane, window: Box, network: UNet) -> tuple[Box, tuple[slice, ...]]:
    """Region to feed for a window, and where the window is in the network's output."""
    region: list[tuple[int, int]] = []
    crop: list[slice] = []
    for (low, high), size in zip(window, plane.shape, strict=True):
        if network.margin:
            start = low - network.margin
            region.append((start, start + network.input_size(high - low)))
            crop.append(slice(0, high - low))
        else:
            start = max(0, (low - 2 * network.stride) // network.stride * network.stride)
            region.append((start, min(size, high + 2 * network.stride)))
            crop.append(slice(low - start, high - start))
    return tuple(region), tuple(crop)


def _volume(box: Box) -> int:
    return int(np.prod([high - low for low, high in box]))


def _pooled_ap(scores: Sequence[ObjectScores]) -> float | None:
    """Mean of AP over the thresholds, the objects of all windows together; ``None`` without any."""
    total = summarize(scores)
    n = total.tp + total.fp + total.fn
    return float((total.tp / n).mean()) if n.any() else None

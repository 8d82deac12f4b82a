"""Square areas of the images in which the features of pixels are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.events import Box
from napari_unet.images import Image, IntensityStatistics
from napari_unet.nets import UNet
from napari_unet.training.averaging import AveragedNetwork
from napari_unet.training.live.filters import REACH, filter_bank
from napari_unet.training.live.pixels import read_normalised
from napari_unet.training.optimisation import autocast

SIDE = 256
"""Of an area, in pixels."""

MULTIPLE = 16
"""Sides of what is looked at are multiples of this, as a starter needs it."""

MET = 2
"""Areas from which a starter's batch norm takes its statistics."""


class Area(NamedTuple):
    """Where an area is: image, position along the leading axes, row and column in a grid of areas."""

    image: int
    position: tuple[int, ...]
    row: int
    column: int

    def region(self, shape: tuple[int, ...]) -> Box:
        """In spatial axes, of a plane of this shape."""
        starts = self.row * SIDE, self.column * SIDE
        return tuple((start, min(start + SIDE, full)) for start, full in zip(starts, shape, strict=True))


def by_area(
    painted: Sequence[tuple[int, NDArray[np.int32]]], most: int, random: np.random.Generator
) -> dict[Area, NDArray[np.int32]]:
    """Positions in their plane, (n, 2), of images and positions (n, number of axes).

    Of more than ``most`` of a block as many, at random.
    """
    found: dict[Area, list[NDArray[np.int32]]] = {}
    for image, block in painted:
        positions = block
        if len(block) > most:
            positions = block[random.integers(len(block), size=most)]
        cells = np.concatenate([positions[:, :-2], positions[:, -2:] // SIDE], axis=1)
        different, index = np.unique(cells, axis=0, return_inverse=True)
        for number, cell in enumerate(different):
            *position, row, column = map(int, cell)
            inside = positions[index.ravel() == number][:, -2:]
            found.setdefault(Area(image, tuple(position), row, column), []).append(inside)
    return {area: np.concatenate(parts) for area, parts in found.items()}


class Features:
    """Features of whole areas: those of filters, and those of a starter network.

    Parameters
    ----------
    images, statistics : sequence of Image, sequence of IntensityStatistics
        What they are of.
    starter : UNet, optional
        Without one there are only filters.
    device, precision : torch.device, torch.dtype
        Where to compute, and in which number format the starter does.
    """

    def __init__(
        self,
        images: Sequence[Image],
        statistics: Sequence[IntensityStatistics],
        starter: UNet | None,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self._images, self._statistics = images, statistics
        self._device, self._precision = device, precision
        self._starter = None
        if starter is not None:
            self._starter = AveragedNetwork(starter, 0.0)  # a copy
            self._starter.network.to(device, memory_format=starter.memory_format)  # type: ignore[call-overload]

    def adapt(self, areas: Sequence[Area]) -> Iterator[None]:
        """Let the starter's batch norm suit the first of these areas."""
        if self._starter is not None:
            seen = [self._seen(area)[0] for area in areas[:MET]]
            self._starter.estimate_statistics(seen, self._starter_features)
            yield

    @torch.no_grad()
    def of(self, area: Area) -> tuple[Tensor, ...]:
        """Of every kind the features (F, height, width), in half precision, of an area."""
        image, (top, left), (height, width) = self._seen(area)
        kinds = [filter_bank(image)]
        if self._starter is not None:
            kinds.append(self._starter_features(self._starter.network, image))
        inside = slice(top, top + height), slice(left, left + width)
        return tuple(kind[(0, slice(None), *inside)].half() for kind in kinds)

    def guide(self, area: Area) -> Tensor:
        """The normalised image (C, height, width) of an area, in float32."""
        return self._read(area, area.region(self._images[area.image].label_shape[-2:]))

    def _read(self, area: Area, region: Box) -> Tensor:
        """Pixels of the plane of an area."""
        pixels: NDArray[np.float32] = read_normalised(
            self._images[area.image], self._statistics[area.image], area.position, region
        )
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)

    def _seen(self, area: Area) -> tuple[Tensor, tuple[int, int], tuple[int, int]]:
        """An area with what is around it, (1, C, Y, X); where in that it begins, and its size."""
        shape = self._images[area.image].label_shape[-2:]
        region = area.region(shape)
        around = tuple(
            (max(low - REACH, 0), min(high + REACH, full))
            for (low, high), full in zip(region, shape, strict=True)
        )
        (top, bottom), (left, right) = region
        image = self._read(area, around)[None]
        more = [-side % MULTIPLE for side in image.shape[-2:]]
        image = F.pad(image, (0, more[1], 0, more[0]), mode="replicate")
        return image, (top - around[0][0], left - around[1][0]), (bottom - top, right - left)

    def _starter_features(self, network: UNet, image: Tensor) -> Tensor:
        with autocast(self._device, self._precision):
            return network.features(image.contiguous(memory_format=network.memory_format))

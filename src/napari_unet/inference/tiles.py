"""Cutting an image into tiles whose predictions fit together without a seam.

A tile contributes its *core*; the network is fed its *source*, the core and a halo around it. Two things make
the result the same as that of the whole image at once: the halo is at least as wide as the network can see,
and every source starts at a multiple of the network's stride, so that pooling groups the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.events import Box


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile, in spatial axes.

    Attributes
    ----------
    core : Box
        What it contributes to the prediction.
    source : Box
        What the network is fed; beyond the image for an unpadded network, and mirrored there.
    margin : int
        Pixels that the network's output lacks at each side of the source.
    """

    core: Box
    source: Box
    margin: int = 0

    @property
    def core_in_output(self) -> tuple[slice, ...]:
        """Where the core lies in the network's output for the source."""
        offsets = [first + self.margin for first, _ in self.source]
        return tuple(
            slice(start - offset, stop - offset)
            for (start, stop), offset in zip(self.core, offsets, strict=True)
        )


def plan_tiles(
    shape: Sequence[int],
    core: int,
    halo: int,
    stride: int,
    region: Box | None = None,
    centre: Sequence[float] | None = None,
) -> Iterator[Tile]:
    """Tiles for a padded network: every pixel of the region in exactly one core.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of the image.
    core : int
        Largest side of a core, in pixels; rounded up to a multiple of ``stride``.
    halo : int
        Least width of the halo, the network's receptive radius; rounded up likewise. It ends at the image.
    stride : int
        The network's stride.
    region : Box, optional
        The part to predict; all of the image if not given.
    centre : sequence of float, optional
        Where somebody looks, in pixels: tiles nearer to it come first.

    Raises
    ------
    InputError
        If a size is not positive or the region is not inside the image.
    """
    for box in plan_cores(shape, core, stride, region, centre):
        yield padded_tile(box, shape, halo, stride)


def padded_tile(core: Box, shape: Sequence[int], halo: int, stride: int) -> Tile:
    """The tile of a padded network with this core; the options are those of :func:`plan_tiles`."""
    halo = round_up(halo, stride)
    source = tuple(
        (max(0, start // stride * stride - halo), min(size, stop + halo))
        for (start, stop), size in zip(core, shape, strict=True)
    )
    return Tile(core, source)


def plan_mirrored_tiles(
    shape: Sequence[int],
    core: int,
    margin: int,
    input_size: Callable[[int], int],
    stride: int,
    region: Box | None = None,
    centre: Sequence[float] | None = None,
) -> Iterator[Tile]:
    """Overlapping tiles for an unpadded network (Ronneberger et al. 2015, figure 2).

    The source is larger than the core by what the network loses; outside the image it is mirrored.

    Parameters
    ----------
    shape, core, stride, region, centre
        As for :func:`plan_tiles`.
    margin : int
        Pixels the network loses at each side.
    input_size : callable
        From a side of output to the smallest side of input that gives as much.
    """
    for box in plan_cores(shape, core, stride, region, centre):
        yield mirrored_tile(box, margin, input_size, stride)


def mirrored_tile(core: Box, margin: int, input_size: Callable[[int], int], stride: int) -> Tile:
    """The tile of an unpadded network with this core; the options are those of :func:`plan_mirrored_tiles`."""
    source = []
    for start, stop in core:
        first = start // stride * stride
        source.append((first - margin, first - margin + input_size(stop - first)))
    return Tile(core, tuple(source), margin)


def read_mirrored(
    read: Callable[[Box], NDArray[np.float32]], box: Box, shape: Sequence[int]
) -> NDArray[np.float32]:
    """Read a box that may reach beyond the image, which is mirrored there, its edge pixels included.

    Parameters
    ----------
    read : callable
        From a box inside the image to its pixels, channels first.
    box : Box
        In spatial axes.
    shape : sequence of int
        Spatial shape of the image.
    """
    if all(start >= 0 and stop <= size for (start, stop), size in zip(box, shape, strict=True)):
        return read(box)
    positions = []
    for (start, stop), size in zip(box, shape, strict=True):
        index = np.arange(start, stop) % (2 * size)
        positions.append(np.minimum(index, 2 * size - 1 - index))
    inside = tuple((int(index.min()), int(index.max()) + 1) for index in positions)
    block = read(inside)
    for axis, (index, (start, _)) in enumerate(zip(positions, inside, strict=True), start=1):
        block = block.take(index - start, axis=axis)
    return block


def plan_cores(
    shape: Sequence[int],
    core: int,
    stride: int,
    region: Box | None = None,
    centre: Sequence[float] | None = None,
) -> Iterator[Box]:
    """Cores alone; the options are those of :func:`plan_tiles`."""
    if region is None:
        region = tuple((0, size) for size in shape)
    if core < 1 or len(region) != len(shape):
        raise InputError(f"Tiles of {core} pixels in {len(region)} axes do not cover {tuple(shape)}.")
    axes = []
    for (start, stop), size in zip(region, shape, strict=True):
        if not 0 <= start < stop <= size:
            raise InputError(f"The region {region} is not inside the image of {tuple(shape)} pixels.")
        axes.append(list(_cut(start, stop, round_up(core, stride), stride)))
    if centre is None:
        yield from product(*axes)
    else:
        yield from sorted(product(*axes), key=lambda box: distance(box, centre))


def distance(box: Box, point: Sequence[float]) -> tuple[float, float]:
    """How far a point is from a box (0 inside) and, among boxes equally far, from its middle; in pixels squared."""
    outside = middle = 0.0
    for (start, stop), at in zip(box, point, strict=True):
        outside += max(start - at, 0, at - (stop - 1)) ** 2
        middle += ((start + stop - 1) / 2 - at) ** 2
    return outside, middle


def longest_source(size: int, core: int, halo: int, stride: int) -> int:
    """Longest side of a source along an axis of ``size`` pixels that is cut into cores of ``core`` or less."""
    sides = [stop - start for start, stop in _cut(0, size, round_up(core, stride), stride)]
    halos = min(2, len(sides) - 1)  # none beyond the image
    return min(size, sides[0] + halos * round_up(halo, stride))


def _cut(start: int, stop: int, core: int, stride: int) -> Iterator[tuple[int, int]]:
    """Pieces of about equal length, ``core`` or less, cut at multiples of ``stride``."""
    first = start // stride * stride
    pieces = -(-(stop - first) // core)
    step = round_up(-(-(stop - first) // pieces), stride)
    for cut in range(first, stop, step):
        yield max(cut, start), min(cut + step, stop)


def round_up(size: int, multiple: int) -> int:
    """The next multiple; at least one of it."""
    return -(-size // multiple) * multiple

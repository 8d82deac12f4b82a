"""The work of a prediction: pieces of images, waiting to go through the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.inference.tiles import Tile, mirrored_tile, padded_tile, read_mirrored
from napari_unet.nets import UNet
from napari_unet.nets.symmetry import Symmetry

Read = Callable[[Box], NDArray[np.float32]]
"""From a box in spatial axes, inside the image, to normalised pixels ``(C, *box)``."""

Layout = list[tuple[tuple[int, ...], tuple[slice, ...]]]
"""Of tiles: the sizes of their sources, and where the cores lie in the network's output."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A core of one of several images of the same shape.

    Attributes
    ----------
    image : int
        Which of the images.
    read : Read
        Reads that image.
    shape : tuple of int
        Its spatial shape.
    core : Box
        What is to be predicted.
    """

    image: int
    read: Read
    shape: tuple[int, ...]
    core: Box

    @property
    def longest(self) -> int:
        """Longest side of the core, in pixels."""
        return max(stop - start for start, stop in self.core)

    def tile(self, network: UNet, symmetry: Symmetry) -> Tile:
        """The tile for the core in the image that a symmetry makes; its pooling grid begins at that one's corner."""
        core = symmetry.box(self.core, self.shape)
        if network.settings.padding == "valid":
            return mirrored_tile(core, network.margin, network.input_size, network.stride)
        return padded_tile(core, symmetry.shape(self.shape), network.receptive_radius, network.stride)

    def block(self, box: Box, symmetry: Symmetry) -> NDArray[np.float32]:
        """Pixels of a box in the image that a symmetry makes; beyond that it is mirrored."""

        def changed(box: Box) -> NDArray[np.float32]:
            return symmetry.apply(self.read(symmetry.box_before(box, self.shape)))

        return read_mirrored(changed, box, symmetry.shape(self.shape))


def layout(tiles: Sequence[Tile]) -> Layout:
    """What has to be equal for pieces to share a batch: that of the tiles of each, one per symmetry."""
    return [(tuple(stop - start for start, stop in t.source), t.core_in_output) for t in tiles]


class Waiting:
    """Pieces in their order, made only when they are taken; some may be put back, or cut into others.

    Parameters
    ----------
    pieces : iterable of Piece
        The first of them is taken first.
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._sources: list[Iterator[Piece]] = [iter(pieces)]

    def take(self) -> Piece | None:
        """The next piece; ``None`` when there is none left."""
        while self._sources:
            piece = next(self._sources[-1], None)
            if piece is not None:
                return piece
            self._sources.pop()
        return None

    def put_back(self, pieces: Iterable[Piece]) -> None:
        """These come next, before all others."""
        self._sources.append(iter(pieces))

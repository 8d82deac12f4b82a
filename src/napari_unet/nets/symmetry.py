"""Flips and quarter turns of an image, and of what a network answers to it.

Predicting all of them and averaging is test-time augmentation; a network in training is to answer the same to two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.events import Box

_T = TypeVar("_T")


@dataclass(frozen=True)
class Symmetry:
    """Axes flipped, then the last two exchanged: with two axes every flip and quarter turn is one of these 8.

    Attributes
    ----------
    flipped : tuple of bool
        For every spatial axis.
    exchanged : bool
        Whether the last two axes change places.
    """

    flipped: tuple[bool, ...]
    exchanged: bool

    def shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Spatial shape of the changed image."""
        return self._exchange(tuple(shape))

    def box(self, box: Box, shape: Sequence[int]) -> Box:
        """Where a box of an image of this shape lies in the changed image."""
        return self._exchange(self._flip(box, shape))

    def box_before(self, box: Box, shape: Sequence[int]) -> Box:
        """Where a box of the changed image lies in the image, which has this shape."""
        return self._flip(self._exchange(box), shape)

    def apply(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Change pixels ``(C, *spatial)``."""
        block = np.flip(block, self._axes(block.ndim))
        return block.swapaxes(-1, -2) if self.exchanged else block

    def turn(self, features: Tensor) -> Tensor:
        """Change features ``(..., *spatial)``."""
        features = torch.flip(features, self._axes(features.ndim))
        return features.transpose(-1, -2) if self.exchanged else features

    def undo(self, features: Tensor) -> Tensor:
        """Change features ``(..., *spatial)`` back."""
        if self.exchanged:
            features = features.transpose(-1, -2)
        return torch.flip(features, self._axes(features.ndim))

    def undo_vectors(self, vectors: Tensor) -> Tensor:
        """Change vectors back, ``(..., components, *spatial)`` with one component for each spatial axis."""
        vectors = self.undo(vectors)
        components = list(vectors.unbind(-len(self.flipped) - 1))
        if self.exchanged:
            components[-2:] = components[:-3:-1]
        components = [-c if flipped else c for c, flipped in zip(components, self.flipped, strict=True)]
        return torch.stack(components, -len(self.flipped) - 1)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        first = ndim - len(self.flipped)
        return tuple(first + axis for axis, flipped in enumerate(self.flipped) if flipped)

    def _flip(self, box: Box, shape: Sequence[int]) -> Box:
        return tuple(
            (size - stop, size - start) if flipped else (start, stop)
            for (start, stop), size, flipped in zip(box, shape, self.flipped, strict=True)
        )

    def _exchange(self, items: tuple[_T, ...]) -> tuple[_T, ...]:
        return (*items[:-2], items[-1], items[-2]) if self.exchanged else items


def symmetries(ndim: int) -> tuple[Symmetry, ...]:
    """All of them, the image as it is first: 8 for two axes; 16 for three, none of which tilts a slice."""
    return tuple(
        Symmetry(flipped, exchanged)
        for exchanged in (False, True)
        for flipped in product((False, True), repeat=ndim)
    )

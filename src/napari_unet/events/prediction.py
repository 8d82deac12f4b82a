"""What a prediction says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events.base import Box, Event


@dataclass(frozen=True, slots=True, eq=False)
class PredictedRegion(Event):
    """A finished piece of a prediction.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        Where it belongs in the image's label array.
    labels : ndarray of uint8 or uint16
        Class values as painted, of the region's shape.
    probabilities : ndarray of float16, optional
        Classes first, then the region's shape; only on request.
    """

    image: int
    region: Box
    labels: NDArray[np.integer[Any]]
    probabilities: NDArray[np.float16] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PredictedObjects(Event):
    """The objects of a finished plane (a volume, of a 3D network), after all its :class:`PredictedRegion`.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        Where they belong in the image's label array.
    objects : ndarray of int32
        0 outside, every object a number of its own within the plane; of the region's shape.
    final : bool
        False where the planes of a stack are still to be linked: they come again then, with other numbers.
    maps : ndarray of uint8, optional
        Foreground and height, in which the objects were found, then the region's shape; not when they come again.
    """

    image: int
    region: Box
    objects: NDArray[np.int32]
    final: bool = True
    maps: NDArray[np.uint8] | None = None

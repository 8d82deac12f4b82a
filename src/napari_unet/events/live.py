"""What a live run says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unet.events.base import Box, Event


@dataclass(frozen=True, slots=True, eq=False)
class Preview(Event):
    """What a live run makes of a part of an image for now.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        Where it belongs in the image's label array.
    labels : ndarray of uint8 or uint16
        Class values as painted, of the region's shape.
    doubt : ndarray of uint8
        How evenly the probabilities are spread over the classes: their entropy, 255 where all are as probable.
    step : int
        After how many steps of learning.
    """

    image: int
    region: Box
    labels: NDArray[np.integer[Any]]
    doubt: NDArray[np.uint8]
    step: int


@dataclass(frozen=True, slots=True)
class Suggestion(Event):
    """Where a label would help a live run most.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    point : tuple of float
        In pixels, one number for each of the image's label axes.
    """

    image: int
    point: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LiveState(Event):
    """How a live run is.

    Attributes
    ----------
    state : {"waiting", "learning", "resting"}
        For strokes of a second class; learning; until something new is painted.
    step : int
        Steps of learning so far.
    loss : float
        Training loss, the mean since the last of these; ``nan`` where there was no step.
    painted : dict
        Pixels by value.
    """

    state: Literal["waiting", "learning", "resting"]
    step: int
    loss: float
    painted: dict[int, int]

"""What the second map of objects may hold: heights, or directions. What finding basins has to know of either."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.ascent import Passes
from napari_unet.objects.flows import Flows
from napari_unet.objects.heights import Heights


class Terrain(Protocol):
    """A kind of map that is climbed."""

    def framed(self, foreground: NDArray[np.uint8], relief: NDArray[np.uint8], beyond: Any) -> NDArray[Any]:
        """What is climbed, framed: 0 outside the foreground, whole numbers above it inside.

        Parameters
        ----------
        foreground, relief : ndarray of uint8
            The core and up to :data:`.ascent.HALO` pixels around it.
        beyond : sequence of (int, int)
            For each axis how many pixels of the halo are missing at both ends, because the image ends there.
        """

    def steps(self, framed: NDArray[Any]) -> NDArray[np.uint8]:
        """The code of each pixel's step, see :func:`.ascent.climb`."""

    def peaks(self, framed: NDArray[Any], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """How high ends with these pixels are, at most 255."""

    def passes(self, ends: NDArray[np.int32], framed: NDArray[Any]) -> Passes:
        """Which ends meet, the lower number first, each pair once, in ascending order."""

    def united(self, passes: Passes) -> Passes:
        """The same of passes in which pairs come several times, those of several blocks."""

    def levels(self, met: NDArray[Any]) -> NDArray[np.float64]:
        """How high passes are, at most as high as the peaks beside them, from what is known of where ends meet."""


def terrain_of(directed: bool) -> Terrain:
    """That of directions or of heights."""
    return Flows() if directed else Heights()

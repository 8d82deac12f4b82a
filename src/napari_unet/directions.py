"""The directions that a map of 8-bit numbers can hold."""

from __future__ import annotations

from functools import cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError

N_DIRECTIONS = 256


@cache
def direction_table(ndim: int) -> NDArray[np.float32]:
    """Unit vectors, evenly spread, by their codes 0 to 255.

    Parameters
    ----------
    ndim : {2, 3}
        In a plane (Y, X), code ``c`` has the angle ``2 pi c / 256`` from X towards Y, so its cosine along X. In space
        (Z, Y, X) the vectors lie on a Fibonacci sphere (González 2010, Math Geosci 42:49), about 13° apart.

    Returns
    -------
    ndarray of float32, (256, ndim)
        Not to be written to.

    Raises
    ------
    InputError
        For other numbers of dimensions.
    """
    codes = np.arange(N_DIRECTIONS, dtype=np.float64)
    if ndim == 2:
        angle = 2 * pi * codes / N_DIRECTIONS
        components = [np.sin(angle), np.cos(angle)]
    elif ndim == 3:
        height = 1 - (2 * codes + 1) / N_DIRECTIONS
        angle = 2 * pi * codes / ((1 + sqrt(5)) / 2)
        around = np.sqrt(1 - height**2)
        components = [height, around * np.sin(angle), around * np.cos(angle)]
    else:
        raise InputError(f"There is no table of directions in {ndim} dimensions.", "Use planes or volumes.")
    table = np.stack(components, axis=1).astype(np.float32)
    table.setflags(write=False)
    return table

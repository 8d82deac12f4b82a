"""Room for arrays that may be larger than memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


def zeros(shape: Sequence[int], dtype: Any, most_in_memory: int) -> NDArray[Any]:
    """An array of zeros, in a nameless file where it is large, of which only what is written to takes room.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype
    most_in_memory : int
        Bytes from which on it lies in a file.
    """
    if np.dtype(dtype).itemsize * prod(shape) <= most_in_memory:
        return np.zeros(tuple(shape), dtype)
    with tempfile.TemporaryFile() as file:  # stays open as long as it is mapped
        return np.memmap(file, dtype, "w+", shape=tuple(shape))

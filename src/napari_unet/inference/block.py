"""The two convolutions of a level of a U-Net, over rows that come in order."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.inference.window import Strip

REACH = 2
"""How far beyond a row of the result both convolutions together read, in rows."""


class Block:
    """The two convolutions of a level, each with its ReLU, over rows that come in order, none computed twice.

    Parameters
    ----------
    layers : iterable of Module
        Convolutions and ReLUs.
    source, between : Strip
        What the first reads; what the second does. Neither begins later than it takes for the first row wanted.
    size : int
        Rows of the level. Beyond its edges there are zeros.
    """

    def __init__(self, layers: Any, source: Strip, between: Strip, size: int) -> None:
        self._first, self._second = (layer for layer in layers if not isinstance(layer, nn.ReLU))
        self.source, self._between, self._size = source, between, size

    def needs(self, stop: int) -> int:
        """How far the source has to reach for all rows before ``stop``."""
        return min(stop + REACH, self._size)

    def rows(self, start: int, stop: int) -> Tensor:
        """Rows of the result; ``start`` is where the last ones ended."""
        done, until = self._between.stop, min(stop + 1, self._size)
        if done < until:
            fresh = self._convolve(self._first, self.source, done, until)
            self._between.room(until - done).copy_(fresh)
        self.source.drop(until - 1)
        rows = self._convolve(self._second, self._between, start, stop)
        self._between.drop(stop - 1)
        return rows

    def _convolve(self, layer: Any, source: Strip, start: int, stop: int) -> Tensor:
        above, below = int(start > 0), int(stop < self._size)  # rows that are there beside those wanted
        features = source.rows(start - above, stop + below)
        if above and below:
            return _convolved(layer, features, inside=True)
        return _convolved(layer, features).narrow(2, above, stop - start)


def _convolved(layer: Any, features: Tensor, inside: bool = False) -> Tensor:
    """Convolution and ReLU, in one pass over memory where oneDNN does the work; ``inside``: of inner rows only."""
    padding = (0, *layer.padding[1:]) if inside else layer.padding
    if features.device.type == "cpu" and _can_fuse(features.dtype):
        arguments = (padding, layer.stride, layer.dilation, layer.groups)
        return torch.ops.mkldnn._convolution_pointwise(  # type: ignore[no-any-return]
            features, layer.weight, layer.bias, *arguments, "relu", [], ""
        )
    convolution = F.conv2d if features.ndim == 4 else F.conv3d
    return torch.relu_(convolution(features, layer.weight, layer.bias, padding=padding))


@cache
def _can_fuse(dtype: torch.dtype) -> bool:
    """Whether oneDNN convolves in this format here; torch.compile uses the same operator on processors."""
    operators = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available() or not hasattr(operators, "_convolution_pointwise"):  # type: ignore[no-untyped-call]
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(operators._is_mkldnn_bf16_supported()))

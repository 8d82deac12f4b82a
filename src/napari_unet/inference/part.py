"""A part of a U-Net's output, computed from no more than it depends on, a few rows at a time.

Rows flow through all levels of the network together: a level computes the next strip of its rows as soon as the
levels around it can give what that strip needs, and forgets what nobody will ask for again. So no level's features
are ever held as a whole (a skip connection waits for the deeper levels over about the receptive radius), and each
layer finds what it reads still in the cache. Across the rows, the decoder computes only what the wanted part
depends on: a halo is there for the deepest level, and half to two thirds of the work is in the decoder. All of
this leaves every number as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.inference.window import Window
from napari_unet.nets import UNet

_Range = tuple[int, int]
_Box = tuple[_Range, ...]

STEP = 128
"""Rows of the image that go through the network together: 8 of the deepest of five levels."""

_STRIP_BYTES = 8 * 2**20
"""Of a level's features in a strip, on a processor: half as much or twice as much is not faster."""

_STRIP_BYTES_ON_GPU = 64 * 2**20  # large enough to keep it busy, small beside its memory

_REACH = 2  # of the two 3×3 convolutions of a block, in pixels


def part_logits(network: UNet, image: Tensor, part: Sequence[slice]) -> Tensor:
    """The same as ``network(image)[..., *part]`` up to rounding, with less work and memory.

    Parameters
    ----------
    network : UNet
        Padded, and without norm: see :func:`napari_unet.inference.fold_batch_norm`.
    image : Tensor
        ``(N, C, *spatial)``, of the network's type and on its device.
    part : sequence of slice
        What is wanted of the output, for every spatial axis; not empty.

    Returns
    -------
    Tensor
        ``(N, n_classes, *part)``, of the image's type.
    """
    return _Flow(network, image, tuple((s.start, s.stop) for s in part)).logits()


class _Level:
    """What is kept of a level: where it is, its blocks, and rows that wait."""

    def __init__(self, network: UNet, level: int, shape: tuple[int, ...], wanted: _Box) -> None:
        depth = network.settings.depth
        self.shape = shape
        self.wanted = wanted  # of the decoder's output; of the encoder's at the deepest level
        self.joined = _grown(wanted, shape)  # what the decoder convolves for it
        self.down: Any = network.get_submodule(f"down{level}.conv" if level else "inc")
        self.up: Any = network.get_submodule(f"up{depth - level}") if level < depth else None
        self.channels = network.settings.width * 2**level
        self.encoded = 0  # rows
        self.source: Window
        self.skip: Window
        self.output: Window


class _Flow:
    def __init__(self, network: UNet, image: Tensor, part: _Box) -> None:
        self._network = network
        depth, shape, wanted = network.settings.depth, tuple(image.shape[2:]), part
        self._levels: list[_Level] = []
        for number in range(depth + 1):
            level = _Level(network, number, shape, wanted)
            self._levels.append(level)
            shape = tuple(max(1, size // 2) for size in shape)
            wanted = _halved(level.joined, shape)
        self._strips = [self._strip(number, image) for number in range(depth + 1)]
        # All that lives long is allocated first: between short-lived tensors it would tear holes into the memory.
        for number, level in enumerate(self._levels):
            self._make_room(number, level, image)
        self._levels[0].source = Window.of(image)

    def logits(self) -> Tensor:
        """Pull the wanted rows through the network."""
        first, last = self._levels[0].wanted[0]
        for start in range(first, last, STEP):
            self._decode(0, min(start + STEP, last))
        return self._levels[0].output.rows(first, last)

    def _make_room(self, number: int, level: _Level, image: Tensor) -> None:
        rows, step = self._strips[number] + 2 * _REACH, STEP >> number
        if number:
            level.source = _window(image, self._levels[number - 1].channels, rows, _all(level.shape))
        if level.up is not None:
            waiting = step + (self._network.receptive_radius >> number) + _REACH
            level.skip = _window(image, level.channels, waiting, level.joined)
        if number == 0:
            level.output = _window(image, self._network.settings.n_classes, level.shape[0], level.wanted)
        else:
            level.output = _window(image, level.channels, step + 2 * _REACH, level.wanted)

    def _strip(self, number: int, image: Tensor) -> int:
        """Rows of a level that are computed at once: even, so that pooling finds pairs."""
        level = self._levels[number]
        row = int(image.shape[0] * level.channels * image.element_size() * prod(level.shape[1:]))
        most = _STRIP_BYTES if image.device.type in ("cpu", "meta") else _STRIP_BYTES_ON_GPU
        return max(2, min(STEP >> number, most // row) // 2 * 2)

    def _encode(self, number: int, until: int) -> None:
        """Compute a level of the encoder until it has that many rows."""
        level = self._levels[number]
        until = min(until + until % 2, level.shape[0])
        while level.encoded < until:
            start = level.encoded
            stop = min(start + self._strips[number], until)
            rows = self._block_rows(number, start, stop)
            (first, last), *beside = level.joined
            first, last = max(first, start), min(last, stop)
            if first < last:
                level.skip.push(_cut(rows, ((first - start, last - start), *beside)))
            if stop - start > 1 or level.shape[0] == 1:  # a last odd row is not pooled
                self._levels[number + 1].source.push(_pooled(rows, level.shape))
            level.encoded = stop

    def _block_rows(self, number: int, start: int, stop: int) -> Tensor:
        """Rows of what the encoder's block makes of a level's source."""
        level = self._levels[number]
        top, bottom = max(0, start - _REACH), min(level.shape[0], stop + _REACH)
        if number:
            above = self._levels[number - 1]
            self._encode(number - 1, above.shape[0] if above.shape[0] == 1 else 2 * bottom)
        rows = _block(level.down, level.source.rows(top, bottom), start - top, stop - start)
        if number:
            level.source.drop(stop - _REACH)
        return rows

    def _decode(self, number: int, until: int) -> None:
        """Compute a level's wanted output until this row, deeper levels first: theirs are the larger strips."""
        level = self._levels[number]
        if level.up is not None and level.output.stop < until:
            self._decode(number + 1, self._below(number, until)[1])
        while level.output.stop < until:
            start = level.output.stop
            stop = min(start + self._strips[number] - start % 2, until)
            if level.up is None:
                rows = _cut(self._block_rows(number, start, stop), ((0, stop - start), *level.wanted[1:]))
            else:
                rows = self._joined_rows(number, start, stop)
            level.output.push(rows)

    def _beside(self, number: int, start: int, stop: int) -> _Range:
        """Rows of a skip connection that rows of the decoder depend on."""
        first, end = self._levels[number].joined[0]
        return _even(max(start - _REACH, first), min(stop + _REACH, end), end)

    def _below(self, number: int, until: int, start: int = 0) -> _Range:
        """Rows of the next level's output that rows of the decoder depend on."""
        top, bottom = self._beside(number, start, until)
        return top // 2, min(-(-bottom // 2), self._levels[number + 1].wanted[0][1])

    def _joined_rows(self, number: int, start: int, stop: int) -> Tensor:
        """Rows of the decoder: deeper features doubled, joined with the skip connection, convolved."""
        level, deeper = self._levels[number], self._levels[number + 1]
        top, bottom = self._beside(number, start, stop)
        below = self._below(number, stop, start)
        self._encode(number, bottom)
        rows = _joined(level.up.up(deeper.output.rows(*below)), level.skip.rows(top, bottom))
        rows = _block(level.up.conv, rows, start - top, stop - start)
        inner = [
            (a - first, b - first)
            for (a, b), (first, _) in zip(level.wanted[1:], level.joined[1:], strict=True)
        ]
        rows = _cut(rows, ((0, stop - start), *inner))
        level.skip.drop(stop - stop % 2 - _REACH)
        deeper.output.drop((stop - stop % 2 - _REACH) // 2)
        return self._network.outc.conv(rows) if number == 0 else rows


def _block(block: Any, features: Tensor, top: int, rows: int) -> Tensor:
    """Two convolutions, each with its ReLU: ``rows`` of the result, from ``top`` on.

    Beyond the features there are zeros, unless they hold the two rows at each side that the result depends on.
    """
    first, second = (layer for layer in block if not isinstance(layer, nn.ReLU))
    if top >= _REACH and features.shape[2] >= top + rows + _REACH:
        features = features.narrow(2, top - _REACH, rows + 2 * _REACH)
        return _convolved(second, _convolved(first, features, inside=True), inside=True)
    above, below = max(0, top - 1), min(features.shape[2], top + rows + 1)
    features = _convolved(first, features).narrow(2, above, below - above)
    return _convolved(second, features).narrow(2, top - above, rows)


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


def _window(like: Tensor, channels: int, rows: int, box: _Box) -> Window:
    """Room for so many rows of a box, or all of them."""
    (start, stop), *across = box
    shape = (like.shape[0], channels, min(rows, stop - start), *(b - a for a, b in across))
    return Window(like, shape, start)


def _all(shape: Sequence[int]) -> _Box:
    return tuple((0, size) for size in shape)


def _joined(features: Tensor, skip: Tensor) -> Tensor:
    pads: list[int] = []
    for wanted, have in zip(reversed(skip.shape[2:]), reversed(features.shape[2:]), strict=True):
        pads += [0, wanted - have]
    return torch.cat([skip, F.pad(features, pads) if any(pads) else features], dim=1)


def _pooled(rows: Tensor, shape: Sequence[int]) -> Tensor:
    pool = F.max_pool2d if len(shape) == 2 else F.max_pool3d
    return pool(rows, [min(2, size) for size in shape])


def _cut(features: Tensor, box: _Box) -> Tensor:
    for axis, (start, stop) in enumerate(box, start=2):
        features = features.narrow(axis, start, stop - start)
    return features


def _even(start: int, stop: int, size: int) -> _Range:
    return start - start % 2, min(size, stop + stop % 2)


def _grown(box: _Box, shape: Sequence[int]) -> _Box:
    """What the convolutions of a level read, from even pixel to even pixel, inside the image."""
    return tuple(
        _even(max(0, start - _REACH), min(size, stop + _REACH), size)
        for (start, stop), size in zip(box, shape, strict=True)
    )


def _halved(box: _Box, shape: Sequence[int]) -> _Box:
    return tuple(
        (start // 2, min(size, -(-stop // 2))) for (start, stop), size in zip(box, shape, strict=True)
    )

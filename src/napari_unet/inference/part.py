"""A part of a U-Net's output, computed from no more than it depends on, a few rows at a time.

Rows flow through all levels of the network together: a level computes the next strip of its rows as soon as the
levels around it can give what that strip needs, and forgets what nobody will ask for again. So no level's features
are ever held as a whole (a skip connection waits for the deeper levels over about the receptive radius), and each
layer finds what it reads still in the cache. Between two layers the last two or three rows are kept for the next
strip, so that no row is computed twice. Across the rows, the decoder computes only what the wanted part depends on:
a halo is there for the deepest level, and half to two thirds of the work is in the decoder. All of this leaves every
number as it is. What was tried, and how fast it is: docs/decisions/0003-how-prediction-is-computed.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from napari_unet.inference.block import REACH, Block
from napari_unet.inference.window import Scratch, Strip, Window
from napari_unet.nets import UNet

_Range = tuple[int, int]
_Box = tuple[_Range, ...]

STEP = 64
"""Rows of the image that go through the network together: 4 of the deepest of five levels."""

_STRIP_BYTES = 4 * 2**20
"""Of a level's features in a strip, on a processor: twice as much is not faster, and takes more memory."""

_STRIP_BYTES_ON_GPU = 64 * 2**20  # large enough to keep it busy, small beside its memory


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
        self.layers: Any = network.get_submodule(f"down{level}.conv" if level else "inc")
        self.up: Any = network.get_submodule(f"up{depth - level}") if level < depth else None
        self.channels = network.settings.width * 2**level
        self.encoded = 0  # rows
        self.encoder: Block
        self.decoder: Block
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
        # What lives long is allocated first: between short-lived tensors it would tear holes into the memory.
        most = max(
            len(image) * level.channels * (strip + 2 * REACH + 1) * prod(level.shape[1:])
            for level, strip in zip(self._levels, self._strips, strict=True)
        )
        self._joined, self._between = Scratch(image, 2 * most), Scratch(image, most)
        for number, level in enumerate(self._levels):
            self._make_room(number, level, image)

    def logits(self) -> Tensor:
        """Pull the wanted rows through the network."""
        first, last = self._levels[0].wanted[0]
        for start in range(first, last, STEP):
            self._decode(0, min(start + STEP, last))
        return self._levels[0].output.rows(first, last)

    def _make_room(self, number: int, level: _Level, image: Tensor) -> None:
        channels, step, size = level.channels, STEP >> number, level.shape[0]
        source = _strip(image, channels // 2, 0, _all(level.shape)) if number else Strip(image)
        first = level.wanted[0][0] if level.up is None else 0
        between = _strip(image, channels, first - 1, _all(level.shape), self._between)
        level.encoder = Block(level.layers, source, between, size)
        if level.up is not None:
            waiting = step + (self._network.receptive_radius >> number) + REACH
            level.skip = _window(image, channels, waiting, level.joined)
            joined = _strip(image, 2 * channels, level.joined[0][0], level.joined, self._joined)
            between = _strip(image, channels, level.wanted[0][0] - 1, level.joined, self._between)
            level.decoder = Block(level.up.conv, joined, between, size)
        if number == 0:
            level.output = _window(image, self._network.settings.n_classes, size, level.wanted)
        else:
            level.output = _window(image, channels, step + 2 * REACH, level.wanted)

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
            rows = self._encoder_rows(number, start, stop)
            (first, last), *beside = level.joined
            first, last = max(first, start), min(last, stop)
            if first < last:
                level.skip.push(_cut(rows, ((first - start, last - start), *beside)))
            if stop - start > 1 or level.shape[0] == 1:  # a last odd row is not pooled
                pooled = _pooled(rows, level.shape)
                self._levels[number + 1].encoder.source.room(pooled.shape[2]).copy_(pooled)
            level.encoded = stop

    def _encoder_rows(self, number: int, start: int, stop: int) -> Tensor:
        level = self._levels[number]
        if number:
            above = self._levels[number - 1]
            self._encode(number - 1, above.shape[0] if above.shape[0] == 1 else 2 * level.encoder.needs(stop))
        return level.encoder.rows(start, stop)

    def _decode(self, number: int, until: int) -> None:
        """Compute a level's wanted output until this row, deeper levels first: theirs are the larger strips."""
        level = self._levels[number]
        if level.up is not None and level.output.stop < until:
            self._decode(number + 1, self._below(number, level.decoder.needs(until)))
        while level.output.stop < until:
            start = level.output.stop
            stop = min(start + self._strips[number] - start % 2, until)
            if level.up is None:
                rows, (_, *beside) = self._encoder_rows(number, start, stop), level.wanted
            else:
                self._join(number, level.decoder.needs(stop))
                rows = level.decoder.rows(start, stop)
                beside = [
                    (a - first, b - first)
                    for (a, b), (first, _) in zip(level.wanted[1:], level.joined[1:], strict=True)
                ]
            rows = _cut(rows, ((0, stop - start), *beside))
            level.output.push(self._network.outc.conv(rows) if number == 0 else rows)

    def _below(self, number: int, until: int) -> int:
        """How far the next level's output has to reach for the rows of this level that are joined."""
        return min(-(-until // 2), self._levels[number + 1].wanted[0][1])

    def _join(self, number: int, until: int) -> None:
        """Deeper features doubled beside the skip connection, until this row: what the decoder reads."""
        level, deeper = self._levels[number], self._levels[number + 1]
        joined = level.decoder.source
        start, until = joined.stop, min(until + until % 2, level.joined[0][1])
        if start >= until:
            return
        self._encode(number, until)
        place = joined.room(until - start)
        place.narrow(1, 0, level.channels).copy_(level.skip.rows(start, until))
        doubled = place.narrow(1, level.channels, level.channels)
        first, last = start // 2, self._below(number, until)
        if first < last:
            _fill(doubled, level.up.up(deeper.output.rows(first, last)))
        else:
            doubled.zero_()
        level.skip.drop(until)
        deeper.output.drop(until // 2)


def _strip(like: Tensor, channels: int, first: int, box: _Box, scratch: Scratch | None = None) -> Strip:
    """No row yet; the first that is written will be this one, or the first of the level."""
    across = [stop - start for start, stop in box[1:]]
    return Strip(like.new_empty((like.shape[0], channels, 0, *across)), max(0, first), scratch)


def _all(shape: Sequence[int]) -> _Box:
    return tuple((0, size) for size in shape)


def _window(like: Tensor, channels: int, rows: int, box: _Box) -> Window:
    """Room for so many rows of a box, or all of them."""
    (start, stop), *across = box
    shape = (like.shape[0], channels, min(rows, stop - start), *(b - a for a, b in across))
    return Window(like, shape, start)


def _fill(place: Tensor, features: Tensor) -> None:
    """Copy, with zeros at the end of axes that are longer: an odd row or column, which doubling does not give."""
    if place.shape != features.shape:
        place.zero_()
    sizes = [min(a, b) for a, b in zip(place.shape[2:], features.shape[2:], strict=True)]
    box = tuple((0, size) for size in sizes)
    _cut(place, box).copy_(_cut(features, box))


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
        _even(max(0, start - REACH), min(size, stop + REACH), size)
        for (start, stop), size in zip(box, shape, strict=True)
    )


def _halved(box: _Box, shape: Sequence[int]) -> _Box:
    return tuple(
        (start // 2, min(size, -(-stop // 2))) for (start, stop), size in zip(box, shape, strict=True)
    )

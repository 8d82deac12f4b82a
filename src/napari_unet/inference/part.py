"""A part of a U-Net's output, computed from no more than it depends on, in strips that fit into the cache.

The halo of a tile is there for the deepest level; the decoder hardly needs it. Level by level only what the
wanted part depends on is joined and convolved (half to two thirds of the work of a U-Net is in the decoder),
which leaves every number as it is. Each level is worked through in strips of rows: features are still in the
cache when the next layer reads them, and no level's intermediate features are ever held as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.nets import UNet

_Range = tuple[int, int]
_Box = tuple[_Range, ...]

_STRIP_BYTES = 16 * 2**20
"""Of one level's features in a strip, on a processor: measured best from 8 to 32 MiB."""

_STRIP_BYTES_ON_GPU = 64 * 2**20  # large enough to keep it busy, small beside its memory
_LEAST_ROWS = 16

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
    depth = network.settings.depth
    shapes = [tuple(image.shape[2:])]
    for _ in range(depth):
        shapes.append(tuple(max(1, size // 2) for size in shapes[-1]))
    wanted: list[_Box] = [tuple((s.start, s.stop) for s in part)]  # of each level's output in the decoder
    joined: list[_Box] = []  # of each level's skip connection
    for level in range(depth):
        joined.append(_grown(wanted[level], shapes[level]))
        wanted.append(_halved(joined[level], shapes[level + 1]))
    features, skips = image, []
    for level in range(depth):
        skip, features = _encoded(_encoder(network, level), features, joined[level])
        skips.append(skip)
    features = _rows_of_block(_encoder(network, depth), features, (0, shapes[depth][0]))
    features = _cut(features, wanted[depth])
    for level in reversed(range(depth)):
        up = network.get_submodule(f"up{depth - level}")
        last = network.outc.conv if level == 0 else None
        features = _decoded(up, last, features, skips.pop(), wanted[level], joined[level])
    return features


def _encoded(block: nn.Sequential, features: Tensor, kept: _Box) -> tuple[Tensor, Tensor]:
    """A level of the encoder: what of its output the skip connection needs, and the output halved."""
    shape = features.shape[2:]
    channels = _channels(block)
    skip = _empty(features, channels, [stop - start for start, stop in kept])
    halved = _empty(features, channels, [max(1, size // 2) for size in shape])
    pool = F.max_pool2d if len(shape) == 2 else F.max_pool3d
    for start, stop in _strips(features, channels, (0, shape[0])):
        rows = _rows_of_block(block, features, (start, stop))
        first, last = max(start, kept[0][0]), min(stop, kept[0][1])
        if first < last:
            inside = _cut(rows, ((first - start, last - start), *kept[1:]))
            skip.narrow(2, first - kept[0][0], last - first).copy_(inside)
        if stop - start == 1 < shape[0]:
            continue  # the last of an odd number of rows
        pooled = pool(rows, [min(2, size) for size in (stop - start, *shape[1:])])
        halved.narrow(2, start // 2, pooled.shape[2]).copy_(pooled)
    return skip, halved


def _decoded(up: Any, last: Any, features: Tensor, skip: Tensor, wanted: _Box, joined: _Box) -> Tensor:
    """A level of the decoder, and the last convolution after it where there is one.

    ``features`` are those of the deeper level under ``joined``; the result is that of ``wanted``.
    """
    block = up.conv
    channels = _channels(block)
    out_channels = channels if last is None else last.out_channels
    result = _empty(features, out_channels, [stop - start for start, stop in wanted])
    (offset, end), first_wanted = joined[0], wanted[0][0]
    inner = [(start - first, stop - first) for (start, stop), (first, _) in zip(wanted, joined, strict=True)]
    for start, stop in _strips(skip, 2 * channels, wanted[0]):
        top, bottom = _even(max(start - _REACH, offset), min(stop + _REACH, end), end)
        below = features.narrow(
            2, (top - offset) // 2, min(-(-(bottom - offset) // 2), features.shape[2]) - (top - offset) // 2
        )
        beside = skip.narrow(2, top - offset, bottom - top)
        rows = _joined(up.up(below), beside)
        rows = _block(block, rows, (start - top, stop - top))
        rows = _cut(rows, ((0, stop - start), *inner[1:]))
        result.narrow(2, start - first_wanted, stop - start).copy_(rows if last is None else last(rows))
    return result


def _rows_of_block(block: nn.Sequential, features: Tensor, rows: _Range) -> Tensor:
    """Rows of what a block makes of features."""
    top, bottom = max(0, rows[0] - _REACH), min(features.shape[2], rows[1] + _REACH)
    return _block(block, features.narrow(2, top, bottom - top), (rows[0] - top, rows[1] - top))


def _block(block: nn.Sequential, features: Tensor, rows: _Range) -> Tensor:
    """Two convolutions, each with its ReLU; only those rows of the result."""
    first, second = (layer for layer in block if not isinstance(layer, nn.ReLU))
    top, bottom = max(0, rows[0] - 1), min(features.shape[2], rows[1] + 1)
    features = _convolved(first, features).narrow(2, top, bottom - top)
    return _convolved(second, features).narrow(2, rows[0] - top, rows[1] - rows[0])


def _convolved(layer: Any, features: Tensor) -> Tensor:
    """Convolution and ReLU, in one pass over memory where oneDNN does the work."""
    if features.device.type == "cpu" and _can_fuse(features.dtype):
        arguments = (layer.padding, layer.stride, layer.dilation, layer.groups)
        return torch.ops.mkldnn._convolution_pointwise(  # type: ignore[no-any-return]
            features, layer.weight, layer.bias, *arguments, "relu", [], ""
        )
    return torch.relu_(layer(features))


@cache
def _can_fuse(dtype: torch.dtype) -> bool:
    """Whether oneDNN convolves in this format here; torch.compile uses the same operator on processors."""
    operators = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available() or not hasattr(operators, "_convolution_pointwise"):  # type: ignore[no-untyped-call]
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(operators._is_mkldnn_bf16_supported()))


def _joined(features: Tensor, skip: Tensor) -> Tensor:
    pads: list[int] = []
    for wanted, have in zip(reversed(skip.shape[2:]), reversed(features.shape[2:]), strict=True):
        pads += [0, wanted - have]
    return torch.cat([skip, F.pad(features, pads) if any(pads) else features], dim=1)


def _strips(features: Tensor, channels: int, rows: _Range) -> Iterator[_Range]:
    """Pieces of rows, of about equal size, that begin at even rows (but for the first)."""
    start, stop = rows
    row = features[:, :1, :1].numel() * channels * features.element_size()
    cache = _STRIP_BYTES if features.device.type in ("cpu", "meta") else _STRIP_BYTES_ON_GPU
    pieces = -(-(stop - start) // max(_LEAST_ROWS, cache // row))
    step = -(-(stop - start) // pieces)
    step += step % 2
    bounds = [start, *range(start - start % 2 + step, stop, step), stop]
    yield from pairwise(bounds)


def _channels(block: nn.Sequential) -> int:
    return int(block.get_submodule("0").out_channels)  # type: ignore[arg-type]


def _empty(like: Tensor, channels: int, shape: Sequence[int]) -> Tensor:
    memory_format = torch.channels_last if len(shape) == 2 else torch.channels_last_3d
    return torch.empty(
        (like.shape[0], channels, *shape), dtype=like.dtype, device=like.device, memory_format=memory_format
    )


def _cut(features: Tensor, box: _Box) -> Tensor:
    for axis, (start, stop) in enumerate(box, start=2):
        features = features.narrow(axis, start, stop - start)
    return features


def _encoder(network: UNet, level: int) -> nn.Sequential:
    return network.inc if level == 0 else network.get_submodule(f"down{level}.conv")  # type: ignore[return-value]


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

"""Following one image and one pixel through a network, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_unet.errors import InputError
from napari_unet.nets.network import UNet
from napari_unet.nets.outputs import class_indices, class_probabilities, probabilities
from napari_unet.settings import Outputs

_NOMINAL_SIZE = {2: 256, 3: 64}
_LARGEST_IMAGE = 1024**2
"""Pixels that are sent through the network at once; of a larger image only a window around the pixel."""


class ParameterCount(NamedTuple):
    """Numbers of parameters, and of those that training changes."""

    total: int
    trainable: int


def count_parameters(module: nn.Module) -> ParameterCount:
    """Count the parameters of a network or block."""
    counts = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return ParameterCount(sum(n for n, _ in counts), sum(n for n, trained in counts if trained))


@dataclass(frozen=True)
class BlockTrace:
    """One block: its name, the shape ``(C, *spatial)`` of its output, and its parameters."""

    name: str
    output_shape: tuple[int, ...]
    parameters: ParameterCount


@dataclass(frozen=True)
class PixelTrace:
    """One pixel.

    Attributes
    ----------
    position : tuple of int
        Where it is in the image, in spatial axes.
    value, normalised : tuple of float
        Per channel: as in the image, and as the network sees it.
    logits, probabilities : tuple of float
        Per output of the network; probabilities by softmax, or by sigmoid for a single logit.
    class_index : int
        Most probable output; for a single logit 1 if its probability is above 0.5, else 0.
    """

    position: tuple[int, ...]
    value: tuple[float, ...]
    normalised: tuple[float, ...]
    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    class_index: int


@dataclass(frozen=True)
class Trace:
    """What :func:`trace` found.

    Attributes
    ----------
    input_shape : tuple of int
        Shape ``(C, *spatial)`` of what went in: the image, a mirrored border included where the network is unpadded;
        of a large image a window, wide enough that the pixel's logits are those of the whole.
    blocks : tuple of BlockTrace
        In the order of computing.
    parameters : ParameterCount
        Of the whole network.
    pixel : PixelTrace, optional
        The pixel that was followed.
    """

    input_shape: tuple[int, ...]
    blocks: tuple[BlockTrace, ...]
    parameters: ParameterCount
    pixel: PixelTrace | None = None

    def to_text(self, class_names: Sequence[str] | None = None) -> str:
        """As a table with a line per block, and the pixel's story below.

        Parameters
        ----------
        class_names : sequence of str, optional
            Names by class index; numbers if not given.
        """
        rows: list[tuple[str, ...]] = [("block", "output shape", "parameters", "trainable")]
        rows += [("input", _shape(self.input_shape), "", "")]
        rows += [(b.name, _shape(b.output_shape), *_counts(b.parameters)) for b in self.blocks]
        rows += [("total", "", *_counts(self.parameters))]
        w = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [f"{r[0]:<{w[0]}}  {r[1]:<{w[1]}}  {r[2]:>{w[2]}}  {r[3]:>{w[3]}}".rstrip() for r in rows]
        if self.pixel is not None:
            lines += ["", *_pixel_lines(self.pixel, class_names)]
        return "\n".join(lines)


def trace(
    model: UNet,
    image: NDArray[Any] | None = None,
    pixel: Sequence[int] | None = None,
    normalise: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> Trace:
    """Follow an image, and one pixel of it, through a network in evaluation mode.

    Parameters
    ----------
    model : UNet
        The network; left as it was.
    image : ndarray of number, optional
        Shape ``(C, *spatial)``. Without it, blocks are listed for a nominal size.
    pixel : sequence of int, optional
        Position along the spatial axes, for example ``(y, x)``.
    normalise : callable, optional
        From the image to what the network sees, the same shape. Default: the image as it is.

    Raises
    ------
    InputError
        If the image does not fit the network or the pixel is outside of it.
    """
    settings = model.settings
    size = model.next_valid_size(_NOMINAL_SIZE[settings.ndim])
    if image is None:
        raw = np.zeros((settings.n_channels, *(size,) * settings.ndim), np.float32)
    else:
        raw = np.asarray(image, np.float32)
    if raw.ndim != settings.ndim + 1 or raw.shape[0] != settings.n_channels:
        raise InputError(
            f"The image has the shape {raw.shape}; the network takes {settings.n_channels} channel(s) and "
            f"{settings.ndim} spatial axes."
        )
    position = _inside(pixel, raw.shape[1:]) if pixel is not None and image is not None else None
    window = _window(model, raw.shape[1:], position)
    raw = raw[(slice(None), *window)]
    seen = normalise(raw) if normalise is not None else raw
    fed = _mirror(seen, model) if image is not None else seen
    logits, shapes = _run(model, fed)
    blocks = tuple(
        BlockTrace(name, shape, count_parameters(model.get_submodule(name))) for name, shape in shapes.items()
    )
    story = None if position is None else _follow(position, window, raw, seen, logits, model.settings.outputs)
    return Trace(fed.shape, blocks, count_parameters(model), story)


def _inside(pixel: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    position = tuple(int(p) for p in pixel)
    if len(position) != len(shape) or any(not 0 <= p < size for p, size in zip(position, shape, strict=True)):
        raise InputError(
            f"The pixel {position} is not in the image of {shape} pixels.",
            "Positions count from 0, in the order of the image's axes.",
        )
    return position


def _window(model: UNet, shape: tuple[int, ...], position: tuple[int, ...] | None) -> tuple[slice, ...]:
    """All of the image, or of a large one what the pixel's logits depend on, on the network's pooling grid."""
    if prod(shape) <= _LARGEST_IMAGE:
        return tuple(slice(0, size) for size in shape)
    radius, stride = model.receptive_radius, model.stride
    window = []
    for at in position or (0,) * len(shape):
        first = max(0, (at - radius) // stride * stride)
        window.append(slice(first, -(-(at + radius + 1) // stride) * stride))
    return tuple(slice(w.start, min(w.stop, size)) for w, size in zip(window, shape, strict=True))


def _mirror(image: NDArray[np.float32], model: UNet) -> NDArray[np.float32]:
    """Give an unpadded network the border it eats, so that its output covers the image."""
    if model.settings.padding == "same":
        return image
    pads = [(0, 0)]
    for size in image.shape[1:]:
        pads.append((model.margin, model.input_size(size) - size - model.margin))
    return np.pad(image, pads, mode="symmetric")


def _run(model: UNet, image: NDArray[np.float32]) -> tuple[Tensor, dict[str, tuple[int, ...]]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def remember(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            shapes[name] = tuple(output.shape[1:])

        return hook

    parameter = next(model.parameters())
    hooks = [block.register_forward_hook(remember(name)) for name, block in model.named_children()]
    training = model.training
    try:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(image))[None].to(parameter.device, parameter.dtype)
            logits: Tensor = model.eval()(batch)[0].float().cpu()
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return logits, shapes


def _follow(
    position: tuple[int, ...],
    window: tuple[slice, ...],
    raw: NDArray[np.float32],
    seen: NDArray[np.float32],
    logits: Tensor,
    outputs: Outputs,
) -> PixelTrace:
    at: Any = (..., *(p - w.start for p, w in zip(position, window, strict=True)))
    here = logits[at]
    every = here.view(1, -1, 1)
    found = probabilities(every) if outputs == "classes" else class_probabilities(every, outputs)
    return PixelTrace(
        position=position,
        value=tuple(raw[at].tolist()),
        normalised=tuple(seen[at].tolist()),
        logits=tuple(here.tolist()),
        probabilities=tuple(found.flatten().tolist()),
        class_index=int(class_indices(every, outputs)),
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(str(size) for size in shape)


def _counts(count: ParameterCount) -> tuple[str, ...]:
    return tuple(f"{n:,}" for n in count)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _pixel_lines(pixel: PixelTrace, class_names: Sequence[str] | None) -> list[str]:
    index = pixel.class_index
    named = class_names is not None and index < len(class_names)
    name = f"{index} ({class_names[index]})" if named and class_names is not None else str(index)
    return [
        f"pixel {pixel.position}",
        f"  value          {_numbers(pixel.value)}",
        f"  normalised     {_numbers(pixel.normalised)}",
        f"  logits         {_numbers(pixel.logits)}",
        f"  probabilities  {_numbers(pixel.probabilities)}",
        f"  class          {name}",
    ]

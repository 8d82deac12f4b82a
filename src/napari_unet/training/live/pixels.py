"""From an image to a network's input, and from its answer to labels and how doubtful they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.errors import InputError
from napari_unet.events import Box
from napari_unet.images import Image, IntensityStatistics
from napari_unet.inference.labelling import label_type


def alike(images: tuple[Image, ...]) -> tuple[Image, ...]:
    """The images, if they can be learnt from together.

    Raises
    ------
    InputError
        If there is none, or they differ in their number of channels.
    """
    if not images:
        raise InputError("There is no image to paint on.", "Choose an image layer.")
    for image in images[1:]:
        if image.n_channels != images[0].n_channels:
            raise InputError(
                f"{images[0].name} has {images[0].n_channels} channel(s), {image.name} has {image.n_channels}.",
                "Learn from images with the same channels.",
            )
    return images


def read_normalised(
    image: Image, statistics: IntensityStatistics, position: tuple[int, ...], region: Box
) -> NDArray[np.float32]:
    """Normalised pixels (C, *region) of a spatial region of a plane."""
    block = image.read((*((at, at + 1) for at in position), *region))
    return statistics.apply(block.reshape(len(block), *(high - low for low, high in region)))


def answer_of(logits: Tensor, values: tuple[int, ...]) -> tuple[NDArray[np.integer[Any]], NDArray[np.uint8]]:
    """Class values as painted, and how doubtful they are, of logits (K, Y, X)."""
    table = torch.tensor(values, dtype=torch.int32, device=logits.device)
    labels = table[logits.argmax(0)].cpu().numpy().astype(label_type(values))
    chances = logits.float().softmax(0)
    entropy = -(chances * chances.clamp(min=1e-9).log()).sum(0) / float(np.log(max(2, len(values))))
    return labels, (255 * entropy.clamp(0, 1)).round().to(torch.uint8).cpu().numpy()

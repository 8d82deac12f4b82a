"""From logits to labels: class values as painted, and the probabilities of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.events import Box, PredictedRegion
from napari_unet.models.record import ModelRecord
from napari_unet.nets.outputs import class_indices, class_probabilities
from napari_unet.settings import Outputs


def class_values(record: ModelRecord) -> tuple[int, ...]:
    """Class values as painted, in the order of the probabilities: two for a network with a single logit."""
    values = record.annotation.values
    return (0, *values) if record.network.n_classes == 1 and len(values) == 1 else values


@dataclass(frozen=True)
class ToLabels:
    """From logits to class values as painted."""

    values: tuple[int, ...]
    outputs: Outputs
    with_probabilities: bool

    def event(self, image: int, region: Box, logits: Tensor) -> PredictedRegion:
        """What is predicted of a region, from logits ``(K, *core)`` of a tile."""
        shape = tuple(stop - start for start, stop in region)
        values = torch.tensor(self.values, dtype=torch.int32, device=logits.device)
        labels = (
            values[class_indices(logits[None], self.outputs)[0]].cpu().numpy().astype(label_type(self.values))
        )
        probabilities = None
        if self.with_probabilities:
            classes = class_probabilities(logits[None].float(), self.outputs)[0]
            probabilities = classes.half().cpu().numpy().reshape(len(self.values), *shape)
        return PredictedRegion(image, region, labels.reshape(shape), probabilities)


def label_type(values: Sequence[int]) -> type[np.integer[Any]]:
    """The smallest type of labels that holds these values."""
    return np.uint8 if max(values) < 256 else np.uint16

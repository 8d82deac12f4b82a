"""What a training says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events.base import Box, Event


@dataclass(frozen=True, slots=True)
class ValidationRegions(Event):
    """Which pixels are held out, per image in the order of the request; empty where none are.

    ``honest`` is False when too little is annotated for a score that means anything; ``reason`` says how the regions
    were chosen, or why there are none.
    """

    regions: tuple[tuple[Box, ...], ...]
    honest: bool
    reason: str


@dataclass(frozen=True, slots=True)
class TrainingStep(Event):
    """One report on the training loss: the mean since the last report."""

    step: int
    seconds: float
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Validation(Event):
    """Scores on the held-out regions. Undefined scores are ``nan``.

    ``dice`` and ``iou`` map class value (as painted) to score; ``mean_dice`` is over the defined ones. ``object_ap`` is
    that of objects, the mean of AP over IoU 0.5 to 0.95.
    """

    step: int
    seconds: float
    loss: float
    dice: dict[int, float]
    iou: dict[int, float]
    mean_dice: float
    is_best: bool
    object_ap: float = math.nan


@dataclass(frozen=True, slots=True)
class Before(Event):
    """Scores of the model that is trained further, on the same held-out regions, before the first step.

    The fields are those of :class:`Validation`.
    """

    dice: dict[int, float]
    iou: dict[int, float]
    mean_dice: float
    object_ap: float = math.nan


@dataclass(frozen=True, slots=True)
class ModelSaved(Event):
    """The best weights so far are on disk at ``path``."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class RateFound(Event):
    """Which learning rate suits, and the curve that says so.

    Attributes
    ----------
    suggestion : float or None
        For the largest learning rate of a training, to two digits; ``None`` where none stands out.
    reason : str
        Why this one, or why none, as a sentence.
    learning_rates, losses, smoothed : ndarray of float64, (n,)
        The rates tried, rising; the training loss at each, and the same without the noise of single batches.
    diverged : bool
        Whether the search ended because the loss had risen far above its lowest.
    """

    suggestion: float | None
    reason: str
    learning_rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    diverged: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        return {
            "suggestion": self.suggestion,
            "reason": self.reason,
            "diverged": self.diverged,
            "learning_rates": [float(f"{rate:.4g}") for rate in self.learning_rates],
            "losses": self.losses.round(6).tolist(),
            "smoothed": self.smoothed.round(6).tolist(),
        }

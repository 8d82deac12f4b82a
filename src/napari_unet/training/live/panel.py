"""Several committees on features of several kinds, and how common the classes are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.training.distillation import LEAST_CHANCE
from napari_unet.training.live.committee import Committee, Vary

LEAST_COST = 0.05
"""Cross-entropy below which no committee is taken to be better."""

ROUNDS = 100
"""Of expectation and maximisation: stopped early, estimates from few strokes stay moderate."""

FEW = 16
"""Pixels of a class below which its mistakes are not known."""

LEAST_SHARE = 0.02
"""What somebody paints covers as much: strokes beside it are mistaken more often than what is far away, so that an
estimate may come out at nothing."""

EVEN = 0.5
"""0 if classes are taken to cover as much as is estimated, 1 if all the same: the estimate is of a few strokes."""


class Lesson(NamedTuple):
    """Painted pixels.

    Attributes
    ----------
    kinds : tuple of Tensor of float32, (n, F)
        Their features, of each kind.
    classes : Tensor of int64, (n,)
        From 0, without gaps.
    folds : Tensor of int64, (n,)
        See :class:`Committee`.
    spreads : tuple of Tensor of float32, (F,)
        Standard deviations of the features of all pixels, painted or not, of each kind.
    """

    kinds: tuple[Tensor, ...]
    classes: Tensor
    folds: Tensor
    spreads: tuple[Tensor, ...]


class Panel:
    """A committee for each kind of features; those that do better on strokes they have not seen have more to say.

    Parameters
    ----------
    lesson : Lesson
        What is learnt from.
    seed : int
        Start of the random numbers.
    vary : sequence of callable or None
        Varies the features of each kind in every step.
    """

    def __init__(self, lesson: Lesson, seed: int, vary: Sequence[Vary | None]) -> None:
        self._lesson = lesson
        self._committees = [
            Committee(features, lesson.classes, lesson.folds, spread, seed, each)
            for features, spread, each in zip(lesson.kinds, lesson.spreads, vary, strict=True)
        ]
        self._say: list[float] = []
        self._held_out = torch.empty(0)

    def fit(self) -> Iterator[None]:
        """Learn, step by step."""
        for committee in self._committees:
            yield from committee.fit()
        held_out = [committee.held_out() for committee in self._committees]
        weights = [1 / (self._cost(probabilities) + LEAST_COST) for probabilities in held_out]
        self._say = [weight / sum(weights) for weight in weights]
        self._held_out = self._agreed(held_out)

    def probabilities(self, kinds: Sequence[Tensor]) -> Tensor:
        """Of the classes, as if all covered as much, (m, K), from features (m, F) of each kind."""
        return self._agreed(
            committee.probabilities(kind) for committee, kind in zip(self._committees, kinds, strict=True)
        )

    def shares(self, mean: Tensor) -> NDArray[np.float64]:
        """How much each class is taken to cover, (K,), from the mean probabilities of all pixels, (K,)."""
        estimated = class_shares(self._held_out, self._lesson.classes, mean)
        moderate = np.maximum(estimated, LEAST_SHARE) ** (1 - EVEN)
        return np.asarray(moderate / moderate.sum())

    def _cost(self, probabilities: Tensor) -> float:
        """Cross-entropy, every class alike."""
        classes = self._lesson.classes
        right = probabilities[torch.arange(len(classes), device=classes.device), classes]
        cost = -right.clamp(min=LEAST_CHANCE).log()
        of_classes = [cost[classes == each].mean() for each in range(probabilities.shape[1])]
        return float(torch.stack(of_classes).mean())

    def _agreed(self, each: Iterator[Tensor] | Sequence[Tensor]) -> Tensor:
        """Probabilities (m, K) of all, as a weighted mean of their logarithms."""
        logits = [
            weight * probabilities.clamp(min=LEAST_CHANCE).log()
            for weight, probabilities in zip(self._say, each, strict=True)
        ]
        return torch.stack(logits).sum(0).softmax(-1)


def class_shares(held_out: Tensor, classes: Tensor, mean: Tensor) -> NDArray[np.float64]:
    """How much of the images each class covers, which strokes do not say.

    Of every class some is taken for others; how much is known from the strokes. What all pixels are taken for on
    average is then a sum of those mistakes, in the proportions that are looked for. They are found by expectation and
    maximisation, from even ones.

    Lipton et al., Detecting and correcting for label shift with black box predictors. ICML 2018. Saerens et al.,
    Adjusting the outputs of a classifier to new a priori probabilities. Neural Computation 2002.

    Parameters
    ----------
    held_out : Tensor, (n, K)
        Probabilities of painted pixels that were not learnt from.
    classes : Tensor of int64, (n,)
        What they are.
    mean : Tensor, (K,)
        Mean probabilities of all pixels.

    Returns
    -------
    ndarray of float64, (K,)
        Of sum 1; even where a class has too few pixels, or is taken for others more often than chance has it.
    """
    n_classes = held_out.shape[1]
    even = np.full(n_classes, 1 / n_classes)
    if int(torch.bincount(classes, minlength=n_classes).min()) < FEW:
        return even
    of_classes = [held_out[classes == each].mean(0) for each in range(n_classes)]
    mistakes = torch.stack(of_classes, dim=1).cpu().double().numpy()
    if mistakes.diagonal().min() <= 1 / n_classes:
        return even
    seen, shares = mean.cpu().double().numpy(), even
    for _ in range(ROUNDS):
        shares = shares * (mistakes.T @ (seen / np.maximum(mistakes @ shares, LEAST_CHANCE)))
        shares = shares / shares.sum()
    return np.asarray(shares)

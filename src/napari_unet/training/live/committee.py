"""Small networks on the features of pixels: fitted to a few strokes within a second, and doubtful where they differ.

Every member sees the strokes but those of its own fold, each pixel as often as chance has it, so that what it answers
to its fold says how well it does, and how often it takes one class for another.

References
----------
Rubin, The Bayesian bootstrap. Annals of Statistics 1981.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import cos, pi

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

MEMBERS = 8
HIDDEN = 32
STEPS, RATE, DECAY = 200, 5e-3, 0.01
NOISE = 0.5
"""Standard deviations of noise on the standardised features: other images differ by that, at least."""

LEAST_SPREAD = 0.1
"""Of the strokes' features, relative to that of all pixels."""

FAR = 5.0
"""Standard deviations beyond which a feature is taken for that far."""

AT_ONCE = 1 << 16
"""Pixels answered at a time."""

Vary = Callable[[Tensor, torch.Generator], Tensor]


class Committee:
    """Classifies pixels by their features.

    Parameters
    ----------
    features : Tensor of float32, (n, F)
        Of painted pixels.
    classes : Tensor of int64, (n,)
        Of the same pixels, from 0, without gaps.
    folds : Tensor of int64, (n,)
        0 to ``MEMBERS - 1``: the member that does not see the pixel; see :func:`deal`.
    spread : Tensor of float32, (F,)
        Standard deviations of the features of all pixels: what hardly varies in the strokes may do so elsewhere.
    seed : int
        Start of the random numbers.
    vary : callable, optional
        Varies features in every step.
    """

    def __init__(
        self,
        features: Tensor,
        classes: Tensor,
        folds: Tensor,
        spread: Tensor,
        seed: int,
        vary: Vary | None = None,
    ) -> None:
        self._features, self._classes, self._folds, self._vary = features, classes, folds, vary
        self._mean = features.mean(0)
        self._deviation = torch.maximum(features.std(0, correction=0), LEAST_SPREAD * spread) + 1e-6
        self._random = torch.Generator().manual_seed(seed)
        n, self._n_classes = features.shape[1], int(classes.max()) + 1

        def weight(rows: int, columns: int, scale: float) -> nn.Parameter:
            drawn = torch.randn(MEMBERS, rows, columns, generator=self._random) * scale
            return nn.Parameter(drawn.to(features.device))

        self._layers = [
            (weight(rows, columns, (gain / rows) ** 0.5), weight(1, columns, bias))
            for rows, columns, gain, bias in (
                (n, HIDDEN, 2, 0.5),
                (HIDDEN, HIDDEN, 2, 0.0),
                (HIDDEN, self._n_classes, 1, 0.0),
            )
        ]

    def fit(self) -> Iterator[None]:
        """Learn the strokes, step by step."""
        weights = self._weights()
        targets = self._classes.repeat(MEMBERS)
        parameters = [parameter for layer in self._layers for parameter in layer]
        optimizer = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY)
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = RATE * 0.5 * (1 + cos(pi * step / STEPS))
            seen = self._features if self._vary is None else self._vary(self._features, self._random)
            noise = torch.randn(seen.shape, generator=self._random).to(seen)
            logits = self._logits(self._standardised(seen) + NOISE * noise)
            cost = F.cross_entropy(logits.flatten(0, 1), targets, reduction="none").view(MEMBERS, -1)
            optimizer.zero_grad()
            torch.autograd.backward((cost * weights).sum() / weights.sum() * MEMBERS)
            optimizer.step()
            yield

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """Of the classes, as if all covered as much, (m, K); the mean over the members."""
        parts = torch.split(features, AT_ONCE)
        return torch.cat([self._logits(self._standardised(part)).softmax(-1).mean(0) for part in parts])

    @torch.no_grad()
    def held_out(self) -> Tensor:
        """Probabilities of the painted pixels, (n, K), each by the member that has not seen it."""
        found = self._logits(self._standardised(self._features)).softmax(-1)
        return found[self._folds, torch.arange(len(self._folds), device=found.device)]

    def _logits(self, features: Tensor) -> Tensor:
        """Of every member, (MEMBERS, m, K), from standardised features (m, F)."""
        found = features.expand(MEMBERS, -1, -1)
        for index, (weight, bias) in enumerate(self._layers):
            found = torch.baddbmm(bias, F.relu(found) if index else found, weight)
        return found

    def _standardised(self, features: Tensor) -> Tensor:
        return ((features - self._mean) / self._deviation).clamp(-FAR, FAR)

    def _weights(self) -> Tensor:
        """Of every pixel for every member, (MEMBERS, n): all classes alike, nothing of its own fold."""
        members = torch.arange(MEMBERS, device=self._folds.device)
        seen = (members[:, None] != self._folds).float()
        truth = F.one_hot(self._classes, self._n_classes).float()
        counts = (seen @ truth).clamp(min=1)
        chance = torch.empty(seen.shape).exponential_(generator=self._random).to(seen)
        return seen * chance * len(self._classes) / self._n_classes / counts[:, self._classes]


def deal(cells: NDArray[np.integer], classes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Deal painted pixels to folds, cell by cell, so that neighbours share one.

    Parameters
    ----------
    cells : ndarray of int, (n,)
        Number of the part of the image where each pixel lies.
    classes : ndarray of int, (n,)
        Of the pixels; every fold gets about as much of each.

    Returns
    -------
    ndarray of int64, (n,)
        Below :data:`MEMBERS`. A class within a single cell is dealt pixel by pixel.
    """
    folds = np.zeros(len(cells), np.int64)
    for each in np.unique(classes):
        of_class = np.flatnonzero(classes == each)
        found, index, counts = np.unique(cells[of_class], return_inverse=True, return_counts=True)
        if len(found) == 1:
            folds[of_class] = np.arange(len(of_class)) % MEMBERS
            continue
        fold_of, held = np.zeros(len(found), np.int64), np.zeros(MEMBERS, np.int64)
        for cell in np.argsort(-counts, kind="stable"):
            fold_of[cell] = held.argmin()
            held[fold_of[cell]] += counts[cell]
        folds[of_class] = fold_of[index]
    return folds

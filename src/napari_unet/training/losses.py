"""Cross-entropy, focal loss and soft Dice, and their sums, with pixels that cost nothing or more than others."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unet.errors import InputError
from napari_unet.labels import IGNORE
from napari_unet.settings import LossName

SMOOTH = 1e-5
"""Added to the numerator and denominator of the soft Dice, as in MONAI."""

GAMMA = 2.0
"""Exponent of the focal loss that Lin et al. (2017) found best."""

TERMS: dict[LossName, dict[str, float]] = {
    "cross-entropy+dice": {"weight_ce": 0.5, "weight_dice": 0.5},
    "cross-entropy": {"weight_ce": 1.0, "weight_dice": 0.0},
    "focal": {"weight_ce": 0.0, "weight_dice": 0.0, "weight_focal": 1.0},
    "focal+dice": {"weight_ce": 0.0, "weight_dice": 0.5, "weight_focal": 0.5},
    "dice": {"weight_ce": 0.0, "weight_dice": 1.0},
}
"""Weights of the terms, by the names of the ``loss`` option."""


class CombinedLoss(nn.Module):
    """``weight_ce * cross-entropy + weight_dice * (1 - soft Dice) + weight_focal * focal loss``.

    With several logits: softmax cross-entropy, and the mean over all classes of ``1 - (2 sum(p t) + s) /
    (sum(p) + sum(t) + s)``, ``s = 1e-5`` (Milletari et al. 2016, without squares). With one logit: binary
    cross-entropy and the same Dice of the sigmoid. The focal loss of a pixel is ``-(1 - p)**gamma log(p)``, ``p`` the
    probability of its class (Lin et al. 2017, eq. 4). Pixels whose target is -1 are left out of every sum; where no
    pixel is left the loss is 0, and so is its gradient.

    Cross-entropy and focal loss are means over pixels, weighted where there are weights: ``sum(w loss) / sum(w)``, as
    ``torch.nn.CrossEntropyLoss`` does. The Dice, which is a mean over classes already, takes no weights.

    Parameters
    ----------
    weight_ce, weight_dice : float
        Weights of the two terms.
    pooled : bool
        Sum the Dice over all patches of the batch before dividing, instead of dividing for each patch and taking
        the mean. Steadier where a patch lacks a class; the default recipe uses it.
    weight_focal : float
        Weight of the focal loss.
    gamma : float
        Exponent of the focal loss; 0 makes it the cross-entropy.
    class_weights : sequence of float, optional
        Weight of a pixel by its class, at least 0 (two of them if there is one logit); see :func:`balanced_weights`.

    Raises
    ------
    InputError
        If the exponent or the weight of a class is negative.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        weight_ce: float = 0.5,
        weight_dice: float = 0.5,
        *,
        pooled: bool = False,
        weight_focal: float = 0.0,
        gamma: float = GAMMA,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if gamma < 0 or any(not (w >= 0 and isfinite(w)) for w in class_weights or ()):
            raise InputError(
                f"The exponent {gamma} and the weights of classes {class_weights} must be at least 0."
            )
        self.weight_ce = weight_ce
        self.weight_dice = weight_dice
        self.weight_focal = weight_focal
        self.gamma = gamma
        self.pooled = pooled
        each = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", each, persistent=False)

    def forward(self, logits: Tensor, target: Tensor, border: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, (N, K, ...)
            Network output before softmax (K > 1) or sigmoid (K = 1). 16-bit logits are computed in float32.
        target : Tensor of int, (N, ...) or (N, 1, ...)
            Class index of every pixel (0 or 1 if K = 1); -1 where it is ignored.
        border : Tensor of float, shape of ``target``, optional
            Added to the weight a pixel has by its class (1 without class weights): the second term of eq. 2 of
            Ronneberger et al. (2015), see :mod:`~napari_unet.training.border_weights`.

        Returns
        -------
        Tensor
            A scalar.

        Raises
        ------
        InputError
            If the shapes, or the number of class weights, do not match.
        """
        target = _without_channel(target, logits)
        if target.shape != logits.shape[:1] + logits.shape[2:]:
            raise InputError(
                f"Logits of shape {tuple(logits.shape)} do not fit a target {tuple(target.shape)}."
            )
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        target = target.long()
        valid = target != IGNORE
        weights = self._weights(logits, target, border)
        if logits.shape[1] == 1:
            truth = target.clamp(min=0).to(logits.dtype)
            cost = F.binary_cross_entropy_with_logits(logits[:, 0], truth, reduction="none")
            probabilities = logits.sigmoid()
            is_class = target.unsqueeze(1) == 1
        else:
            log_probabilities = F.log_softmax(logits, dim=1)
            alike = weights is None and not self.weight_focal  # summed at once then, which is faster
            reduction = "sum" if alike else "none"
            cost = F.nll_loss(log_probabilities, target, ignore_index=IGNORE, reduction=reduction)
            probabilities = log_probabilities.exp()
            classes = torch.arange(logits.shape[1], device=logits.device)
            is_class = target.unsqueeze(1) == classes.view(1, -1, *[1] * (target.ndim - 1))
        terms = []
        if self.weight_ce:
            terms.append(self.weight_ce * _mean(cost, valid, weights))
        if self.weight_focal:
            # Kept above 0, where a power below 1 has no finite slope. 1 - p, exact for p near 1.
            unlikely = (-torch.expm1(-cost)).clamp(min=1e-12) ** self.gamma
            terms.append(self.weight_focal * _mean(unlikely * cost, valid, weights))
        if self.weight_dice or not terms:
            terms.append(self.weight_dice * self._dice(probabilities, is_class, valid))
        return sum(terms[1:], terms[0])

    def _weights(self, logits: Tensor, target: Tensor, border: Tensor | None) -> Tensor | None:
        """Weight of every pixel; ``None`` where all are equal."""
        weights = None
        if self.class_weights is not None:
            if len(self.class_weights) != max(logits.shape[1], 2):
                raise InputError(
                    f"There are {len(self.class_weights)} class weights for {logits.shape[1]} logits."
                )
            weights = self.class_weights.to(logits)[target.clamp(min=0)]
        if border is None:
            return weights
        border = _without_channel(border, logits)
        if border.shape != target.shape:
            raise InputError(f"Weights {tuple(border.shape)} do not fit a target {tuple(target.shape)}.")
        return border.to(logits.dtype) + (1 if weights is None else weights)

    def _dice(self, probabilities: Tensor, is_class: Tensor, valid: Tensor) -> Tensor:
        axes = [0, *range(2, probabilities.ndim)] if self.pooled else list(range(2, probabilities.ndim))
        probabilities = probabilities * valid.unsqueeze(1)
        overlap = (probabilities * is_class).sum(axes)
        total = probabilities.sum(axes) + is_class.sum(axes)
        return (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def balanced_weights(counts: Sequence[int]) -> list[float]:
    """Weights of classes that give each the same say, with mean 1 over the pixels.

    ``n / (K n_c)`` for ``n_c`` of ``n`` pixels in one of ``K`` classes, as ``class_weight="balanced"`` of
    scikit-learn; a class without pixels counts for nothing.

    Parameters
    ----------
    counts : sequence of int
        Pixels of every class.
    """
    present = sum(n > 0 for n in counts)
    return [sum(counts) / (present * n) if n > 0 else 0.0 for n in counts]


def _without_channel(target: Tensor, logits: Tensor) -> Tensor:
    return target[:, 0] if target.ndim == logits.ndim and target.shape[1] == 1 else target


def _mean(cost: Tensor, valid: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted mean over the valid pixels of their cost, or of its sum; 0 where there are none."""
    if weights is None:
        total = (cost * valid).sum() if cost.ndim else cost
        return total / valid.sum().clamp(min=1)
    weights = weights * valid
    return (cost * weights).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)

"""Cross-entropy plus soft Dice, with pixels that cost nothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unet.errors import InputError
from napari_unet.labels import IGNORE

SMOOTH = 1e-5
"""Added to the numerator and denominator of the soft Dice, as in MONAI."""


class CombinedLoss(nn.Module):
    """``weight_ce * cross-entropy + weight_dice * (1 - soft Dice)``.

    With several logits: softmax cross-entropy, and the mean over all classes of ``1 - (2 sum(p t) + s) /
    (sum(p) + sum(t) + s)``, ``s = 1e-5`` (Milletari et al. 2016, without squares). With one logit: binary
    cross-entropy and the same Dice of the sigmoid. Pixels whose target is -1 are left out of every sum; where no
    pixel is left the loss is 0, and so is its gradient.

    Parameters
    ----------
    weight_ce, weight_dice : float
        Weights of the two terms.
    pooled : bool
        Sum the Dice over all patches of the batch before dividing, instead of dividing for each patch and taking
        the mean. Steadier where a patch lacks a class; the default recipe uses it.
    """

    def __init__(self, weight_ce: float = 0.5, weight_dice: float = 0.5, *, pooled: bool = False) -> None:
        super().__init__()
        self.weight_ce = weight_ce
        self.weight_dice = weight_dice
        self.pooled = pooled

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, (N, K, ...)
            Network output before softmax (K > 1) or sigmoid (K = 1). 16-bit logits are computed in float32.
        target : Tensor of int, (N, ...) or (N, 1, ...)
            Class index of every pixel (0 or 1 if K = 1); -1 where it is ignored.

        Returns
        -------
        Tensor
            A scalar.

        Raises
        ------
        InputError
            If the shapes do not match.
        """
        if target.ndim == logits.ndim and target.shape[1] == 1:
            target = target[:, 0]
        if target.shape != logits.shape[:1] + logits.shape[2:]:
            raise InputError(
                f"Logits of shape {tuple(logits.shape)} do not fit a target {tuple(target.shape)}."
            )
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        target = target.long()
        valid = target != IGNORE
        if logits.shape[1] == 1:
            ce_sum, probabilities = self._binary(logits, target, valid)
            is_class = target.unsqueeze(1) == 1
        else:
            log_probabilities = F.log_softmax(logits, dim=1)
            ce_sum = F.nll_loss(log_probabilities, target, ignore_index=IGNORE, reduction="sum")
            probabilities = log_probabilities.exp()
            classes = torch.arange(logits.shape[1], device=logits.device)
            is_class = target.unsqueeze(1) == classes.view(1, -1, *[1] * (target.ndim - 1))
        cross_entropy = ce_sum / valid.sum().clamp(min=1)
        return self.weight_ce * cross_entropy + self.weight_dice * self._dice(probabilities, is_class, valid)

    @staticmethod
    def _binary(logits: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        each = F.binary_cross_entropy_with_logits(
            logits[:, 0], target.clamp(min=0).to(logits.dtype), reduction="none"
        )
        return (each * valid).sum(), logits.sigmoid()

    def _dice(self, probabilities: Tensor, is_class: Tensor, valid: Tensor) -> Tensor:
        axes = [0, *range(2, probabilities.ndim)] if self.pooled else list(range(2, probabilities.ndim))
        probabilities = probabilities * valid.unsqueeze(1)
        overlap = (probabilities * is_class).sum(axes)
        total = probabilities.sum(axes) + is_class.sum(axes)
        return (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean()

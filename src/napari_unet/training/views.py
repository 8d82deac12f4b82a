"""Two views of a patch, in which a network is to see the same.

Trained on little, a network answers differently when a patch is turned or its brightness changes. Averaging over turns
helps a prediction, but takes eight times as long. Here the network learns to agree with itself: a step sees half as
many patches, each a second time with other intensities, mirrored or turned, and the two answers are drawn together, on
pixels that nobody annotated, too.

References
----------
Li et al., Transformation-consistent self-ensembling model for semisupervised medical image segmentation. IEEE TNNLS
2021. Wu et al., R-Drop: regularized dropout for neural networks. NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_unet.nets.outputs import probabilities, undo_symmetry
from napari_unet.nets.symmetry import Symmetry
from napari_unet.settings import AugmentationSettings, Outputs


def random_symmetry(settings: AugmentationSettings, ndim: int, random: torch.Generator) -> Symmetry:
    """Draw one of those by which patches are varied anyway, so that what has one way up keeps it."""

    def coin() -> bool:
        return bool(torch.randint(2, (), generator=random))

    exchanged = settings.turns and coin()
    if settings.flips:
        return Symmetry(tuple(coin() for _ in range(ndim)), exchanged)
    rows = settings.turns and coin()
    # A quarter turn exchanges the axes of a plane and mirrors one of them, half a turn mirrors both.
    return Symmetry((*(False,) * (ndim - 2), rows, rows != exchanged), exchanged)


@dataclass(frozen=True, eq=False)
class TwoViews:
    """That the last ``N // 2`` patches of a batch are second views of the first ``N // 2``.

    Attributes
    ----------
    symmetry : Symmetry
        What they are turned by.
    counted : Tensor of bool, (N // 2, *output)
        Pixels of the first views in which the answers are to agree: none that is held out or outside of the image.
    """

    symmetry: Symmetry
    counted: Tensor


def disagreement(logits: Tensor, views: TwoViews, outputs: Outputs) -> Tensor:
    """How much the answers to the second views differ from those to the first.

    The mean of the two Kullback-Leibler divergences, ``sum((p - q) * (a - b)) / 2`` for probabilities ``p``, ``q`` of
    the logits ``a``, ``b``: of the classes that exclude each other, or summed over outputs that each are a sigmoid. Of
    vectors half the squared difference, which is the same formula.

    Parameters
    ----------
    logits : Tensor, (N, K, *spatial)
        Of first views, then of the second views of the first ``N // 2`` of them.
    views : TwoViews
        What the second views were turned by, and which pixels count.
    outputs : {"classes", "borders", "distances", "flows"}
        What the logits mean.

    Returns
    -------
    Tensor
        A scalar, the mean over the pixels that count; 0 where there are none.
    """
    n = len(logits) // 2
    first, second = logits[:n].float(), undo_symmetry(views.symmetry, logits[-n:], outputs).float()
    gap = probabilities(first, outputs) - probabilities(second, outputs)
    each = (gap * (first - second)).sum(1) / 2
    return (each * views.counted).sum() / views.counted.sum().clamp(min=1)

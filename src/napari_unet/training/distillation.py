"""What a model answered before it is trained further is held where nobody painted, so that nothing is forgotten.

A few corrections say what was wrong, and nothing of what was right: trained on them alone, a network wanders off
everywhere else. The model that is trained further is asked about the same patches, and its answers to the pixels that
nobody painted are learnt beside the strokes.

References
----------
Li & Hoiem, Learning without forgetting. ECCV 2016. Hinton et al., Distilling the knowledge in a neural network. 2015.
"""

from __future__ import annotations

from torch import Tensor

from napari_unet.labels import IGNORE

HELD = 1.0
"""Weight of :func:`forgetting` beside the loss; see docs/decisions/0012."""


LEAST_CHANCE = 1e-4
"""What a teacher holds for impossible is taken to be as likely."""


def forgetting(logits: Tensor, taught: Tensor, classes: Tensor, counted: Tensor) -> Tensor:
    """How far a network is from its parent, or from a teacher, where nothing is painted.

    The Kullback-Leibler divergence ``sum(p (log p - log q))``, ``p`` the parent's probabilities, ``q`` the network's.

    Parameters
    ----------
    logits, taught : Tensor, (N, K, *spatial)
        Of the network, and of its parent or teacher, of classes that exclude each other.
    classes : Tensor of int, (N, *spatial)
        What is painted; -1 where nothing is.
    counted : Tensor of bool, (N, *spatial)
        Pixels that may be looked at: none that is held out or outside of the image.

    Returns
    -------
    Tensor
        A scalar, the mean over the pixels; 0 where there are none.
    """
    before, now = taught.float().log_softmax(1), logits.float().log_softmax(1)
    each = (before.exp() * (before - now)).sum(1)
    free = counted & (classes == IGNORE)
    return (each * free).sum() / free.sum().clamp(min=1)

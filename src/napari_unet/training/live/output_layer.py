"""The output layer that makes of a starter's features what a teacher answers.

A network that is trained on from known features first spoils them, if its output layer knows nothing: they follow
whatever that happens to be. So the output layer is fitted first, alone.

References
----------
Kumar et al., Fine-tuning can distort pretrained features and underperform out-of-distribution. ICLR 2022.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unet.nets import UNet

ITERATIONS = 40
DECAY = 1e-3
"""Weight of the squared weights of standardised features, beside the mean cross-entropy."""

LEAST_SPREAD = 0.01
"""Standard deviation of a feature, relative to the largest: less says nothing."""


class OutputLayer(NamedTuple):
    """A 1×1 convolution.

    Attributes
    ----------
    weight : Tensor of float32, (K, F)
        From features to classes.
    bias : Tensor of float32, (K,)
        Of the classes.
    """

    weight: Tensor
    bias: Tensor

    @torch.no_grad()
    def put_into(self, network: UNet) -> None:
        """Let a network with as many features and classes answer by this layer."""
        convolution = network.outc.conv
        state = {"weight": self.weight.view_as(convolution.weight), "bias": self.bias}
        convolution.load_state_dict(state)


def fit_output_layer(features: Tensor, answers: Tensor) -> OutputLayer:
    """The layer of the least cross-entropy.

    Parameters
    ----------
    features : Tensor of float32, (n, F)
        Of pixels.
    answers : Tensor of float32, (n, K)
        Probabilities of the classes.
    """
    spread = features.std(0, correction=0)
    spread = spread.clamp(min=max(float(LEAST_SPREAD * spread.max()), torch.finfo(spread.dtype).tiny))
    standardised = features / spread
    weight = features.new_zeros(answers.shape[1], features.shape[1]).requires_grad_()
    bias = features.new_zeros(answers.shape[1]).requires_grad_()
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def cost() -> float:
        optimizer.zero_grad()
        entropy = F.cross_entropy(standardised @ weight.T + bias, answers)
        total = entropy + DECAY * weight.square().sum()
        torch.autograd.backward(total)
        return float(total.detach())

    optimizer.step(cost)  # type: ignore[no-untyped-call]
    return OutputLayer(weight.detach() / spread, bias.detach())

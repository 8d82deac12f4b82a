"""Averaged weights, with batch norm statistics of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_unet.nets import UNet

MEMORY = 0.1
"""The part of the steps made so far that an average remembers, usually."""


class AveragedNetwork:
    """Exponential moving average of a network's weights (Polyak averaging).

    Its memory is a part of the steps made so far, at most 1000 of them, so it suits runs of any length. The running
    statistics of batch norm belong to certain weights and cannot be averaged with them: :meth:`estimate_statistics`
    takes them anew before the average is used.

    Parameters
    ----------
    network : UNet
        The network in training; its weights are the first average.
    max_decay : float
        Weight of the past; 0 copies the network instead of averaging.
    memory : float
        The part of the steps made so far that is remembered; with 0.5 every step counts the same, and the weights in
        the beginning as one of them.

    Attributes
    ----------
    network : UNet
        The average, in evaluation mode.
    """

    def __init__(self, network: UNet, max_decay: float = 0.999, memory: float = MEMORY) -> None:
        self._max_decay, self._memory = max_decay, memory
        self.network = deepcopy(network).eval().requires_grad_(False)
        self._updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights after one optimiser step."""
        decay = min((1 + self._updates) / (1 / self._memory + self._updates), self._max_decay)
        self._updates += 1
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)

    @torch.no_grad()
    def estimate_statistics(
        self, batches: Iterable[Tensor], forward: Callable[[UNet, Tensor], Tensor]
    ) -> None:
        """Set batch norm's running mean and variance to their mean over ``batches`` for the averaged weights.

        Parameters
        ----------
        batches : iterable of Tensor, (N, C, ...)
            Training patches on the network's device. Nothing happens for a network without batch norm.
        forward : callable
            Applies the network to a batch in the run's precision.
        """
        layers = [m for m in self.network.modules() if isinstance(m, _BatchNorm)]
        if not layers:
            return
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # cumulative mean
            layer.train()
        try:
            for batch in batches:
                forward(self.network, batch)
        finally:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
                layer.eval()

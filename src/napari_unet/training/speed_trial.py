"""How fast a network would train here: a few real steps on noise."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch

from napari_unet.device import is_out_of_memory, release_memory
from napari_unet.nets import UNet
from napari_unet.settings import NetworkSettings
from napari_unet.training.optimisation import Optimisation

SECONDS = 1.0
"""A trial ends after the step in which this is over, its first step not counted."""

_STEPS = 20
"""On a fast device these are enough."""


def steps_per_second(
    network: NetworkSettings,
    patch_size: int,
    batch_size: int,
    device: torch.device,
    precision: torch.dtype,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """Train a network on noise for about a second, as it would be trained in a run.

    The first step, in which libraries choose and compile what they compute with, is not counted. torch's random
    numbers are left as they were.

    Parameters
    ----------
    network : NetworkSettings
        What would be trained.
    patch_size, batch_size : int
        Side of a patch, patches per step.
    device : torch.device
        Where.
    precision : torch.dtype
        Of the activations.
    clock : callable
        Seconds, from any start.

    Returns
    -------
    float
        Steps per second; 0.0 where memory does not do.
    """
    full = False
    try:
        with torch.random.fork_rng(devices=[]):
            model = UNet.from_settings(network)
            side = (patch_size,) * network.ndim
            output = (patch_size - 2 * model.margin,) * network.ndim
            optimisation = Optimisation(model, "default", 1e-3, device, precision)
            images = torch.randn(batch_size, network.n_channels, *side, device=device)
            images = images.contiguous(memory_format=model.memory_format)
            classes = torch.randint(network.n_classes, (batch_size, *output), device=device)
            optimisation.step(images, classes)
            start = clock()
            steps, seconds = 0, 0.0
            while steps < _STEPS and seconds < SECONDS:
                optimisation.step(images, classes)
                steps, seconds = steps + 1, clock() - start
            return steps / max(seconds, 1e-9)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        full = True
    if full:  # outside of the except clause, which keeps tensors alive
        release_memory(device)
    return 0.0

"""The parts of a training put together from a plan: the same for a run and for the search for its learning rate."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from napari_unet.events import Notice
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.batches import Batches
from napari_unet.training.optimisation import Optimisation
from napari_unet.training.patches import PatchReader, PatchSampler
from napari_unet.training.preparation import Preparation, starting_network
from napari_unet.training.sizing import Plan


@dataclass(frozen=True, eq=False)
class Parts:
    """What steps are made of.

    Attributes
    ----------
    optimisation : Optimisation
        The network and how it steps.
    reader : PatchReader
        The images.
    batches : Batches
        What is learnt from; to be entered as a context manager.
    notice : Notice or None
        What the user should know about the network that is started from.
    """

    optimisation: Optimisation
    reader: PatchReader
    batches: Batches
    notice: Notice | None


def assemble(
    request: TrainingRequest | RateSearchRequest,
    preparation: Preparation,
    plan: Plan,
    device: torch.device,
    precision: torch.dtype,
) -> Parts:
    """Build the network, its optimiser and the batches. New weights are drawn with torch's own random numbers."""
    settings = request.settings
    network, notice = starting_network(plan.network, preparation, request.annotation)
    optimisation = Optimisation(network, settings.recipe, plan.learning_rate, device, precision)
    reader = PatchReader(request.images, preparation.used_statistics, request.annotation, plan.network.ndim)
    sampler = PatchSampler(
        reader,
        request.images,
        request.annotation,
        preparation.planes,
        preparation.split.excluded,
        settings.seed,
    )
    augmentation = Augmentation(settings.augmentation, device, settings.seed)
    batches = Batches(sampler, augmentation, network, plan.patch_size, plan.batch_size, device)
    return Parts(optimisation, reader, batches, notice)

"""The parts of a training put together from a plan: the same for a run and for the search for its learning rate."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch

from napari_unet.events import Notice
from napari_unet.labels import AnnotationKind
from napari_unet.nets import UNet
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.settings import AugmentationSettings, FrozenLayers
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.batches import Batches
from napari_unet.training.objective import choose_objective
from napari_unet.training.optimisation import Optimisation
from napari_unet.training.patches import PatchReader
from napari_unet.training.preparation import Preparation, starting_network
from napari_unet.training.sizing import Plan

ENCODER = ("inc.", "down")
LAST = ("outc.",)
"""How the names of weights begin: on the way down, and of the output layer."""


DISTORTED_OBJECTS = 0.5
"""Share of the patches of objects that are distorted unless somebody says otherwise; decision 0010."""


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
    notices : tuple of Notice
        What the user should know about the network that is started from, and about options without effect.
    continues : bool
        Whether the network is as yet the one that is started from, its outputs included.
    """

    optimisation: Optimisation
    reader: PatchReader
    batches: Batches
    notices: tuple[Notice, ...]
    continues: bool


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
    continues = preparation.parent is not None and notice is None
    if preparation.parent is not None:
        freeze(network, settings.frozen_layers)
    reader = PatchReader(
        preparation.images, preparation.used_statistics, request.annotation, plan.network.ndim
    )
    loss, sampler, notices = choose_objective(request, preparation, plan, reader)
    if notice is not None:
        notices = (notice, *notices)
    holds = continues and request.annotation.kind == "scribbles"  # elsewhere everything is annotated
    optimisation = Optimisation(
        network,
        settings.recipe,
        plan.learning_rate,
        device,
        precision,
        loss,
        plan.consistency,
        deepcopy(network) if holds else None,
    )
    optimisation.split(plan.batches_per_step)
    varied = variation(settings.augmentation, request.annotation.kind)
    augmentation = Augmentation(varied, device, settings.seed)
    two_views = plan.consistency > 0
    batches = Batches(sampler, augmentation, network, plan.patch_size, plan.batch_size, device, two_views)
    return Parts(optimisation, reader, batches, notices, continues)


def variation(settings: AugmentationSettings, kind: AnnotationKind) -> AugmentationSettings:
    """How patches are varied, with what is left open chosen for the kind of annotation."""
    if settings.distorted is None and kind == "objects":
        return settings.model_copy(update={"distorted": DISTORTED_OBJECTS})
    return settings


def freeze(network: UNet, layers: FrozenLayers) -> None:
    """Let some layers stay as they are, in place; statistics of batch norm are taken anew all the same.

    Parameters
    ----------
    network : UNet
        Before its optimiser is made, which leaves out what is frozen.
    layers : {"none", "encoder", "all but the last"}
        Which.
    """
    for name, weight in network.named_parameters():
        frozen = {
            "none": False,
            "encoder": name.startswith(ENCODER),
            "all but the last": not name.startswith(LAST),
        }
        weight.requires_grad_(not frozen[layers])

"""What a run makes small: the loss of its settings, and the patches it is taken on."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from napari_unet.errors import AnnotationError
from napari_unet.events import Notice
from napari_unet.labels import Annotation
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.settings import TrainSettings
from napari_unet.training.batches import DrawsBatches
from napari_unet.training.border_weights import W0, BorderWeightedLoss, BorderWeightReader
from napari_unet.training.coverage import Plane
from napari_unet.training.losses import TERMS, CombinedLoss, balanced_weights
from napari_unet.training.object_flows import FlowLoss
from napari_unet.training.object_targets import BorderClassLoss, DistanceLoss
from napari_unet.training.object_weights import SeparatedLoss
from napari_unet.training.patches import ClassReader, PatchReader, ReadsPatches
from napari_unet.training.preparation import Preparation
from napari_unet.training.rehearsal import Alternating, share_of_earlier
from napari_unet.training.sampling import PatchSampler
from napari_unet.training.sizing import Plan


def applicable(settings: TrainSettings, annotation: Annotation) -> tuple[TrainSettings, tuple[Notice, ...]]:
    """Settings without the options of the loss that mean nothing here, and a notice for each left out.

    The classic recipe has a loss of its own; Dice alone takes no weights; scribbles do not show where objects end.
    """
    defaults = {name: TrainSettings.model_fields[name].default for name in _OPTIONS}
    chosen = [name for name in _OPTIONS if getattr(settings, name) != defaults[name]]
    if settings.recipe == "classic" and chosen:
        text = f"The classic recipe has a loss of its own, so {_titles(chosen)} has no effect."
        return settings.model_copy(update=defaults), (Notice(text, "warning"),)
    left_out, notices = [], []
    weights = [name for name in chosen if name in _WEIGHTS]
    if settings.loss == "dice" and weights:
        left_out += weights
        notices.append(
            Notice(f"Dice alone takes no weights, so {_titles(weights)} has no effect.", "warning")
        )
    elif "border_weight" in chosen and annotation.kind == "scribbles":
        left_out.append("border_weight")
        text = "Scribbles do not show where objects end, so Border weight has no effect."
        notices.append(Notice(text, "warning"))
    elif "border_weight" in chosen and annotation.kind == "objects" and settings.object_targets != "weights":
        left_out.append("border_weight")
        by = TrainSettings.model_fields["object_targets"].title
        text = f"Border weight has no effect on objects unless {by} is set to weights."
        notices.append(Notice(text, "warning"))
    return settings.model_copy(update={name: defaults[name] for name in left_out}), tuple(notices)


def choose_objective(
    request: TrainingRequest | RateSearchRequest, preparation: Preparation, plan: Plan, reader: PatchReader
) -> tuple[nn.Module, DrawsBatches, tuple[Notice, ...]]:
    """The loss of the default recipe, and the sampler of the patches that go with it.

    Parameters
    ----------
    request : TrainingRequest or RateSearchRequest
        What was asked.
    preparation : Preparation
        What is annotated and what is held out.
    plan : Plan
        What the network's outputs mean.
    reader : PatchReader
        Where patches are read.

    Returns
    -------
    Module
        Takes logits and the targets of the sampler, or bare class indices; the latter count without border weights.
    DrawsBatches
        Draws patches outside of the held-out regions, of new images and of earlier ones.
    tuple of Notice
        Options that have no effect.

    Raises
    ------
    AnnotationError
        If all labels are held out.
    """
    annotation, excluded = request.annotation, preparation.split.excluded
    settings = request.settings
    parent = preparation.parent.record if preparation.parent is not None else None
    if parent is not None and parent.training is not None and parent.annotation.kind == "objects":
        # Its outputs are kept, so they go on meaning what they were taught.
        settings = settings.model_copy(update={"object_targets": parent.training.object_targets})
    settings, notices = applicable(settings, annotation)
    outputs = plan.network.outputs
    border = settings.border_weight
    by_weights = reader.numbered and settings.object_targets == "weights" and settings.recipe == "default"
    source: ReadsPatches = reader
    if reader.numbered:
        if outputs == "classes" and not by_weights:
            source = ClassReader(reader)
    elif border:
        source = BorderWeightReader(reader, preparation.images, annotation, excluded)
    sampler, counts = _samplers(source, preparation, annotation, settings.seed)
    weights = balanced_weights(counts) if settings.class_weights and outputs != "borders" else None
    loss = CombinedLoss(**TERMS[settings.loss], pooled=True, class_weights=weights)
    if outputs == "borders":
        return BorderClassLoss(loss), sampler, notices
    if outputs == "distances":
        return DistanceLoss(loss, plan.object_radius), sampler, notices
    if outputs == "flows":
        return FlowLoss(loss), sampler, notices
    if by_weights:
        return SeparatedLoss(loss, border or W0), sampler, notices
    return BorderWeightedLoss(loss, border) if border else loss, sampler, notices


def _samplers(
    source: ReadsPatches, preparation: Preparation, annotation: Annotation, seed: int
) -> tuple[DrawsBatches, list[int]]:
    """What draws the patches, and the pixels of every class that they are drawn around."""
    p = preparation

    def sampler(planes: Sequence[Plane], seed: int) -> PatchSampler:
        return PatchSampler(source, p.images, annotation, planes, p.split.excluded, seed)

    new = sampler([plane for plane in p.planes if plane.image < p.n_new], seed)
    earlier_planes = [plane for plane in p.planes if plane.image >= p.n_new]
    if not earlier_planes:
        return new, new.class_counts
    try:
        earlier = sampler(earlier_planes, seed + 1)
    except AnnotationError:  # all of it is held out: it is scored only
        return new, new.class_counts
    n_new = len({plane.image for plane in p.planes if plane.image < p.n_new})
    share = share_of_earlier(n_new, p.rehearsal.n_images)
    counts = [a + b for a, b in zip(new.class_counts, earlier.class_counts, strict=True)]
    return Alternating(new, earlier, share, seed), counts


_WEIGHTS = ("class_weights", "border_weight")
_OPTIONS = ("loss", *_WEIGHTS, "consistency")


def _titles(names: list[str]) -> str:
    return " and ".join(TrainSettings.model_fields[name].title or name for name in names)

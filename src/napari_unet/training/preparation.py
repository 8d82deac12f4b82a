"""Everything that is settled before the first step: the input checked, the split made, the parent model read."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_unet.errors import InputError, ModelFileError, ShapeMismatchError, StorageError
from napari_unet.events import Notice
from napari_unet.images import AnnotatedImage, Image, IntensityStatistics, Normalisation, image_hash
from napari_unet.labels import Annotation
from napari_unet.models.files import Model, load_model, model_hash
from napari_unet.models.header import read_record
from napari_unet.models.record import ModelRecord
from napari_unet.nets import UNet, init_weights
from napari_unet.nets.outputs import BY_SIGMOID
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.settings import NetworkSettings
from napari_unet.training.coverage import Plane, check_classes, find_planes
from napari_unet.training.object_targets import start_from_means
from napari_unet.training.pieces import number_pieces
from napari_unet.training.rehearsal import Rehearsal, recall, with_earlier
from napari_unet.training.split import Split, plan_validation

GUARD = 32
"""Pixels between the held-out strip and the next label that is trained on."""


@dataclass(frozen=True, eq=False)
class Preparation:
    """What a run starts from.

    Attributes
    ----------
    images : tuple of AnnotatedImage
        As in the request, then the pieces of earlier ones that are learnt from again.
    planes : tuple of Plane
        What is annotated.
    normalisation : Normalisation
        The parent's, or the default.
    statistics : tuple of IntensityStatistics or None
        Per image; ``None`` where nothing is annotated.
    hashes : tuple of str
        Per image of the request; empty where nothing is annotated.
    split : Split
        What is held out.
    parent : Model or None
        The model to fine-tune.
    parents : tuple of str
        Hashes of the models this one comes from, oldest first.
    notices : tuple of Notice
        What the user should know.
    rehearsal : Rehearsal
        What the parent learnt from.
    """

    images: tuple[AnnotatedImage, ...]
    planes: tuple[Plane, ...]
    normalisation: Normalisation
    statistics: tuple[IntensityStatistics | None, ...]
    hashes: tuple[str, ...]
    split: Split
    parent: Model | None
    parents: tuple[str, ...]
    notices: tuple[Notice, ...]
    rehearsal: Rehearsal

    @property
    def n_new(self) -> int:
        """Images of the request: those before the earlier ones."""
        return len(self.hashes)

    @property
    def n_channels(self) -> int:
        """Channels of every image."""
        return self.images[0].image.n_channels

    @property
    def used_statistics(self) -> list[IntensityStatistics]:
        """Per image; any of the others' where nothing is annotated, and so nothing will be read."""
        first = next(s for s in self.statistics if s is not None)
        return [s if s is not None else first for s in self.statistics]


_R = TypeVar("_R", TrainingRequest, RateSearchRequest)


def with_objects(request: _R) -> tuple[_R, tuple[Notice, ...]]:
    """A request whose labels have a number for every object, also where they are masks; what the user should know."""
    if request.annotation.kind != "objects" or not request.images:
        return request, ()
    record = read_record(request.start_from) if request.start_from is not None else None
    images, notices = number_pieces(request.images, record.network.ndim if record is not None else 2)
    return replace(request, images=images), notices


def prepare(request: TrainingRequest | RateSearchRequest) -> Preparation:
    """Check a request and settle what will be trained on.

    Raises
    ------
    AnnotationError
        If nothing is labelled, or one class only.
    InputError
        If channels differ, between images or from the parent's, or no image holds more than one value.
    ModelFileError
        If the model to start from cannot be read.
    StorageError
        If the output cannot be written.
    """
    if isinstance(request, TrainingRequest):
        check_writable(request.output)
    if not request.images:
        raise InputError("There is no image to train on.", "Give at least one image with labels.")
    _check_channels(request.images)
    parent = load_model(request.start_from) if request.start_from is not None else None
    if parent is not None:
        check_parent(parent.record, request.images[0].image)
    ndim = parent.record.network.ndim if parent is not None else 2
    planes = find_planes(request.images, request.annotation, ndim)
    normalisation = parent.record.normalisation if parent is not None else Normalisation()
    used = {plane.image for plane in planes}
    statistics = tuple(
        normalisation.statistics(a.image) if i in used else None for i, a in enumerate(request.images)
    )
    hashes = tuple(image_hash(a.image) if i in used else "" for i, a in enumerate(request.images))
    rehearsal = Rehearsal()
    if parent is not None and request.start_from is not None:
        rehearsal = recall(
            request.start_from,
            parent.record,
            request.annotation,
            hashes,
            wanted=request.settings.rehearsal,
        )
    pieces = tuple(example.annotated for example in rehearsal.used)
    earlier_planes = find_planes(pieces, request.annotation, ndim, first=len(request.images))
    check_classes((*planes, *earlier_planes) if planes else (), request.annotation)
    earlier = parent.record.validation.regions if parent is not None else {}
    split = plan_validation(
        planes,
        [tuple(a.labels.shape) for a in request.images],
        request.settings.validation_fraction,
        GUARD,
        {i: earlier[h] for i, h in enumerate(hashes) if h in earlier},
    )
    parents: tuple[str, ...] = ()
    if parent is not None and request.start_from is not None:
        parents = (*parent.record.parents, model_hash(request.start_from))
    notices = _intensity_notices(request.images, statistics)
    return Preparation(
        images=request.images + pieces,
        planes=planes + earlier_planes,
        normalisation=normalisation,
        statistics=statistics + tuple(example.statistics for example in rehearsal.used),
        hashes=hashes,
        split=with_earlier(split, rehearsal),
        parent=parent,
        parents=parents,
        notices=notices + rehearsal.notices,
        rehearsal=rehearsal,
    )


def starting_network(
    settings: NetworkSettings, preparation: Preparation, annotation: Annotation
) -> tuple[UNet, Notice | None]:
    """A fresh network, or a copy of the parent's; with other classes its output layer is new.

    Random numbers are torch's own, from where they stand.

    Parameters
    ----------
    settings : NetworkSettings
        What to build.
    preparation : Preparation
        Holds the parent.
    annotation : Annotation
        The classes.

    Returns
    -------
    UNet
        On the CPU.
    Notice or None
        What the user should know.
    """
    network = UNet.from_settings(settings)
    init_weights(network)
    if settings.outputs in BY_SIGMOID:
        background, foreground = np.sum([plane.counts for plane in preparation.planes], axis=0)
        start_from_means(network, foreground / (background + foreground))
    if preparation.parent is None:
        return network, None
    weights = preparation.parent.network.state_dict()
    record = preparation.parent.record
    alike = record.network.outputs == settings.outputs and record.network.n_classes == settings.n_classes
    if alike and record.annotation.values == annotation.values:
        network.load_state_dict(weights)
        return network, None
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("outc.")}
    network.load_state_dict(kept, strict=False)
    return network, Notice(
        "The classes differ from those of the model to start from: "
        "its output layer starts anew, the rest is kept."
    )


def check_parent(record: ModelRecord, image: Image) -> None:
    """Refuse a model whose channels are not those of an image.

    Raises
    ------
    InputError
        With the number of both.
    """
    if record.network.n_channels != image.n_channels:
        raise InputError(
            f"The model to start from was trained on images with {record.network.n_channels} channel(s), "
            f"{image.name} has {image.n_channels}.",
            "Choose images with the same channels, or train a new model.",
        )


def check_writable(path: Path) -> None:
    """Find out before training, rather than after it, whether a file can be written.

    Raises
    ------
    StorageError
        If not, or if there is a file of another kind, an image for example, that would be lost.
    """
    if path.exists():
        try:
            read_record(path)
        except ModelFileError as error:
            raise StorageError(
                f"{path} exists and is no model that could be replaced.",
                "Choose another name, or delete it first.",
            ) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise StorageError(
            f"The model cannot be saved in {path.parent}: {error.strerror or error}.",
            "Choose a folder in which you may write.",
        ) from error
    if path.is_dir():
        raise StorageError(
            f"The model cannot be saved as {path}: this is a folder.", "Give the name of a file."
        )


def _check_channels(images: tuple[AnnotatedImage, ...]) -> None:
    first = images[0].image
    for annotated in images[1:]:
        if annotated.image.n_channels != first.n_channels:
            raise ShapeMismatchError(
                f"{first.name} has {first.n_channels} channel(s), {annotated.image.name} has "
                f"{annotated.image.n_channels}.",
                "Train on images with the same channels.",
            )


def _intensity_notices(
    images: tuple[AnnotatedImage, ...], statistics: tuple[IntensityStatistics | None, ...]
) -> tuple[Notice, ...]:
    found = [(a.image.name, s) for a, s in zip(images, statistics, strict=True) if s is not None]
    faults: dict[str, list[str]] = {}
    for name, s in found:
        if s.fault:
            faults.setdefault(s.fault, []).append(name)
    if all(all(s.constant) for _, s in found):
        fault, names = next(iter(faults.items()))
        raise InputError(
            f"{_names(names)} {fault}, so there is nothing to learn from.",
            "Check that the right image was chosen and that it was loaded completely.",
        )
    return tuple(Notice(f"{_names(names)} {fault}.", "warning") for fault, names in faults.items())


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"

"""What a job is asked to do, and told meanwhile: plain dataclasses that hold references to images, never layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import Annotation
from napari_unet.settings import Device, LiveSettings, PredictSettings, TrainSettings


@dataclass(frozen=True, eq=False)
class TrainingRequest:
    """Train a network.

    Attributes
    ----------
    images : tuple of AnnotatedImage
        What to learn from; sizes may differ, the number of channels may not.
    annotation : Annotation
        What the labels mean; its classes become the network's outputs.
    settings : TrainSettings
        How to train.
    output : Path
        Where the model file goes. Best weights are written there while training goes on.
    start_from : Path, optional
        A model file to fine-tune; its architecture and normalisation are kept.
    """

    images: tuple[AnnotatedImage, ...]
    annotation: Annotation
    settings: TrainSettings
    output: Path
    start_from: Path | None = None


@dataclass(frozen=True, eq=False)
class RateSearchRequest:
    """Find a learning rate for a training; no model is written.

    Attributes
    ----------
    images : tuple of AnnotatedImage
        What would be learnt from.
    annotation : Annotation
        What the labels mean.
    settings : TrainSettings
        How training would go; its learning rate is not used.
    start_from : Path, optional
        The model that would be fine-tuned; it is only read.
    tries : int, optional
        How many rates are tried, one step each; by default 40, for which the suggestion is calibrated.
    """

    images: tuple[AnnotatedImage, ...]
    annotation: Annotation
    settings: TrainSettings
    start_from: Path | None = None
    tries: int | None = None


@dataclass(frozen=True, eq=False)
class PredictionRequest:
    """Predict images with a saved model.

    Attributes
    ----------
    model : Path
        Model file.
    images : tuple of Image
        What to segment.
    settings : PredictSettings
        How to predict.
    regions : tuple of (Box or None), optional
        Per image the part to predict, in its label axes (one slice of a stack, say); ``None`` for all of it.
    centres : tuple of (tuple of float or None), optional
        Per image where somebody looks, in pixels along its label axes: what is nearer is predicted first.
    """

    model: Path
    images: tuple[Image, ...]
    settings: PredictSettings = field(default_factory=PredictSettings)
    regions: tuple[Box | None, ...] | None = None
    centres: tuple[tuple[float, ...] | None, ...] | None = None


@dataclass(frozen=True)
class ProbeRequest:
    """Find the device a run would use, by one real forward and backward pass on it."""

    device: Device = "auto"


@dataclass(frozen=True, eq=False)
class LiveRequest:
    """Learn from what is painted while it is painted, and predict what is looked at.

    It goes on until it is stopped. What is painted and looked at comes as messages: :class:`Painted`,
    :class:`Looking`, :class:`Renamed`, :class:`WhereNext`,
    :class:`Keep`, :class:`Changed`.

    Attributes
    ----------
    images : tuple of Image
        What is painted on; all with the same number of channels.
    annotation : Annotation
        The classes so far.
    settings : LiveSettings
        How to learn.
    output : Path
        Where the model file goes, now and then and at the end.
    start_from : Path, optional
        A model file to go on from.
    """

    images: tuple[Image, ...]
    annotation: Annotation
    settings: LiveSettings
    output: Path
    start_from: Path | None = None

    listens: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """To a live run: this is how a region of an image's labels looks now.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        In label axes.
    labels : ndarray of int, of the region's shape
        Values as painted, 0 where nothing is.
    """

    image: int
    region: Box
    labels: NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Looking:
    """To a live run: this part of an image is in view; it is predicted first.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        In label axes, inside the image; 1 thick along the axes that are not seen.
    """

    image: int
    region: Box


@dataclass(frozen=True, slots=True)
class Renamed:
    """To a live run: these are the classes now; one may be new."""

    annotation: Annotation


@dataclass(frozen=True, slots=True)
class WhereNext:
    """To a live run: say where a label would help most; answered by :class:`napari_unet.events.Suggestion`."""


@dataclass(frozen=True, slots=True)
class Keep:
    """To a live run: write the model as it is now to this file too; answered by ``ModelSaved``."""

    path: Path


@dataclass(frozen=True, slots=True)
class Changed:
    """To a live run: these are the settings now. Only computing time and objects change in its midst."""

    settings: LiveSettings


Request = TrainingRequest | RateSearchRequest | PredictionRequest | ProbeRequest | LiveRequest

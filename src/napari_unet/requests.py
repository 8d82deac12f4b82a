"""What a job is asked to do: plain dataclasses that hold references to images, never layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_unet.events import Box
from napari_unet.images import AnnotatedImage, Image
from napari_unet.labels import Annotation
from napari_unet.settings import Device, PredictSettings, TrainSettings


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


Request = TrainingRequest | RateSearchRequest | PredictionRequest | ProbeRequest

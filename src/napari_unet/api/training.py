"""Training and fine-tuning from scripts and the command line."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.api.examples import find_examples
from napari_unet.api.inputs import ImageSource, LabelSource
from napari_unet.api.running import ProgressCallback, StopCallback, merged, run_to_end
from napari_unet.errors import AnnotationError, InputError, StorageError
from napari_unet.events import Notice
from napari_unet.labels import Annotation, AnnotationKind
from napari_unet.requests import TrainingRequest
from napari_unet.settings import TrainSettings

if TYPE_CHECKING:
    from napari_unet.models.files import Model


def train(
    images: ImageSource | list[ImageSource],
    labels: LabelSource | list[LabelSource],
    output: Path | str,
    *,
    settings: TrainSettings | None = None,
    start_from: Path | str | Model | None = None,
    labels_are: AnnotationKind | None = None,
    annotation: Annotation | None = None,
    axes: str | None = None,
    progress: ProgressCallback | None = None,
    stop: StopCallback | None = None,
    **overrides: Any,
) -> Model:
    """Train a U-Net.

    Parameters
    ----------
    images, labels : array, Path, or list of these
        One image and its labels, a folder of each (paired by file stem), or two lists in the same order.
        Labels have the image's shape without its channel axis and hold whole numbers.
    output : Path
        Where the model file goes. Best weights are written there while training goes on.
    settings : TrainSettings, optional
        How to train; by default 5 minutes, everything else chosen from the data.
    start_from : Path or Model, optional
        A model to train further; other classes get a new output layer, the rest is kept.
    labels_are : {"scribbles", "masks", "objects"}, optional
        What the labels mean; inferred where that is clear.
    annotation : Annotation, optional
        Kind and classes with names and colours, instead of ``labels_are`` and what is found in the labels.
    axes : str, optional
        One letter per dimension of the images, for example ``"TCYX"``.
    progress : callable, optional
        Receives every event; see :mod:`napari_unet.events`.
    stop : callable, optional
        Once it returns True training ends and the best weights are kept.
    **overrides
        Fields of :class:`TrainSettings`, for example ``minutes=1`` or ``augmentation={"elastic": 0}``.

    Returns
    -------
    Model
        With the best weights, as saved.

    Raises
    ------
    AmbiguousAnnotationError
        If it is not clear what the labels mean.
    InputError, AnnotationError, ShapeMismatchError
        If the images and labels cannot be trained on.
    ModelFileError, StorageError, DeviceError, TrainingDivergedError
        If the model to start from, the output, the device or the training fails.
    pydantic.ValidationError
        If a setting is unknown or out of bounds.

    Examples
    --------
    >>> model = train("images", "labels", "cells.safetensors", minutes=2)  # doctest: +SKIP
    """
    from napari_unet.models.files import Model, load_model, save_model

    settings = merged(settings or TrainSettings(), overrides)
    if settings.steps is not None:
        settings = settings.model_copy(update={"minutes": None})
    output = _writable(Path(output))
    if isinstance(start_from, Model):
        with tempfile.TemporaryDirectory() as folder:
            parent = Path(folder) / "parent.safetensors"
            save_model(start_from, parent)
            return train(
                images, labels, output, settings=settings, start_from=parent, labels_are=labels_are,
                annotation=annotation, axes=axes, progress=progress, stop=stop,
            )  # fmt: skip
    examples = find_examples(images, labels, settings, start_from, labels_are, annotation, axes)
    request = TrainingRequest(
        images=examples.pairs,
        annotation=examples.annotation,
        settings=settings.model_copy(update={"labels_are": examples.annotation.kind}),
        output=output,
        start_from=None if start_from is None else Path(start_from),
    )
    if progress is not None:
        for sentence in examples.said:
            progress(Notice(sentence))
    finished = run_to_end(request, progress, stop)
    if finished.model_path is None:
        raise AnnotationError("Training was stopped before there was a model to save.", "Train for longer.")
    return load_model(finished.model_path)


def fine_tune(
    model: Path | str | Model,
    images: ImageSource | list[ImageSource],
    labels: LabelSource | list[LabelSource],
    output: Path | str,
    **options: Any,
) -> Model:
    """Train a saved model further, with the same or other classes; its own file is left as it is.

    Parameters
    ----------
    model : Path or Model
        What to start from.
    images, labels, output, **options
        As for :func:`train`.

    Returns
    -------
    Model
        The new model.
    """
    return train(images, labels, output, start_from=model, **options)


def _writable(output: Path) -> Path:
    """Return the output if a file can be written there: better known before the training than after it."""
    if output.is_dir():
        raise InputError(
            f"{output} is a folder.", "Give the name of the model file, for example cells.safetensors."
        )
    if not output.suffix:
        output = output.with_suffix(".safetensors")
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise StorageError(
            f"{output} could not be written: there is no permission for {folder}.", "Choose another folder."
        )
    return output

"""A learning rate for a training, found by a short one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.api.examples import find_examples
from napari_unet.api.inputs import ImageSource, LabelSource
from napari_unet.api.running import ProgressCallback, StopCallback, merged, run_to_end
from napari_unet.errors import JobLostError
from napari_unet.events import Event, Notice, RateFound
from napari_unet.labels import Annotation, AnnotationKind
from napari_unet.requests import RateSearchRequest
from napari_unet.settings import TrainSettings

if TYPE_CHECKING:
    from napari_unet.models.files import Model


def find_learning_rate(
    images: ImageSource | list[ImageSource],
    labels: LabelSource | list[LabelSource],
    *,
    settings: TrainSettings | None = None,
    start_from: Path | str | Model | None = None,
    labels_are: AnnotationKind | None = None,
    annotation: Annotation | None = None,
    axes: str | None = None,
    tries: int | None = None,
    progress: ProgressCallback | None = None,
    stop: StopCallback | None = None,
    **overrides: Any,
) -> RateFound:
    """Find a learning rate for :func:`~napari_unet.train`, with a short training; no model is written or changed.

    The learning rate rises from 1e-6 to 1 while the loss is watched (Smith 2017); the suggestion is near the end of
    its steep fall. See :mod:`napari_unet.training.rate_finder`.

    Parameters
    ----------
    images, labels, settings, start_from, labels_are, annotation, axes, **overrides
        As for :func:`~napari_unet.train`; the length of the training only counts where sizes are chosen by it.
    tries : int, optional
        How many rates are tried, one step each, at least 10. More of them show a smoother curve, and a lower
        suggestion: it is calibrated for the default of 40.
    progress : callable, optional
        Receives every event; see :mod:`napari_unet.events`.
    stop : callable, optional
        Once it returns True the search ends without a suggestion.

    Returns
    -------
    RateFound
        The suggestion, or ``None`` where none stands out, with the reason and the curve.

    Raises
    ------
    AmbiguousAnnotationError
        If it is not clear what the labels mean.
    InputError, AnnotationError, ShapeMismatchError
        If the images and labels cannot be trained on, or the recipe has a learning rate of its own.
    ModelFileError, DeviceError
        If the model to start from or the device fails.
    pydantic.ValidationError
        If a setting is unknown or out of bounds.

    Examples
    --------
    >>> rate = find_learning_rate("images", "labels").suggestion  # doctest: +SKIP
    """
    from napari_unet.models.files import Model, save_model

    settings = merged(settings or TrainSettings(), overrides)
    if isinstance(start_from, Model):
        with tempfile.TemporaryDirectory() as folder:
            parent = Path(folder) / "parent.safetensors"
            save_model(start_from, parent)
            return find_learning_rate(
                images, labels, settings=settings, start_from=parent, labels_are=labels_are,
                annotation=annotation, axes=axes, tries=tries, progress=progress, stop=stop,
            )  # fmt: skip
    examples = find_examples(images, labels, settings, start_from, labels_are, annotation, axes)
    request = RateSearchRequest(
        images=examples.pairs,
        annotation=examples.annotation,
        settings=settings.model_copy(update={"labels_are": examples.annotation.kind}),
        start_from=None if start_from is None else Path(start_from),
        tries=tries,
    )
    found: list[RateFound] = []

    def hear(event: Event) -> None:
        if isinstance(event, RateFound):
            found.append(event)
        if progress is not None:
            progress(event)

    for sentence in examples.said:
        hear(Notice(sentence))
    run_to_end(request, hear, stop)
    if not found:
        raise JobLostError("The search ended without a result.", "Run it again.")
    return found[-1]

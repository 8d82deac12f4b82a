"""What a training would learn from: images with their labels, and what these mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unet.api.inputs import ImageSource, LabelSource, annotated_images, find_annotation
from napari_unet.images import AnnotatedImage
from napari_unet.labels import Annotation, AnnotationKind
from napari_unet.models.header import read_record
from napari_unet.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learnt from.

    Attributes
    ----------
    pairs : tuple of AnnotatedImage
        Images with their labels.
    annotation : Annotation
        What the labels mean.
    said : tuple of str
        What the user should know about how they were found, as sentences.
    """

    pairs: tuple[AnnotatedImage, ...]
    annotation: Annotation
    said: tuple[str, ...]


def find_examples(
    images: ImageSource | list[ImageSource],
    labels: LabelSource | list[LabelSource],
    settings: TrainSettings,
    start_from: Path | str | None,
    labels_are: AnnotationKind | None,
    annotation: Annotation | None,
    axes: str | None,
) -> Examples:
    """Open images and labels; the arguments are those of :func:`~napari_unet.train`."""
    parent = None if start_from is None else read_record(start_from)
    pairs, said = annotated_images(images, labels, axes)
    if annotation is None:
        known = None if parent is None else parent.annotation
        annotation, reason = find_annotation(pairs, labels_are or settings.labels_are, known)
        said += (f"Labels are taken as {annotation.kind}: {reason}",) if reason else ()
    return Examples(tuple(pairs), annotation, said)

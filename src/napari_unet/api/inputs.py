"""Arrays, files and folders as images and annotations of a request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.axes import default_axes
from napari_unet.errors import AmbiguousAnnotationError, InputError
from napari_unet.images import (
    AnnotatedImage,
    ArrayLike,
    Image,
    check_direction,
    pair_files,
    read_image,
    read_labels,
)
from napari_unet.labels import (
    Annotation,
    AnnotationKind,
    LabelClass,
    default_annotation,
    infer_kind,
    summarize_labels,
)

ImageSource = ArrayLike | Image | Path | str
"""One image: an array, a file, or an :class:`~napari_unet.images.Image`."""

LabelSource = ArrayLike | Path | str
"""The labels of one image: an array or a file."""


def as_image(source: ImageSource, axes: str | None = None, n_channels: int | None = None) -> Image:
    """Return what is given as an :class:`Image`.

    Parameters
    ----------
    source : ArrayLike, Path or Image
        An ``Image`` is returned as it is.
    axes : str, optional
        One letter per dimension. Without it those of the file, or the usual order, with the channels where an
        axis has ``n_channels`` positions: last, else before ``YX``.
    n_channels : int, optional
        Channels to expect, if known.

    Raises
    ------
    InputError
        If one channel is expected and an array without axes looks like a colour image.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, (str, Path)):
        image = read_image(source, axes)
    else:
        array = _array(source)
        if axes is None and n_channels == 1 and _looks_like_colour(array.shape):
            raise InputError(
                f"An array of the shape {tuple(array.shape)} looks like a colour image; one channel is needed.",
                "Pass one channel of it, or axes='ZYX' if it is a stack of planes.",
            )
        image = Image("image", (array,), (axes or default_axes(len(array.shape))).upper())
    if axes is None and n_channels is not None and image.n_channels != n_channels:
        shape = image.channels[0].shape
        n = len(shape)
        return _with_channels_at(image, [p for p in (n - 1, n - 3) if n > 2 and shape[p] == n_channels])
    return image


def as_labels(source: LabelSource) -> ArrayLike:
    """Return labels as an array, read on demand from a file."""
    return read_labels(source) if isinstance(source, (str, Path)) else _array(source)


def is_path(source: Any) -> bool:
    """Whether this is a path, or a list of nothing but paths."""
    several = isinstance(source, (list, tuple)) and len(source) > 0
    return all(isinstance(part, (str, Path)) for part in (source if several else [source]))


def annotated_images(
    images: Any, labels: Any, axes: str | None = None
) -> tuple[tuple[AnnotatedImage, ...], tuple[str, ...]]:
    """Pair images with labels.

    Parameters
    ----------
    images, labels
        A folder each (paired by file stem), one of each, or sequences of equal length (paired by position).
    axes : str, optional
        One letter per dimension of the images, where they do not tell themselves.

    Returns
    -------
    tuple of AnnotatedImage
        The pairs.
    tuple of str
        Sentences on what could not be paired.

    Raises
    ------
    InputError
        If nothing is paired, the numbers differ, or images and labels are the wrong way round.
    """
    said: tuple[str, ...] = ()
    if _is_folder(images) or _is_folder(labels):
        pairing = pair_files(images, labels)
        said = tuple(pairing.summary()[1:])
        images, labels = [list(side) for side in zip(*pairing.pairs, strict=True)]
    several = isinstance(images, (list, tuple))
    if several != isinstance(labels, (list, tuple)):
        raise InputError(
            "There must be as many label images as images.", "Give a list of each, or one of each."
        )
    pairs = list(zip(images, labels, strict=False)) if several else [(images, labels)]
    if several and (len(images) != len(labels) or not pairs):
        raise InputError(
            f"There are {len(images)} images and {len(labels)} label images.",
            "Give the labels of every image.",
        )
    files = [(Path(image), Path(label)) for image, label in pairs if is_path(image) and is_path(label)]
    check_direction(files, images="images", labels="labels")
    return tuple(_annotated(image, label, axes) for image, label in pairs), said


def find_annotation(
    images: Sequence[AnnotatedImage], kind: AnnotationKind | None, known: Annotation | None = None
) -> tuple[Annotation, str]:
    """Find out what the labels mean.

    Parameters
    ----------
    images : sequence of AnnotatedImage
        All of them; the kind is one for all.
    kind : {"scribbles", "masks", "objects"}, optional
        Inferred if not given.
    known : Annotation, optional
        Of the model that is trained further: its classes are kept where they hold every value of the labels,
        and its names and colours for every value it knows.

    Returns
    -------
    Annotation
        Kind and classes.
    str
        Why this kind, empty if it was given.

    Raises
    ------
    AmbiguousAnnotationError
        If the kind is not given and not clear.
    AnnotationError
        If nothing is labelled.
    """
    reason = ""
    summaries = [summarize_labels(image.labels) for image in images]
    if kind is None:
        guess = infer_kind(summaries)
        kind, reason = guess.kind, guess.reason
        if kind is None:
            raise AmbiguousAnnotationError(reason, "Pass labels_are='scribbles', 'masks' or 'objects'.")
    values = sorted({int(value) for summary in summaries for value in summary.values})
    found = default_annotation(kind, values)
    return (found if known is None else _like(found, known)), reason


def _like(found: Annotation, known: Annotation) -> Annotation:
    if set(found.values) <= set(known.values) and not (found.kind == "scribbles" and 0 in known.values):
        return Annotation(kind=found.kind, classes=known.classes)
    styles: dict[int, LabelClass] = {c.value: c for c in known.classes}
    return Annotation(kind=found.kind, classes=tuple(styles.get(c.value, c) for c in found.classes))


def _annotated(image: ImageSource, labels: LabelSource, axes: str | None) -> AnnotatedImage:
    annotation = as_labels(labels)
    picture = as_image(image, axes)
    wanted = tuple(annotation.shape)
    if axes is None and not isinstance(image, Image) and picture.label_shape != wanted:
        # The one axis that the labels lack holds the channels: colour comes last, other channels before YX.
        shape = picture.channels[0].shape
        n = len(shape)
        positions = [p for p in (n - 1, n - 3, *range(n - 3)) if (*shape[:p], *shape[p + 1 :]) == wanted]
        picture = _with_channels_at(picture, positions)
    return AnnotatedImage(picture, annotation)


def _array(source: Any) -> ArrayLike:
    if hasattr(source, "detach"):  # a torch tensor, whose types are not NumPy's
        source = source.detach().cpu()
        source = (source.float() if source.is_floating_point() else source).numpy()
    array = source if isinstance(source, ArrayLike) else np.asarray(source)
    if len(array.shape) < 2:
        raise InputError(f"An image needs at least two dimensions; this has the shape {tuple(array.shape)}.")
    return array


def _looks_like_colour(shape: Sequence[int]) -> bool:
    """Whether the last axis holds red, green, blue and perhaps opacity: no plane is so narrow."""
    return len(shape) > 2 and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4


def _with_channels_at(image: Image, positions: Sequence[int]) -> Image:
    """Read the image with its channels at the first of these dimensions, or as it is if there is none."""
    if not positions:
        return image
    letters = default_axes(len(image.channels[0].shape) - 1)
    return Image(image.name, image.channels, letters[: positions[0]] + "C" + letters[positions[0] :])


def _is_folder(source: Any) -> bool:
    return (
        isinstance(source, (str, Path)) and Path(source).is_dir() and Path(source).suffix.lower() != ".zarr"
    )

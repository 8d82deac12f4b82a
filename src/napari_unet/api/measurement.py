"""Objects measured from scripts and the command line. Free of torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.api.inputs import as_image, as_labels
from napari_unet.axes import default_axes
from napari_unet.errors import InputError
from napari_unet.images import AnnotatedImage, ArrayLike, Image, image_paths, pair_files
from napari_unet.objects.measurement import measure as measure_labels
from napari_unet.objects.table import ObjectTable
from napari_unet.scores.reading import is_volume, number_components, whole_numbers

FEW_VALUES = 20
"""Masks have no more classes than that; labels of more values are not searched for pieces."""

LARGEST_LOOKED_AT = 1 << 25
"""Pixels of a plane, or voxels of a volume, that is searched for pieces at most: a few seconds."""

MASKS = (
    "The labels look like masks: few values in many pieces, each value measured as one object. If each connected piece "
    "is an object, measure the components: --components (components=True in Python)."
)

Notice = Callable[[str], None]
"""Gets a sentence where there is something to know."""


def measure(
    labels: Any,
    image: Any = None,
    *,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    unit: str = "",
    channel_names: Sequence[str] | None = None,
    components: bool = False,
    volume: bool | None = None,
    notice: Notice | None = None,
) -> ObjectTable:
    """Measure every object of a label image: size, place, shape, and intensity where there is an image.

    Parameters
    ----------
    labels : array or Path
        0 and below is background, every other value an object.
    image : array, Path or Image, or mapping of str to these, optional
        Whose intensities to measure. Of a mapping every image is a channel of that name:
        ``{"DAPI": "dapi.tif", "GFP": "gfp.tif"}``.
    axes : str, optional
        A letter per dimension of the labels, ``TYX`` for example; by default those of the image, else ``ZYX`` for three
        and ``TZYX`` for four. Along all but ``Z``, ``Y`` and ``X``, every position is measured for itself.
    scale : sequence of float, optional
        Size of a pixel along each axis of the labels, or along the last ones only. By default 1.
    unit : str
        Of the scale, ``"µm"`` for example.
    channel_names : sequence of str, optional
        One for each channel of the image.
    components : bool
        Whether each connected piece of equal value is an object: measures the objects of masks. Pieces are connected
        along the axes, not across corners, and numbered from 1 in each volume or slice.
    volume : bool, optional
        Whether objects go through the slices along ``Z``; if not, every slice is measured for itself. By default they
        do if at least 85 % of what is labelled in both of two neighbouring slices holds the same number in both.
    notice : callable, optional
        Gets a sentence where labels look like masks and are measured as objects; by default it is a Python warning.

    Returns
    -------
    ObjectTable
        A row per object (per frame); ``table["area"]`` is a column, ``table.to_csv()`` text, ``table.to_features()``
        a DataFrame. The columns are those of :func:`napari_unet.objects.measurement.measure`.

    Raises
    ------
    ShapeMismatchError
        If image and labels do not cover the same pixels, or names or sizes do not fit.
    InputError
        If something is no image or no label image.

    Examples
    --------
    >>> table = measure([[1, 1, 0], [0, 0, 7]], scale=(0.5, 0.5), unit="µm")
    >>> table["label"].tolist(), table["area"].tolist(), table.units["area"]
    ([1, 7], [0.5, 0.25], 'µm²')
    """
    array = whole_numbers(as_labels(labels), "labels")
    shape = tuple(array.shape)
    picture = _pictures(image, shape, axes)
    if axes is None:
        pictures = picture if isinstance(picture, tuple) else [picture] if picture is not None else []
        fitting = [one.label_axes for one in pictures if len(one.label_axes) == len(shape)]
        axes = fitting[0] if fitting else default_axes(len(shape))
    if scale is not None and len(scale) < len(shape):
        scale = (*[1.0] * (len(shape) - len(scale)), *scale)
    volume = axes.upper().endswith("ZYX") and (is_volume(array) if volume is None else volume)
    if components:
        array = number_components(array, volume=volume)
    table = measure_labels(array, picture, axes, scale, unit, channel_names, volume=volume)
    if not components and look_like_masks(array, table):
        if notice is None:
            warnings.warn(MASKS, stacklevel=2)
        else:
            notice(MASKS)
    return table


def look_like_masks(labels: ArrayLike, table: ObjectTable) -> bool:
    """Whether labels that were measured hold few values, each in many pieces, as told of labels to learn from.

    Parameters
    ----------
    labels : ArrayLike of int
        Up to four of their planes or volumes are read.
    table : ObjectTable
        What was measured of them.
    """
    ndim, shape = len(table.axes), tuple(labels.shape)
    values = np.unique(table["label"])
    if not 0 < len(values) <= FEW_VALUES or prod(shape[-ndim:]) > LARGEST_LOOKED_AT:
        return False
    if values[-1] > np.iinfo(np.int64).max:  # no class has such a number
        return False
    from napari_unet.training.pieces import number_pieces  # slow to import; free of torch

    annotated = AnnotatedImage(Image("labels", (labels,), default_axes(len(shape))), labels)
    (read,), _ = number_pieces([annotated], ndim)
    return read is not annotated


def measure_files(
    labels: Path | str | Sequence[Path | str],
    images: Path | str | Sequence[Path | str] | Mapping[str, Any] | None = None,
    *,
    notice: Notice | None = None,
    **options: Any,
) -> Iterator[tuple[Path, ObjectTable]]:
    """Measure the objects of many label images, one after the other.

    Parameters
    ----------
    labels : Path, or list of Path
        A folder, a file or several files.
    images : Path, list of Path, or mapping of str to these, optional
        The images, likewise; they belong to the labels of the same name without its ending. Several folders hold a
        channel each, named after its folder, as those of a mapping are after its keys.
    notice : callable, optional
        As for :func:`measure`; the sentence begins with the file's name.
    **options
        As for :func:`measure`.

    Yields
    ------
    Path
        Of the label image.
    ObjectTable
        Its objects.

    Raises
    ------
    InputError
        Before anything is measured if labels are without an image; else as for :func:`measure`, with the file's name.
    """

    def say(text: str) -> None:
        if notice is None:
            warnings.warn(text, stacklevel=3)
        else:
            notice(text)

    for label, image in _paired(labels, images):
        try:
            table = measure(label, image, notice=lambda text, at=label: say(f"{at.name}: {text}"), **options)  # type: ignore[misc]
        except InputError as error:
            raise type(error)(f"{label.name}: {error.problem}", error.remedy) from error
        yield label, table


def _paired(labels: Any, images: Any) -> list[tuple[Path, Any]]:
    """Label images, and the image of each: a path, or a path for each channel by its name."""
    if images is None:
        return [(path, None) for path in image_paths(labels)]
    channels = images if isinstance(images, Mapping) else _channel_folders(images)
    if channels is None:
        return list(_images_of_labels(labels, images, "image").items())
    found = {name: _images_of_labels(labels, source, f"{name} image") for name, source in channels.items()}
    first = next(iter(found.values()))
    return [(label, {name: paths[label] for name, paths in found.items()}) for label in first]


def _channel_folders(images: Any) -> dict[str, Path] | None:
    """Several folders by their names, None if these are no such."""
    folders = [] if isinstance(images, (str, Path)) else [Path(path) for path in images]
    if len(folders) < 2 or not all(path.is_dir() and path.suffix.lower() != ".zarr" for path in folders):
        return None
    named = {path.resolve().name: path for path in folders}
    if len(named) < len(folders):
        raise InputError(
            "Several folders of images hold a channel each, but some are called the same.",
            "Give each folder the name of its channel; measure images of other labels for themselves.",
        )
    return named


def _images_of_labels(labels: Any, images: Any, what: str) -> dict[Path, Path]:
    pairing = pair_files(images, labels)
    if pairing.unpaired_labels:
        names = ", ".join(path.name for path in pairing.unpaired_labels)
        raise InputError(f"No {what} belongs to {names}.", "Add the images, or measure without any.")
    return {label: image for image, label in pairing.pairs}


def _pictures(source: Any, shape: tuple[int, ...], axes: str | None) -> Image | tuple[Image, ...] | None:
    """The image of labels of this shape; those of a mapping are called after its keys."""
    if isinstance(source, Mapping):
        return tuple(replace(_image(one, shape, axes), name=name) for name, one in source.items())
    return None if source is None else _image(source, shape, axes)


def _image(source: Any, shape: tuple[int, ...], axes: str | None) -> Image:
    """The image of labels of this shape: a further axis holds the channels, colour last, else before ``YX``."""
    if isinstance(source, Image):
        return source
    picture = as_image(source)
    found = tuple(picture.channels[0].shape)
    if "C" not in picture.axes and len(found) == len(shape) + 1:
        places = [p for p in (len(found) - 1, len(found) - 3, *range(len(found) - 3)) if p >= 0]
        at = next((p for p in places if (*found[:p], *found[p + 1 :]) == shape), None)
        if at is not None:
            letters = axes or picture.axes[1:]
            return Image(picture.name, picture.channels, letters[:at] + "C" + letters[at:])
    if axes is not None and len(axes) == len(found):
        return Image(picture.name, picture.channels, axes)
    if axes is not None and "C" in picture.axes and len(axes) == len(found) - 1:
        at = picture.axes.index("C")
        return Image(picture.name, picture.channels, axes[:at] + "C" + axes[at:])
    return picture

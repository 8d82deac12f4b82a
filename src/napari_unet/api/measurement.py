"""Objects measured from scripts and the command line. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_unet.api.inputs import as_image, as_labels
from napari_unet.errors import InputError
from napari_unet.images import Image, Pairing, image_paths, pair_files
from napari_unet.objects.measurement import measure as measure_labels
from napari_unet.objects.table import ObjectTable
from napari_unet.scores.reading import is_volume, whole_numbers


def measure(
    labels: Any,
    image: Any = None,
    *,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    unit: str = "",
    channel_names: Sequence[str] | None = None,
    volume: bool | None = None,
) -> ObjectTable:
    """Measure every object of a label image: size, place, shape, and intensity where there is an image.

    Parameters
    ----------
    labels : array or Path
        0 and below is background, every other value an object.
    image : array, Path or Image, optional
        Whose intensities to measure.
    axes : str, optional
        A letter per dimension of the labels, ``TYX`` for example; by default those of the image, else ``ZYX`` for three
        and ``TZYX`` for four. Along all but ``Z``, ``Y`` and ``X``, every position is measured for itself.
    scale : sequence of float, optional
        Size of a pixel along each axis of the labels, or along the last ones only. By default 1.
    unit : str
        Of the scale, ``"µm"`` for example.
    channel_names : sequence of str, optional
        One for each channel of the image.
    volume : bool, optional
        Whether objects go through the slices along ``Z``; if not, every slice is measured for itself. By default they
        do if at least 85 % of what is labelled in both of two neighbouring slices holds the same number in both.

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
    n = len(array.shape)
    picture = None if image is None else _image(image, tuple(array.shape), axes)
    if axes is None and picture is not None and len(picture.label_axes) == n:
        axes = picture.label_axes
    if scale is not None and len(scale) < n:
        scale = (*[1.0] * (n - len(scale)), *scale)
    letters = "ZYX" if axes is None else axes.upper()
    if volume is None:
        volume = letters.endswith("ZYX") and is_volume(array)
    return measure_labels(array, picture, axes, scale, unit, channel_names, volume=volume)


def measure_files(
    labels: Path | str | Sequence[Path | str],
    images: Path | str | Sequence[Path | str] | None = None,
    **options: Any,
) -> Iterator[tuple[Path, ObjectTable]]:
    """Measure the objects of many label images, one after the other.

    Parameters
    ----------
    labels : Path, or list of Path
        A folder, a file or several files.
    images : Path, or list of Path, optional
        The images, likewise; they belong to the labels of the same name without its ending.
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
    pairs: list[tuple[Path | None, Path]]
    if images is None:
        pairs = [(None, path) for path in image_paths(labels)]
    else:
        pairing: Pairing = pair_files(images, labels)
        if pairing.unpaired_labels:
            names = ", ".join(path.name for path in pairing.unpaired_labels)
            raise InputError(f"No image belongs to {names}.", "Add the images, or measure without any.")
        pairs = [(image, label) for image, label in pairing.pairs]
    for image, label in pairs:
        try:
            table = measure(label, image, **options)
        except InputError as error:
            raise type(error)(f"{label.name}: {error.problem}", error.remedy) from error
        yield label, table


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

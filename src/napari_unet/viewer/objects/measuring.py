"""What the box "Measure" does with layers: measure them, and keep what was found in ``Labels.features``."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_unet.errors import InputError, UNetError
from napari_unet.images import Image
from napari_unet.objects.measurement import measure_steps
from napari_unet.objects.table import ObjectTable
from napari_unet.scores.reading import is_volume
from napari_unet.viewer.layers import image_from_layers, layer_axes
from napari_unet.viewer.score.choice import pixels

if TYPE_CHECKING:
    import napari


def fits(image: ImageLayer, labels: Labels) -> bool:
    """Whether an image layer covers the pixels of the labels."""
    try:
        return bool(image_from_layers([image]).label_shape == tuple(pixels(labels).shape))
    except UNetError:
        return False


def measured_axes(labels: Labels, images: Sequence[ImageLayer]) -> str:
    """A letter per dimension of the labels: as the first image says, where it covers the same pixels."""
    fitting = [image for image in images[:1] if fits(image, labels)]
    return image_from_layers(fitting).label_axes if fitting else layer_axes(labels)


def measuring(
    labels: Labels, images: Sequence[ImageLayer] = (), volume: bool | None = None
) -> Generator[float, None, ObjectTable]:
    """Steps of measuring a layer, to be run off the GUI thread; what is needed of the layers is read at once.

    Parameters
    ----------
    labels : Labels
        Whose objects.
    images : sequence of Image layers
        Whose intensities, each a channel named after its layer, or several.
    volume : bool, optional
        Whether objects go through the slices of a stack; found from the labels unless given.

    Raises
    ------
    UNetError
        If the layers do not fit each other.
    """
    data, axes = pixels(labels), measured_axes(labels, images)
    if np.dtype(data.dtype).kind not in "biu":
        raise InputError(f"{labels.name} holds {data.dtype} values.", "Labels must be whole numbers.")
    intensities = tuple(image_from_layers([image]) for image in images)
    names = _channel_names(images, intensities)
    scale, unit = layer_scale(labels)

    def steps() -> Generator[float, None, ObjectTable]:
        yield 0.0
        through = axes.endswith("ZYX") and (is_volume(data) if volume is None else volume)
        return (yield from measure_steps(data, intensities, axes, scale, unit, names, volume=through))

    return steps()


def _channel_names(layers: Sequence[ImageLayer], images: Sequence[Image]) -> list[str]:
    """The layer's name, where it has several channels theirs, and where there are other layers too, both."""
    names = []
    for layer, image in zip(layers, images, strict=True):
        n = image.n_channels
        own = ["red", "green", "blue"] if layer.rgb else [f"channel_{i}" for i in range(1, n + 1)]
        if n == 1:
            names.append(layer.name)
        else:
            names += own if len(layers) == 1 else [f"{layer.name}_{name}" for name in own]
    return names


def layer_scale(layer: Labels) -> tuple[tuple[float, ...], str]:
    """Size of a pixel along each axis and its unit; lengths in several units are converted to that of X."""
    scale = [float(abs(size)) for size in layer.scale]
    units = list(layer.units)
    if str(units[-1]) == "pixel":
        return tuple(scale), ""
    for axis, unit in enumerate(units[:-1]):
        if unit != units[-1] and unit.is_compatible_with(units[-1]):
            scale[axis] *= float((1 * unit).to(units[-1]).magnitude)
    return tuple(scale), f"{units[-1]:~P}"


def shown_position(viewer: napari.Viewer, layer: Labels, n_leading: int) -> tuple[int, ...]:
    """Where the viewer's sliders stand, along the leading axes of a layer."""
    point = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    ends = np.array(pixels(layer).shape) - 1
    return tuple(int(np.clip(round(point[axis]), 0, ends[axis])) for axis in range(n_leading))


def place(table: ObjectTable, row: int) -> tuple[float, ...]:
    """Centroid of an object in pixels along all axes of its layer; along Z in a slice, not between two."""
    leading = [float(table[name][row]) for name in table.positions]
    *depth, y, x = (float(table[f"{letter.lower()}_pixels"][row]) for letter in table.axes)
    return (*leading, *(float(round(z)) for z in depth), y, x)


def keep_features(layer: Labels, table: ObjectTable, ours: Sequence[str]) -> None:
    """Put measurements into the layer's features; columns of others stay, those named in ``ours`` are replaced.

    Parameters
    ----------
    table : ObjectTable
        Of one frame.
    """
    found = table.to_features()
    theirs = layer.features.copy()
    if len(theirs.columns) and "index" not in theirs.columns:
        theirs.insert(0, "index", range(len(theirs)))  # what napari takes them for
    replaced = [name for name in (*ours, *found.columns) if name != "index"]
    theirs = theirs.drop(columns=[name for name in replaced if name in theirs.columns])
    if len(theirs.columns) > 1:
        if found["index"].dtype == np.uint64:  # together with signed numbers they would become floats
            found = found.astype({"index": object})
        found = theirs.merge(found, on="index", how="outer")
    layer.features = found


def colorable(table: ObjectTable) -> list[str]:
    """Columns by which objects may be coloured."""
    return [
        name
        for name, values in table.columns.items()
        if name not in ("label", *table.positions)
        and not name.endswith(("_start", "_stop", "_pixels"))
        and values.dtype.kind in "biuf"
    ]


def row_count(table: ObjectTable) -> str:
    """How many objects there are, in words."""
    n = len(table)
    if not table.positions:
        return f"{n:,} object{'s' * (n != 1)}"
    where = " and ".join(table.positions)
    return f"{n:,} row{'s' * (n != 1)}, one per object and {where}"

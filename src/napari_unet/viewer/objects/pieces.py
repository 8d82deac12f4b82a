"""Masks among the layers that are measured: noticed, and their connected pieces numbered in a layer of their own."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unet.images.image import ArrayLike
from napari_unet.objects.table import ObjectTable
from napari_unet.scores.reading import image_positions, number_components
from napari_unet.viewer.layers import METADATA, unique_name
from napari_unet.viewer.objects.editable import check_room
from napari_unet.viewer.score.choice import pixels
from napari_unet.viewer.score.error_layer import PLACEMENT

if TYPE_CHECKING:
    import napari

NUMBER_PIECES = "Number its pieces in a new layer"


def looking(labels: ArrayLike, table: ObjectTable) -> Generator[float, None, bool]:
    """Find out, off the GUI thread, whether labels that were measured are a mask."""
    from napari_unet.api.measurement import look_like_masks

    yield 0.0
    return look_like_masks(labels, table)


def advice(name: str, table: ObjectTable) -> str:
    """What to say of a mask that was measured."""
    n = len(np.unique(table["label"]))
    values = "one value in many pieces," if n == 1 else f"{n} values in many pieces, each"
    return f"{name} looks like a mask: {values} measured as one object."


def numbering(layer: Labels, volume: bool) -> Generator[float, None, NDArray[np.int32]]:
    """Number the connected pieces of a layer, volume by volume or slice by slice, in steps of the fraction done.

    Raises
    ------
    InputError
        If there is no room for them.
    """
    data = pixels(layer)
    shape = tuple(data.shape)
    check_room(layer, np.dtype(np.int32))
    numbered = np.empty(shape, np.int32)
    positions = list(np.ndindex(*image_positions(shape, volume=volume)))
    for done, position in enumerate(positions):
        yield done / len(positions)
        numbered[position] = number_components(data[position], volume=volume)
    return numbered


def add_pieces(viewer: napari.Viewer, layer: Labels, numbers: NDArray[np.int32]) -> Labels:
    """Add numbered pieces where their mask is, which is hidden and otherwise left as it is."""
    known = layer.metadata.get(METADATA, {})
    kept = {key: known[key] for key in ("axes", "record") if key in known}  # not what its values mean
    pieces = Labels(
        numbers,
        name=unique_name(viewer, f"{layer.name} pieces"),
        opacity=layer.opacity,
        metadata={METADATA: kept} if kept else {},
        **{key: getattr(layer, key) for key in PLACEMENT},
    )
    viewer.add_layer(pieces)
    layer.visible = False
    return pieces

"""What is held out for validation, drawn in the viewer where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.viewer.layers import METADATA, selection_kept, unique_name, without_proxy
from napari_unet.viewer.results import placement

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

REGIONS_NAME = "Held out for validation"

_COLOR = "#ff4fd8"
"""Not one of the class colours, and rare in images."""
_MOST_RECTANGLES = 2000


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a label image lies in the viewer: kept from the start of a run, the layer may go."""

    shape: tuple[int, ...]
    keywords: dict[str, Any]

    @classmethod
    def of(cls, image_layer: ImageLayer, label_shape: Sequence[int], level: int = 0) -> Placement:
        """Where the labels of ``image_layer``, or of a level of it, lie now."""
        return cls(shape=tuple(label_shape), keywords=placement(image_layer, level=level))


def rectangles(boxes: Sequence[Box]) -> list[NDArray[np.float64]]:
    """Corners of the outline of every box, one rectangle per slice it covers.

    Parameters
    ----------
    boxes : sequence of Box
        Regions of one label image.

    Returns
    -------
    list of ndarray of float64, shape (4, n_dimensions)
        In pixels; an outline runs around the pixels, half a pixel outside their centres.
    """
    found: list[NDArray[np.float64]] = []
    for box in boxes:
        *leading, (top, bottom), (left, right) = box
        corners = np.array(
            [(top, left), (top, right), (bottom, right), (bottom, left)], dtype=np.float64
        ) - 0.5  # fmt: skip
        for position in product(*(range(start, stop) for start, stop in leading)):
            if len(found) == _MOST_RECTANGLES:
                return found
            found.append(np.column_stack([np.full((4, len(position)), position), corners]))
    return found


def show_regions(
    viewer: napari.Viewer,
    placements: Sequence[Placement | None],
    regions: Sequence[Sequence[Box]],
) -> list[Layer]:
    """Add one locked outline layer per image that has held-out regions.

    The selected layer stays selected, so that a person who is painting goes on painting.
    """
    added: list[Layer] = []
    for where, boxes in zip(placements, regions, strict=False):
        if where is None or not boxes:
            continue
        outlines = rectangles(boxes)
        layer = Shapes(
            outlines,
            shape_type="rectangle",
            name=unique_name(viewer, REGIONS_NAME),
            face_color="transparent",
            edge_color=_COLOR,
            edge_width=max(1.0, min(where.shape[-2:]) / 200),
            opacity=1.0,
            metadata={METADATA: {"held_out": True}},
            **where.keywords,
        )
        with selection_kept(viewer):
            viewer.add_layer(layer)
        layer.editable = False  # only now: adding a layer makes it editable
        added.append(layer)
    return added


def remove_regions(viewer: napari.Viewer, layers: Sequence[Layer]) -> None:
    """Take ``layers`` out of the viewer; those the user removed already are no matter."""
    present = {id(without_proxy(layer)): layer for layer in list(viewer.layers)}
    for layer in layers:
        if id(without_proxy(layer)) in present:
            viewer.layers.remove(present[id(without_proxy(layer))])

"""What a press on Segment would do: checked before, said in a line, and turned into a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from napari.layers import Image as ImageLayer

from napari_unet.axes import spatial_letters
from napari_unet.errors import InputError
from napari_unet.events import Box
from napari_unet.images.image import Image
from napari_unet.models.record import ModelRecord
from napari_unet.requests import PredictionRequest
from napari_unet.settings import PredictSettings
from napari_unet.viewer.layers import image_from_layers

Scope = Literal["slice", "layer", "selected"]


@dataclass(frozen=True, eq=False)
class SegmentPlan:
    """What will be segmented.

    Attributes
    ----------
    images : tuple of Image
        In the order of the request.
    anchors : tuple of Image layer
        Per image the layer whose place in space its result takes.
    regions : tuple of (Box or None)
        Per image the part to segment; None for all of it.
    summary : str
        All of this as a sentence.
    centres : tuple of (tuple of float), optional
        Per image where the user looks, in pixels: that is segmented first.
    """

    images: tuple[Image, ...]
    anchors: tuple[ImageLayer, ...]
    regions: tuple[Box | None, ...]
    summary: str
    centres: tuple[tuple[float, ...], ...] | None = None

    def request(self, model: Path, settings: PredictSettings) -> PredictionRequest:
        """The request that does it."""
        return PredictionRequest(model, self.images, settings, self.regions, self.centres)


def plan_segmentation(
    record: ModelRecord,
    sources: Sequence[Sequence[ImageLayer]],
    scope: Scope,
    point: Sequence[float],
    view: Sequence[float] | None = None,
) -> SegmentPlan:
    """Check that the model fits the images, and say what will be done.

    Parameters
    ----------
    record : ModelRecord
        What the model was made for.
    sources : sequence of sequences of Image layers
        Per image its layer, or the layers that are its channels.
    scope : {"slice", "layer", "selected"}
        Whether to take only the slice at ``point``.
    point : sequence of float
        Where the viewer's sliders stand, in world coordinates.
    view : sequence of float, optional
        The middle of what is seen, in world coordinates.

    Raises
    ------
    InputError
        Saying what is missing or does not fit.
    """
    if not sources or not sources[0]:
        if scope == "selected":
            raise InputError("No image layer is selected.", "Select one or more in the layer list.")
        raise InputError("There is no image layer.", "Open an image.")
    images = tuple(image_from_layers(layers) for layers in sources)
    for image in images:
        _check(image, record)
    regions = tuple(
        slice_box(layers[0], image, point, record.network.ndim) if scope == "slice" else None
        for layers, image in zip(sources, images, strict=True)
    )
    anchors = tuple(layers[0] for layers in sources)
    centres = None
    if view is not None:
        centres = tuple(_position(a, i, view) for a, i in zip(anchors, images, strict=True))
    return SegmentPlan(images, anchors, regions, _summary(images, regions, record), centres)


def slice_box(layer: ImageLayer, image: Image, point: Sequence[float], ndim: int) -> Box | None:
    """Bounds of the slice (a volume for a 3D network) at ``point``; None if the image is no more than that.

    Raises
    ------
    InputError
        If the viewer's sliders stand outside the image.
    """
    shape = image.label_shape
    leading = len(shape) - ndim
    if leading == 0:
        return None
    where = [round(p) for p in _position(layer, image, point)[:leading]]
    if not all(0 <= p < size for p, size in zip(where, shape, strict=False)):
        raise InputError(f"The current slice lies outside {image.name}.", "Move the sliders to the image.")
    return (*((p, p + 1) for p in where), *((0, size) for size in shape[leading:]))


def _position(layer: ImageLayer, image: Image, point: Sequence[float]) -> tuple[float, ...]:
    """A point in world coordinates, in pixels along the image's label axes."""
    position = np.asarray(layer.world_to_data(point))[-layer.ndim :]
    letters = image.axes if not layer.rgb else image.axes.replace("C", "")
    return tuple(float(p) for p, letter in zip(position, letters, strict=True) if letter != "C")


def _check(image: Image, record: ModelRecord) -> None:
    wanted = record.network.n_channels
    if image.n_channels != wanted:
        raise InputError(
            f"{image.name} has {_count(image.n_channels, 'channel')} (axes {image.axes}), the model was "
            f"trained on {wanted}.",
            "Choose another image, name the layers of its channels, or correct the axes.",
        )
    spatial = spatial_letters(record.network.ndim)
    if not image.label_axes.endswith(spatial):
        raise InputError(
            f"The model is made for volumes, but {image.name} has the axes {image.axes}.",
            "Choose a stack with the axes ZYX, or correct the axes.",
        )


def _summary(images: Sequence[Image], regions: Sequence[Box | None], record: ModelRecord) -> str:
    parts = []
    for image, region in zip(images, regions, strict=True):
        shape = image.label_shape if region is None else tuple(stop - start for start, stop in region)
        leading = shape[: len(shape) - record.network.ndim]
        size = " × ".join(str(n) for n in shape[len(leading) :])
        slices = int(np.prod(leading, dtype=np.int64))
        what = "slice" if record.network.ndim == 2 else "volume"
        parts.append(
            f"{image.name} ({_count(slices, what)} of {size})" if leading else f"{image.name} ({size})"
        )
    shown = ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")
    if record.annotation.kind == "objects":
        return f"Will find the objects of {shown}."
    return f"Will segment {shown} into {_count(len(record.annotation.classes), 'class', 'classes')}."


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def run_record(
    plan: SegmentPlan, index: int, model: Path, record: ModelRecord, started: str
) -> dict[str, Any]:
    """Where a result came from, kept in its layer's metadata; JSON types only."""
    region = plan.regions[index]
    return {
        "model": str(model),
        "model_name": record.name or model.stem,
        "image": plan.images[index].name,
        "trained_on": list(record.images),
        "region": [list(side) for side in region] if region is not None else None,
        "started": started,
    }

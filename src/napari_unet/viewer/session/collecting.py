"""What of the viewer belongs to a session, as its record; nothing is read, nothing copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import napari_unet
from napari_unet.errors import UNetError
from napari_unet.images import Image
from napari_unet.sessions import AnnotationRecord, ImageRecord, PairRecord, Placement, Session, ViewRecord
from napari_unet.viewer.layers import METADATA, annotation_of, image_from_layers, without_proxy

if TYPE_CHECKING:
    from napari_unet.viewer.train.pairs import LayerPair


@dataclass(frozen=True)
class Chosen:
    """What is chosen in a dock: pairs of layers, settings, the model to start from."""

    pairs: tuple[LayerPair, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    start_from: Path | None = None


@dataclass(frozen=True)
class Collected:
    """A session's record, and the layers that are its ``images`` and ``annotations``, in the same order."""

    session: Session
    images: tuple[Any, ...]
    annotations: tuple[Any, ...]


def collect(viewer: Any, chosen: Chosen, annotations: Sequence[Any], files: Sequence[str]) -> Collected:
    """Return the record of a session: these labels layers, their images, what is chosen, and the view.

    Parameters
    ----------
    viewer : Viewer
        Whose layers they are.
    chosen : Chosen
        Which belong together, and how they are learnt from.
    annotations : sequence of Labels
        What was painted.
    files : sequence of str
        The file of strokes of each.
    """
    layers = [without_proxy(layer) for layer in annotations]
    images: list[Any] = []
    pairs = []
    for pair in chosen.pairs:
        labels = without_proxy(pair.labels)
        if not any(layer is labels for layer in layers):
            continue
        beneath = [without_proxy(image) for image in pair.images]
        images += [image for image in beneath if not any(image is other for other in images)]
        pairs.append(
            PairRecord(
                images=tuple(_place(images, image) for image in beneath), annotation=_place(layers, labels)
            )
        )
    order = {id(without_proxy(layer)): i for i, layer in enumerate(viewer.layers)}
    session = Session(
        version=napari_unet.__version__,
        images=tuple(image_record(layer, order.get(id(layer), 0)) for layer in images),
        annotations=tuple(
            annotation_record(layer, order.get(id(layer), len(order)), file)
            for layer, file in zip(layers, files, strict=True)
        ),
        pairs=tuple(pairs),
        start_from=str(chosen.start_from) if chosen.start_from is not None else None,
        settings=chosen.settings,
        view=view_record(viewer),
    )
    return Collected(session, tuple(images), tuple(layers))


def image_record(layer: Any, order: int) -> ImageRecord:
    """Everything about an image layer but its pixels and what they are recognised by."""
    return ImageRecord(
        **_common(layer, order),
        path=source_path(layer),
        reader=getattr(layer.source, "reader_plugin", None),
        rgb=bool(layer.rgb),
        contrast_limits=tuple(float(v) for v in layer.contrast_limits),
        gamma=float(layer.gamma),
        colormap=None if layer.rgb else str(layer.colormap.name),
    )


def annotation_record(layer: Any, order: int, file: str) -> AnnotationRecord:
    """Everything about a labels layer but its pixels, which are in ``file``."""
    return AnnotationRecord(
        **_common(layer, order),
        file=file,
        annotation=annotation_of(layer),
        kind_is_guessed=bool(layer.metadata.get(METADATA, {}).get("kind_is_guessed", False)),
        selected_label=int(layer.selected_label),
        brush_size=float(layer.brush_size),
    )


def view_record(viewer: Any) -> ViewRecord:
    """Where somebody looks."""
    camera, dims = camera_of(viewer), viewer.dims
    return ViewRecord(
        center=tuple(float(v) for v in camera.center),
        zoom=float(camera.zoom),
        angles=tuple(float(v) for v in camera.angles),
        n_displayed=int(dims.ndisplay),
        axis_order=tuple(int(v) for v in dims.order),
        step=tuple(int(v) for v in dims.current_step),
    )


def camera_of(viewer: Any) -> Any:
    """The camera, which napari keeps in the viewer's scene since 0.9."""
    return getattr(viewer, "scene", viewer).camera


def source_path(layer: Any) -> str | None:
    """The file a layer was opened from, ``None`` where there is none (any more)."""
    path = getattr(layer.source, "path", None)
    if not isinstance(path, str) or not path:
        return None
    try:
        return str(Path(path).absolute()) if Path(path).exists() else None
    except OSError:
        return None


def pixels(layer: Any) -> Any:
    """Data of a layer, of the finest level where there are several."""
    return layer.data[0] if layer.multiscale else layer.data


def recognisable(layer: Any) -> Image | None:
    """An image layer as what it is recognised by; ``None`` where it cannot be learnt from anyway."""
    try:
        return image_from_layers([layer])
    except UNetError:
        return None


def _place(layers: Sequence[Any], layer: Any) -> int:
    return next(i for i, other in enumerate(layers) if other is layer)


def _common(layer: Any, order: int) -> dict[str, Any]:
    return {
        "name": layer.name,
        "order": order,
        "shape": tuple(int(n) for n in pixels(layer).shape),
        "axes": layer.metadata.get(METADATA, {}).get("axes"),
        "placement": Placement(
            scale=_numbers(layer.scale),
            translate=_numbers(layer.translate),
            rotate=tuple(_numbers(row) for row in np.asarray(layer.rotate)),
            shear=_numbers(layer.shear),
            affine=tuple(_numbers(row) for row in np.asarray(layer.affine.affine_matrix)),
            units=tuple(str(unit) for unit in layer.units),
            axis_labels=tuple(layer.axis_labels),
        ),
        "opacity": float(layer.opacity),
        "visible": bool(layer.visible),
        "blending": str(layer.blending),
    }


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)

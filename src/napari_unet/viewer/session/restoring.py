"""A session's layers added to the viewer again: under names nothing has, and with a word on what is not as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer

from napari_unet.errors import SessionError
from napari_unet.sessions import (
    ImageRecord,
    LayerRecord,
    Session,
    ViewRecord,
    find_image,
    fingerprint,
    read_strokes,
)
from napari_unet.sessions.images import file_name
from napari_unet.sessions.record import inside
from napari_unet.viewer.layers import METADATA, set_annotation, unique_name, without_proxy
from napari_unet.viewer.session.collecting import camera_of, pixels, recognisable
from napari_unet.viewer.train.pairs import LayerPair

if TYPE_CHECKING:
    import napari

MAPPED = 512 << 20
"""Bytes from which on a copied image is not read as a whole."""

AskForFile = Callable[[ImageRecord], Path | None]
"""Asks where an image is now; ``None`` where nobody knows."""


@dataclass
class Restored:
    """What has come back.

    Attributes
    ----------
    pairs : list of LayerPair
        The layers, as they belonged together.
    annotations : list of Labels
        All that was painted, in a pair or not.
    model : Path or None
        The model to go on from.
    notices : list of str
        What is not as it was, as sentences.
    """

    pairs: list[LayerPair] = field(default_factory=list)
    annotations: list[LabelsLayer] = field(default_factory=list)
    model: Path | None = None
    notices: list[str] = field(default_factory=list)


def restore(viewer: napari.Viewer, folder: Path, session: Session, ask: AskForFile | None = None) -> Restored:
    """Add the layers of a session, and look where its user looked.

    Nothing that is in the viewer is changed. Images that are not there are left out, and their annotations come back
    all the same.

    Parameters
    ----------
    viewer : Viewer
        Where to.
    folder : Path
        The session.
    session : Session
        Its record.
    ask : callable, optional
        Asks for the file of an image that is not found.
    """
    restored = Restored()
    images = _open_images(viewer, folder, session, ask, restored.notices)
    layers: list[tuple[int, Layer]] = [
        (session.images[i].order, layer) for i, layer in images.items() if layer is not None
    ]
    annotations: dict[int, LabelsLayer] = {}
    for i, record in enumerate(session.annotations):
        try:
            labels, unread = read_strokes(inside(folder, record.file))
        except SessionError as error:
            restored.notices.append(f"The annotation {record.name} is lost: {error}")
            continue
        if unread:
            restored.notices.append(
                f"What was painted in {record.name} at the very last was not written to the end and is missing."
            )
        layer = LabelsLayer(labels[...], name=unique_name(viewer, record.name))
        _dress(layer, record)
        if record.annotation is not None:
            set_annotation(layer, record.annotation)
            layer.metadata[METADATA] = {
                **layer.metadata.get(METADATA, {}), "kind_is_guessed": record.kind_is_guessed,
            }  # fmt: skip
        layer.brush_size, layer.selected_label = record.brush_size, record.selected_label
        viewer.add_layer(layer)
        annotations[i] = layer
        layers.append((record.order, layer))
    _order(viewer, [layer for _, layer in sorted(layers, key=lambda each: each[0])])
    for pair in session.pairs:
        chosen = tuple(images[i] for i in pair.images if images.get(i) is not None)
        labels_layer = annotations.get(pair.annotation) if pair.annotation is not None else None
        if labels_layer is not None:
            restored.pairs.append(LayerPair(chosen if len(chosen) == len(pair.images) else (), labels_layer))
    restored.annotations = list(annotations.values())
    if not session.is_complete:
        restored.notices.append(
            "It ended before everything was on the disk: some of what was painted is missing."
        )
    restored.model = _model(folder, session, restored.notices)
    if session.view is not None:
        _look(viewer, session.view)
    if annotations:
        viewer.layers.selection.active = restored.pairs[0].labels if restored.pairs else annotations[0]
    return restored


# Images


def _open_images(
    viewer: Any, folder: Path, session: Session, ask: AskForFile | None, notices: list[str]
) -> dict[int, ImageLayer | None]:
    """Image layers by their place in the session; those of one file are opened together."""
    found: dict[int, ImageLayer | None] = {}
    opened: dict[Path, list[ImageLayer]] = {}
    told: list[Path] = []
    for i, record in enumerate(session.images):
        path = find_image(folder, record)
        if path is None and record.path is not None:
            moved = [to / file_name(record.path) for to in told]  # what was beside it may have moved with it
            path = next((each for each in moved if each.exists()), None)
            if path is None and ask is not None and (path := ask(record)) is not None:
                told.append(path.parent)
        if path is None:
            notices.append(_lost(record))
            found[i] = None
            continue
        if path not in opened:
            try:
                opened[path] = _read(viewer, path, record)
            except Exception as error:  # noqa: BLE001 - readers are other people's plugins
                notices.append(
                    f"{path} could not be opened: {error}. Its annotation is here; open the image yourself."
                )
                opened[path] = []
        layer = _matching(opened[path], record)
        found[i] = layer
        if layer is None:
            if opened[path]:
                notices.append(
                    f"{path} has another shape than when {record.name} was painted on: "
                    "is it the same image? Its annotation is here."
                )
            continue
        opened[path].remove(layer)
        layer.name = layer.name if layer.name == record.name else unique_name(viewer, record.name)
        _dress_image(layer, record)
        if record.fingerprint is not None and fingerprint(recognisable(layer)) != record.fingerprint:
            notices.append(f"{path.name} has changed since it was painted on: its pixels are others now.")
    for rest in opened.values():
        for layer in rest:  # more that was in a file, and not in the session
            viewer.layers.remove(layer)
    return found


def _read(viewer: Any, path: Path, record: ImageRecord) -> list[ImageLayer]:
    """Open a file, as it was opened before where that reader is here too."""
    if record.reader is None and path.suffix == ".npy":  # a copy of what was in no file
        is_large = path.stat().st_size > MAPPED
        data = np.load(path, mmap_mode="r" if is_large else None, allow_pickle=False)
        added = [ImageLayer(data, rgb=record.rgb, name=unique_name(viewer, record.name))]
        viewer.add_layer(added[0])
        return added
    before = {id(without_proxy(layer)) for layer in viewer.layers}
    try:
        viewer.open(str(path), plugin=record.reader or "napari")
    except Exception:  # noqa: BLE001 - that reader is not here, or failed: napari's own is
        viewer.open(str(path), plugin="napari")
    added = [without_proxy(la) for la in viewer.layers if id(without_proxy(la)) not in before]
    images = [layer for layer in added if isinstance(layer, ImageLayer)]
    for layer in added:
        if not isinstance(layer, ImageLayer):
            viewer.layers.remove(layer)
    return images


def _matching(layers: list[ImageLayer], record: ImageRecord) -> ImageLayer | None:
    """The layer that the record is about, by name where several have its shape."""
    same = [la for la in layers if tuple(pixels(la).shape) == record.shape and bool(la.rgb) == record.rgb]
    return next((la for la in same if la.name == record.name), same[0] if same else None)


def _lost(record: ImageRecord) -> str:
    if record.path is not None:
        return (
            f"The image {record.name} was not found at {record.path}. Its annotation is here: open the image, "
            "and choose it beside its labels."
        )
    return f"The image {record.name} was in no file and too large to be copied: it is lost. Its annotation is here."


# What layers look like, and from where


def _dress(layer: Layer, record: LayerRecord) -> None:
    """Put a layer where it was, and make it look as it did."""
    place = record.placement
    if len(place.scale) == layer.ndim:
        layer.scale, layer.translate = place.scale, place.translate
        layer.rotate, layer.shear = np.array(place.rotate), np.array(place.shear)
        layer.affine = np.array(place.affine)
        if place.units:
            layer.units = place.units
        if place.axis_labels:
            layer.axis_labels = place.axis_labels
    layer.opacity, layer.visible, layer.blending = record.opacity, record.visible, record.blending
    if record.axes is not None:
        layer.metadata[METADATA] = {**layer.metadata.get(METADATA, {}), "axes": record.axes}


def _dress_image(layer: ImageLayer, record: ImageRecord) -> None:
    _dress(layer, record)
    if record.contrast_limits is not None and not layer.rgb:
        low, high = record.contrast_limits
        range_low, range_high = layer.contrast_limits_range
        layer.contrast_limits_range = (min(low, range_low), max(high, range_high))
        layer.contrast_limits = record.contrast_limits
    layer.gamma = record.gamma
    if record.colormap is not None and not layer.rgb:
        try:
            layer.colormap = record.colormap
        except (KeyError, ValueError, TypeError):
            return  # a colour map of somebody's own, which only that napari knew


def _order(viewer: Any, layers: list[Layer]) -> None:
    """Bring the layers into an order, above all others."""
    for layer in layers:
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))


def _look(viewer: Any, view: ViewRecord) -> None:
    viewer.dims.ndisplay = view.n_displayed
    if len(view.axis_order) == viewer.dims.ndim:
        viewer.dims.order = view.axis_order
    if len(view.step) == viewer.dims.ndim:
        viewer.dims.current_step = view.step
    camera = camera_of(viewer)
    camera.angles, camera.center, camera.zoom = view.angles, view.center, view.zoom


def _model(folder: Path, session: Session, notices: list[str]) -> Path | None:
    """The model to go on from: the chosen one, as copied into the session or where it was."""
    if session.start_from is None:
        return None
    for use in session.models:
        if use.path == session.start_from and use.copy_name is not None:
            copy = inside(folder, use.copy_name)
            if copy.is_file():
                return copy
    if Path(session.start_from).is_file():
        return Path(session.start_from)
    notices.append(
        f"The model {session.start_from} is not there any more: learning begins anew, from the strokes."
    )
    return None

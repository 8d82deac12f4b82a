"""The box "Find": objects of a prediction found again with other thresholds, at once, without predicting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from pydantic import ValidationError
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import InputError
from napari_unet.settings import ObjectSettings
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.form import expected
from napari_unet.viewer.fraction_slider import FractionSlider
from napari_unet.viewer.layers import unique_name, without_proxy
from napari_unet.viewer.number_box import NumberBox
from napari_unet.viewer.objects.kept_maps import MAPS_KEPT, KeptMaps, checksum, keep_maps, maps_of
from napari_unet.viewer.objects.plane_cache import Position
from napari_unet.viewer.objects.search import Search
from napari_unet.viewer.score.error_layer import PLACEMENT
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari

NOTHING = (
    "Choose a layer made by Segment with U-Net since napari was opened, with a model for objects. For an older one, "
    "segment again."
)

SOON = 150
"""Milliseconds for which a slice is looked at before it is prepared for the next move of a slider."""

PLANES = ("splitting", "foreground", "certainty", "min_size", "fill_holes", "edge_objects")
SLICES = ("least_slices", "slice_overlap", "slices_bridged", "slice_splitting")
"""The settings that concern every plane, and those of slices that are linked, from top to bottom."""


class DecodeBox(QWidget):
    """Finds the objects of the layer that the dock works on again, while its sliders are moved.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    chosen : callable
        The layer that the dock works on, None without one. Call :meth:`refresh` when it is another one.
    """

    def __init__(
        self, viewer: napari.Viewer, chosen: Callable[[], Labels | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.viewer: napari.Viewer = without_proxy(viewer)
        self._chosen = chosen
        self._search: Search | None = None  # in the chosen layer
        self._searches: dict[Labels, Search] = {}  # also in others, until they have ended
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON)
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        self.splitting, self.foreground = FractionSlider(0.0, 1.0), FractionSlider(0.05, 0.95)
        self.certainty = FractionSlider(0.0, 1.0, decimals=3)
        self.slice_overlap, self.slice_splitting = FractionSlider(0.01, 1.0), FractionSlider(0.0, 1.0)
        self.min_size, self.least_slices, self.slices_bridged = _whole(0), _whole(1), _whole(0)
        self.fill_holes, self.edge_objects = QCheckBox("Fill holes"), QCheckBox("Keep objects at the edge")
        self.note = Sentence()
        self.again = QPushButton("Find again in a new layer")
        self.options = QWidget()
        self._form = QFormLayout(self.options)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        for name in (*PLANES, *SLICES):
            field, info = getattr(self, name), ObjectSettings.model_fields[name]
            field.setToolTip(f"<qt>{info.description}</qt>")
            field.setAccessibleName(str(info.title))
            title = () if isinstance(field, QCheckBox) else (str(info.title),)
            self._form.addRow(*title, field)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.options, self.note, self.again):
            column.addWidget(widget)
        self.fold = Fold("Find", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)

    def _connect(self) -> None:
        for name in (*PLANES, *SLICES):
            field = getattr(self, name)
            changed = field.toggled if isinstance(field, QCheckBox) else field.value_changed
            changed.connect(self._on_moved)
        self.again.clicked.connect(self.find_in_new_layer)
        self.fold.toggled.connect(self._get_ready_soon)
        self._soon.timeout.connect(self._get_ready)
        self._connections = [
            (self.viewer.dims.events.current_step, self._get_ready_soon),
            (MAPS_KEPT, self._on_maps_kept),
        ]
        for emitter, slot in self._connections:
            emitter.connect(slot)

    def close_down(self) -> None:
        """Leave what is under way, and hear no more of the viewer."""
        self._soon.stop()
        self.let_go()

    def let_go(self) -> None:
        """The same; safe after the end of the box's widgets."""
        for emitter, slot in self._connections:
            emitter.disconnect(slot)
        self._connections = []
        searches, self._searches, self._search = self._searches, {}, None
        for search in searches.values():
            search.stop()

    # which layer

    @property
    def is_busy(self) -> bool:
        """Whether objects are being found, in whichever layer."""
        return any(search.is_busy for search in self._searches.values())

    def refresh(self, _event: Any = None) -> None:
        """Look again which layer the dock works on; what is under way in another one goes on."""
        layer = self._chosen()
        kept = maps_of(layer)
        self._search = None
        self._searches = {la: it for la, it in self._searches.items() if la is layer or it.is_busy}
        self.options.setVisible(kept is not None)
        self._say("" if kept else NOTHING)
        self.again.hide()
        if layer is None or kept is None:
            return
        self._search = self._search_in(layer, kept)
        for name in SLICES:
            field = getattr(self, name)
            for widget in (field, self._form.labelForField(field)):
                widget.setVisible("Z" in kept.linked)
        self.fold.expand()
        self._show(self._search.wanted or kept.settings)
        self._get_ready_soon()

    def _on_maps_kept(self, event: Any) -> None:
        """The layer may have been chosen while it was segmented."""
        if self._search is None and event.layer is self._chosen():
            self.refresh()

    def _search_in(self, layer: Labels, kept: KeptMaps) -> Search:
        if layer not in self._searches:
            self._searches[layer] = Search(layer, kept, partial(self._on_said, layer))
        return self._searches[layer]

    # what is wanted

    @property
    def settings(self) -> ObjectSettings:
        """What the fields say; those that are not shown leave the settings of the layer as they are.

        Raises
        ------
        InputError
            Naming the field that cannot be used, and why.
        """
        kept = None if self._search is None else self._search.kept
        before = (ObjectSettings() if kept is None else kept.settings).model_dump()
        names = (*PLANES, *SLICES) if kept is not None and "Z" in kept.linked else PLANES
        try:
            return ObjectSettings.model_validate(before | {n: _value(getattr(self, n)) for n in names})
        except ValidationError as error:
            problem = error.errors()[0]
            info = ObjectSettings.model_fields[str(problem["loc"][0])]
            raise InputError(f"{info.title} must be {expected(info)}, not {problem['input']}.") from error

    def _on_moved(self, _value: Any = None) -> None:
        if self._search is not None:
            self._want(self._search)

    def _want(self, search: Search, settings: ObjectSettings | None = None) -> None:
        try:
            search.want(settings or self.settings, self._position(search))
        except InputError as error:
            self._say(str(error), "error")

    def find_in_new_layer(self) -> None:
        """Find the objects in a copy of the layer, which is then chosen; the layer stays as it was corrected."""
        search = self._search
        if search is None:
            return
        try:
            settings = self.settings
        except InputError as error:
            self._say(str(error), "error")
            return
        layer, kept = search.layer, search.kept
        state = {key: getattr(layer, key) for key in (*PLACEMENT, "opacity")}
        copy = Labels(
            np.zeros(kept.shape, np.int32),
            name=unique_name(self.viewer, layer.name),
            metadata=dict(layer.metadata),
            **state,
        )
        nothing = checksum(np.zeros(kept.shape[len(kept.leading) :], np.int32))
        again = replace(kept, _written={})
        keep_maps(copy, again, dict.fromkeys(kept.positions, nothing))
        self.viewer.add_layer(copy)
        self.viewer.layers.selection.active = copy
        self._want(self._search_in(copy, again), settings)
        self.refresh()

    # what is in view

    def showEvent(self, event: QShowEvent) -> None:
        """Who sees the sliders will move them."""
        super().showEvent(event)
        self._get_ready_soon()

    def _get_ready_soon(self, _event: Any = None) -> None:
        self._soon.start()

    def _get_ready(self) -> None:
        """Prepare the slice in view, if a slider can be moved there and nothing is under way."""
        if self._search is None or not self.options.isVisible():
            return
        if self.is_busy or self._search.is_getting_ready:  # maybe with a slice that was in view before
            self._soon.start()
        else:
            self._search.get_ready(self._position(self._search))

    def _position(self, search: Search) -> Position:
        """The plane in view."""
        at = search.layer.world_to_data(self.viewer.dims.point)[: len(search.kept.leading)]
        sides = search.kept.shape
        return tuple(int(np.clip(round(p), 0, side - 1)) for p, side in zip(at, sides, strict=False))

    # what is shown

    def _show(self, settings: ObjectSettings) -> None:
        for name in (*PLANES, *SLICES):
            field, value = getattr(self, name), getattr(settings, name)
            with QSignalBlocker(field):
                if isinstance(field, QCheckBox):
                    field.setChecked(value)
                else:
                    field.set_value(value)

    def _on_said(self, layer: Labels, text: str, tone: Tone) -> None:
        if self._search is not None and self._search.layer is layer:
            self._say(text, tone)
            self.again.setVisible(self._search.is_corrected)

    def _say(self, text: str, tone: Tone = "plain") -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        set_tone(self.note, tone)


def _whole(lowest: int) -> NumberBox:
    box = NumberBox()
    box.whole, box.minimum = True, lowest
    return box


def _value(field: QWidget) -> Any:
    return field.isChecked() if isinstance(field, QCheckBox) else field.value()

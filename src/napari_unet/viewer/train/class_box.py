"""The classes one paints with: the table, one more class, which is selected, and which needs more paint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.labels import Annotation, LabelClass, default_color
from napari_unet.viewer.keys import Keys, class_command
from napari_unet.viewer.style import set_tone
from napari_unet.viewer.train.classes import ClassTable, announce, class_pixels

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_unet.viewer.train.source import SourceBox

FEW_PIXELS = 100
FEW_BESIDE_OTHERS = 0.1
"""A class starves that has fewer pixels than this, and less than this share of the class with the most."""


class ClassBox(QWidget):
    """Selects classes in the labels layer that is painted on.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are painted on.
    source : SourceBox
        Where these layers are chosen.
    keys : Keys
        Which keys select classes.

    Signals
    -------
    edited(Annotation)
        A class is new, or has another name or colour.
    """

    edited = Signal(object)

    def __init__(
        self, viewer: napari.Viewer, source: SourceBox, keys: Keys, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._source = source
        self._followed: Labels | None = None
        self.table = ClassTable(keys)
        self.add_button = QPushButton("Add class")
        self.add_button.setToolTip("Add the next class, and paint with it.")
        self.add_button.setAutoDefault(False)
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.line.hide()
        row = QHBoxLayout()
        row.addWidget(self.line, 1)
        row.addStretch()
        row.addWidget(self.add_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.table)
        column.addLayout(row)
        self._starving = ""
        self.table.edited.connect(self.edited)
        self.table.chosen.connect(self.choose)
        self.table.refused.connect(self._say)
        self.add_button.clicked.connect(self.add_class)
        keys.pressed.connect(self._on_key)
        source.changed.connect(self._follow)
        viewer.layers.selection.events.active.connect(self._follow)
        self.show_annotation(None, {}, None)

    @property
    def layer(self) -> Labels | None:
        """The layer that is painted on: the active one if it is among the chosen ones, else the first of these."""
        layers = self._source.annotation_layers()
        active = self._viewer.layers.selection.active
        return next((la for la in layers if la is active), layers[0] if layers else None)

    def show_annotation(
        self, annotation: Annotation | None, counts: Mapping[int, int], strokes: Mapping[int, int] | None
    ) -> None:
        """Show the classes and what is painted of them."""
        self.table.show_annotation(annotation, counts, strokes)
        self._starving = starving(annotation, counts) if annotation is not None else ""
        self._say("")
        self.add_button.setVisible(
            annotation is not None and annotation.kind != "objects" and self.layer is not None
        )
        self._follow()

    def choose(self, value: int) -> None:
        """Paint with the class of this value from now on; numbers of objects are not classes."""
        annotation, layer = self.table.annotation, self.layer
        if (
            layer is None
            or annotation is None
            or annotation.kind == "objects"
            or value not in annotation.values
        ):
            return
        self._viewer.layers.selection.active = layer
        layer.selected_label = value
        if layer.editable and not layer.multiscale:
            layer.mode = "paint"
        self.table.show_chosen(value)

    def add_class(self) -> None:
        """Announce a class with the next free value, and paint with it."""
        annotation, layer = self.table.annotation, self.layer
        if annotation is None or layer is None:
            return
        value = next(v for v in range(1, len(annotation.values) + 2) if v not in annotation.values)
        if value > min(255, np.iinfo(layer.dtype).max):
            self._say(f"{layer.name} cannot hold more classes.")
            return
        new = LabelClass(value=value, name=f"class {value}", color=default_color(value))
        announce(layer, [value])
        classes = tuple(sorted((*annotation.classes, new), key=lambda c: c.value))
        self.edited.emit(annotation.model_copy(update={"classes": classes}))
        self.choose(value)

    def close_connections(self) -> None:
        """Hear no more of the viewer; the dock is going."""
        self._viewer.layers.selection.events.active.disconnect(self._follow)
        self._listen(None)

    def _on_key(self, command: str) -> None:
        values = self.table.annotation.values if self.table.annotation is not None else ()
        for value in values:
            if command == class_command(value):
                self.choose(value)

    def _follow(self, _event: Any = None) -> None:
        self._listen(self.layer)
        self._on_selected()

    def _listen(self, layer: Labels | None) -> None:
        if layer is not self._followed:
            if self._followed is not None:
                self._followed.events.selected_label.disconnect(self._on_selected)
            self._followed = layer
            if layer is not None:
                layer.events.selected_label.connect(self._on_selected)

    def _on_selected(self, _event: Any = None) -> None:
        self.table.show_chosen(self._followed.selected_label if self._followed is not None else -1)

    def _say(self, problem: str) -> None:
        text = problem or self._starving
        self.line.setText(text)
        self.line.setVisible(bool(text))
        set_tone(self.line, "warning")


def starving(annotation: Annotation, counts: Mapping[int, int]) -> str:
    """Say of which class more should be painted, the neediest; empty where all have enough or nothing is painted."""
    if annotation.kind == "objects":
        return ""
    pixels = class_pixels(annotation, counts)
    value = min(pixels, key=lambda v: pixels[v])
    n, most = pixels[value], max(pixels.values())
    if n >= FEW_PIXELS or n >= most * FEW_BESIDE_OTHERS:
        return ""
    name = next(c.name for c in annotation.classes if c.value == value)
    return (
        f"{name} has few pixels ({n}): paint more of it."
        if n
        else f"{name} has no pixels yet: paint some of it."
    )

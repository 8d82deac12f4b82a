"""The Objects dock: the objects of a Labels layer corrected and measured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_unet.viewer.dock import Dock
from napari_unet.viewer.layer_box import LayerBox
from napari_unet.viewer.layers import METADATA, without_proxy
from napari_unet.viewer.objects.decode_box import DecodeBox
from napari_unet.viewer.objects.edit_box import EditBox
from napari_unet.viewer.objects.measure_box import MeasureBox
from napari_unet.viewer.score.results import row

if TYPE_CHECKING:
    import napari

BOXES: tuple[Any, ...] = (DecodeBox, EditBox, MeasureBox)
"""From top to bottom. Each is made with the viewer and a function that returns the chosen layer; ``refresh()`` is
called when that is another one, ``close_down()`` when the dock goes."""


class ObjectsDock(Dock):
    """Corrects and measures the objects of one Labels layer: the one that is selected in napari's list.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers are; napari recognises the parameter by this name.
    """

    def __init__(self, napari_viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # napari hands out a proxy whose layers are proxies too; layers are compared by identity here.
        self.viewer: napari.Viewer = without_proxy(napari_viewer)
        self.layer_box = LayerBox(_holds_objects, none_text="no labels layer")
        self.layer_box.setToolTip("The labels layer whose objects are corrected and measured.")
        self.layer_box.setAccessibleName("Labels")
        self._refresh_choice()
        self.boxes = [box(self.viewer, self._chosen) for box in BOXES]
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        for place, box in enumerate(self.boxes):
            column.addWidget(box)
            if box is self.boxes[-1]:  # takes what room there is, for a table
                box.fold.toggled.connect(partial(column.setStretch, place))
        column.addStretch(0)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.addLayout(row(QLabel("Labels"), self.layer_box))
        layout.addWidget(scroll)
        self.layer_box.layer_changed.connect(self._on_chosen)
        self.layer_box.activated.connect(self._select_chosen)
        layers = self.viewer.layers
        self._connections = [
            (layers.events.inserted, self._refresh_choice),
            (layers.events.removed, self._refresh_choice),
            (layers.events.reordered, self._refresh_choice),
            (layers.events.renamed, self._refresh_choice),
            (layers.selection.events.active, self._refresh_choice),
        ]
        for emitter, slot in self._connections:
            emitter.connect(slot)
        me = ref(self)  # a signal that held the dock would keep it alive after napari let go of it
        self.destroyed.connect(lambda: _release(me))

    def close_down(self) -> None:
        """Hear no more of the viewer."""
        self._let_go()
        for box in self.boxes:
            box.close_down()

    def _let_go(self) -> None:
        for emitter, slot in self._connections:
            emitter.disconnect(slot)
        self._connections = []

    def _chosen(self) -> Labels | None:
        return self.layer_box.layer

    def _refresh_choice(self, _event: Any = None) -> None:
        """Offer the layers there are, and choose the one that is selected in napari's list."""
        active = self.viewer.layers.selection.active
        self.layer_box.refresh(list(self.viewer.layers), active)
        if active is not None and _holds_objects(active):
            self.layer_box.choose(active)

    def _select_chosen(self) -> None:
        """Whoever chooses here, works on that layer."""
        layer = self._chosen()
        if layer is not None:
            self.viewer.layers.selection.active = layer

    def _on_chosen(self) -> None:
        for box in self.boxes:
            box.refresh()


def _holds_objects(layer: Any) -> bool:
    """Whether a layer is no picture of errors or of what is held out."""
    ours = layer.metadata.get(METADATA, {})
    return isinstance(layer, Labels) and not ours.get("errors") and not ours.get("held_out")


def _release(dock: ref[ObjectsDock]) -> None:
    """Let go of the viewer once the dock's widgets are gone."""
    gone = dock()
    if gone is not None:
        gone._let_go()
        for box in gone.boxes:
            if isinstance(box, DecodeBox | EditBox):
                box.let_go()

"""The box "Correct": objects merged, split, deleted, filled, smoothed and numbered anew, each one step of undo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QHideEvent, QKeyEvent
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.objects.corrections import Corrections
from napari_unet.viewer.objects.edit_buttons import EditButtons
from napari_unet.viewer.objects.editable import add_copy, copying, obstacle
from napari_unet.viewer.objects.part import PartBox
from napari_unet.viewer.objects.tools import NEXT, CanvasTools, Tool
from napari_unet.viewer.objects.training_use import use_for_training
from napari_unet.viewer.score.background import Background
from napari_unet.viewer.score.results import row
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari

IDLE = "Pick objects to merge, delete, fill or smooth them; or choose a way to split one."


class EditBox(QWidget):
    """Corrects the objects of the layer that the dock works on.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    chosen : callable
        The layer that the dock works on, None without one. Call :meth:`refresh` when it is another one.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        chosen: Callable[[], Labels | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        # napari hands out a proxy whose layers are proxies too; layers are compared by identity here
        self.viewer: napari.Viewer = without_proxy(viewer)
        self._chosen = chosen
        self._copying = Background()
        self.tools = CanvasTools(self.viewer, self)
        self._build()
        self.corrections = Corrections(self.viewer, self.tools, self.part_box, self._say)
        self._connect()
        self.refresh()

    @property
    def _layer(self) -> Labels | None:
        return self.corrections.layer

    def _build(self) -> None:
        self.part_box = PartBox()
        self.part_label = QLabel("Change")
        self.part_label.setBuddy(self.part_box)
        self.buttons = EditButtons()
        self.note = Sentence()
        self.copy_button = QPushButton("Make a copy to correct")
        self.copy_button.setToolTip("Copy the labels into memory, as a new layer.")
        self.training_button = QPushButton("Use for training")
        self.training_button.setToolTip(
            "Choose these objects as the labels to learn from, in the Train U-Net dock."
        )
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.part_label, self.part_box))
        for widget in (self.buttons, self.note, self.copy_button, self.training_button):
            column.addWidget(widget)
        self.fold = Fold("Correct", content)
        self.fold.expand()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)

    def _connect(self) -> None:
        buttons, tools, corrections = self.buttons, self.tools, self.corrections
        for tool, button in buttons.tools.items():
            button.clicked.connect(partial(self._on_tool, tool))
        buttons.merge.clicked.connect(corrections.merge)
        buttons.delete.clicked.connect(corrections.delete)
        buttons.fill.clicked.connect(corrections.fill)
        buttons.smooth.clicked.connect(lambda: corrections.smooth(buttons.radius.value()))
        buttons.relabel.clicked.connect(corrections.relabel)
        buttons.undo.clicked.connect(self.undo)
        self.copy_button.clicked.connect(self.copy)
        self.training_button.clicked.connect(self.use_for_training)
        self.fold.toggled.connect(lambda unfolded: None if unfolded else tools.end())
        tools.changed.connect(self._show_tool)
        tools.said.connect(self._say)
        tools.line_drawn.connect(corrections.split_by_line)
        tools.halves_clicked.connect(corrections.split_by_points)
        dims = self.viewer.dims.events
        self._connections = [(event, self._on_view) for event in (dims.ndisplay, dims.order, dims.ndim)]
        self._connections.append((dims.current_step, self._on_moved))
        for emitter, slot in self._connections:
            emitter.connect(slot)

    def close_down(self) -> None:
        """End the tool and hear no more of the viewer."""
        self.let_go()
        self.tools.end()

    def let_go(self) -> None:
        """Hear no more of the viewer; safe after the end of the box's widgets."""
        self._copying.cancel()
        for emitter, slot in self._connections:
            emitter.disconnect(slot)
        self._connections = []
        self._listen(None)

    # which layer

    def refresh(self, _event: Any = None) -> None:
        """Look again which layer the dock works on."""
        layer = self._chosen()
        if layer is not self._layer:
            self.tools.end()
            self._copying.cancel()
            self._listen(layer)
            self._say("")
        self._update()

    def _listen(self, layer: Labels | None) -> None:
        if self._layer is not None:
            self._layer.events.editable.disconnect(self._update)
            self._layer.events.data.disconnect(self._on_data)
            self._layer.events.set_data.disconnect(self._on_drawn)
        self.corrections.work_on(layer)
        if layer is not None:
            layer.events.editable.connect(self._update)
            layer.events.data.connect(self._on_data)
            layer.events.set_data.connect(self._on_drawn)

    def _update(self, _event: Any = None) -> None:
        layer = self._layer
        problem = "" if layer is None else obstacle(layer)
        ready = layer is not None and not problem
        self.part_box.refresh(self.viewer, layer)
        for widget in (self.part_box, self.part_label):
            widget.setVisible(ready and self.part_box.is_needed)
        self.buttons.setEnabled(ready)
        self.copy_button.setVisible(bool(problem))
        self.copy_button.setText("Stop copying" if self._copying.is_busy else "Make a copy to correct")
        self.training_button.setEnabled(layer is not None)
        if layer is None:
            self._say("There is no labels layer yet. Segment an image, or open its labels.", "muted")
        elif problem and not self._copying.is_busy:
            self._say(f"{problem} Make a copy, and correct that.")

    def copy(self) -> None:
        """Copy a layer that cannot be changed in place, or stop that; the copy is then chosen."""
        layer = self._layer
        if self._copying.is_busy or layer is None:
            self._copying.cancel()
            self._update()
            return

        def done(answer: Any) -> None:
            self._update()
            if isinstance(answer, UNetError):
                self._say(str(answer), "error")
            else:
                add_copy(self.viewer, layer, answer)

        self._copying.start(copying(layer), done, lambda f: self._say(f"Copying {layer.name}: {f:.0%}"))
        self._update()

    def use_for_training(self) -> None:
        """Choose the layer as labels in the Train dock."""
        if self._layer is not None:
            self.tools.end()
            self._say(use_for_training(self.viewer, self._layer))

    def undo(self) -> None:
        """Take the last change of the layer back, also one that was painted."""
        if self._layer is not None:
            self._layer.undo()
            self._say("")

    # what is seen

    def _on_view(self, _event: Any = None) -> None:
        self._on_moved()
        if self.viewer.dims.ndisplay == 3 and self.tools.tool in ("line", "clicks"):
            self.tools.end()
        self._update()

    def _on_moved(self, _event: Any = None) -> None:
        self.tools.forget_first_click()

    def _on_drawn(self, _event: Any = None) -> None:
        """Maybe after an undo, which napari does not announce: what is said may be true no longer."""
        if self.corrections.is_undone:
            self.corrections.forget()
            self.tools.outline(self.tools.picked)
            self._say("")

    def _on_data(self, _event: Any = None) -> None:
        """The layer got other data, maybe of another kind."""
        self.corrections.forget()
        self.tools.end()
        self._say("")
        self._update()

    def _on_tool(self, tool: Tool, checked: bool) -> None:
        if checked and self._layer is not None:
            self.tools.start(tool, self._layer)
        else:
            self.tools.end()

    def _show_tool(self) -> None:
        for tool, button in self.buttons.tools.items():
            with QSignalBlocker(button):
                button.setChecked(tool == self.tools.tool)

    def hideEvent(self, event: QHideEvent) -> None:
        """A dock that is not seen has no tool in use."""
        super().hideEvent(event)
        self.tools.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape ends the tool here as it does in the image."""
        if event.key() == Qt.Key.Key_Escape and self.tools.tool is not None:
            self.tools.end()
            event.accept()
        else:
            super().keyPressEvent(event)

    def _say(self, text: str, tone: Tone = "plain") -> None:
        """Say something; without a text what may be done next."""
        tool = self.tools.tool
        self.note.setText(text or (IDLE if tool is None else NEXT[tool]))
        set_tone(self.note, tone if text else "muted")

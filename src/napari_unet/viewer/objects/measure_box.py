"""The box "Measure": a table of all objects of a Labels layer, and the layer coloured by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.images.storage import write_atomically
from napari_unet.objects.table import ObjectTable
from napari_unet.viewer import remembered
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.objects.measured_table import MeasuredTable, title
from napari_unet.viewer.objects.measuring import (
    colorable,
    fits,
    keep_features,
    measuring,
    place,
    row_count,
    shown_position,
)
from napari_unet.viewer.objects.optional_layer_box import OptionalLayerBox
from napari_unet.viewer.objects.value_colors import (
    color_by_value,
    is_colored,
    legend,
    original_colors,
    value_range,
)
from napari_unet.viewer.score.background import Background
from napari_unet.viewer.score.changes import ChangeWatch
from napari_unet.viewer.score.export import ask_path
from napari_unet.viewer.score.places import centre_on
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari

ORIGINAL = "the layer's own colours"


@dataclass(frozen=True, eq=False)
class _Result:
    """What was measured; a deleted layer is not kept in memory for its numbers."""

    table: ObjectTable
    layer: ref[Labels]
    name: str


class MeasureBox(QWidget):
    """Measures the objects of the layer that the dock works on.

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
        self.viewer: napari.Viewer = getattr(viewer, "__wrapped__", viewer)
        self._chosen = chosen
        self.result: _Result | None = None
        self._position: tuple[int, ...] | None = None
        self._has_gone = False
        self._run = Background()
        self._watch = ChangeWatch(self._on_layer_changed, self)
        self._build()
        self._connect()
        self._show_result()
        self.refresh()

    def _build(self) -> None:
        self.image_box = OptionalLayerBox(lambda layer: isinstance(layer, ImageLayer))
        self.image_box.setToolTip("The image whose intensities are measured inside each object.")
        self.button = QPushButton("Measure")
        self.button.setToolTip("Measure size, place, shape and intensity of every object.")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.note = Sentence()
        self.table = MeasuredTable()
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        self.color_box = QComboBox()
        self.color_box.setToolTip("Colour the objects by a measurement, or give them their own colours back.")
        self.color_box.setAccessibleName("Colour by")
        self.color_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.color_box.setMinimumContentsLength(10)
        self.legend = QLabel()
        self.legend.setAccessibleName("Colours")
        self.csv_button = QPushButton("Save CSV…")
        self.csv_button.setToolTip("Save all measurements as a table.")

        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        form = _form()
        form.addRow("Intensities of", self.image_box)
        column.addLayout(form)
        for widget in (self.button, self.progress, self.note):
            column.addWidget(widget)
        self.findings = QWidget()
        inner = QVBoxLayout(self.findings)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.headline)
        inner.addWidget(self.table, stretch=1)
        form = _form()
        form.addRow("Colour by", self.color_box)
        inner.addLayout(form)
        inner.addWidget(self.legend)
        inner.addWidget(self.csv_button)
        column.addWidget(self.findings, stretch=1)
        self.fold = Fold("Measure", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)

    def _connect(self) -> None:
        self.button.clicked.connect(self._measure_or_stop)
        self.image_box.layer_changed.connect(self._update)
        self.table.object_chosen.connect(self._go_to)
        self.color_box.activated.connect(self._color)
        self.csv_button.clicked.connect(self.export_csv)
        self.fold.toggled.connect(self.refresh)
        for event in self._events():
            event.connect(self.refresh)
        self.viewer.dims.events.current_step.connect(self._on_moved)
        me = ref(self)  # a signal that held the box would keep it alive after its dock has gone
        self.destroyed.connect(lambda: _release(me))

    def _events(self) -> tuple[Any, ...]:
        events = self.viewer.layers.events
        return events.inserted, events.removed, events.reordered, events.renamed

    def close_down(self) -> None:
        """Give the layer its own colours back, for which there is no button any more; hear no more of the viewer."""
        layer = self._layer()
        if layer is not None:
            original_colors(layer)
        self._let_go()

    def _let_go(self) -> None:
        if self._has_gone:
            return
        self._has_gone = True
        self._run.cancel()
        self._watch.forget()
        for event in self._events():
            event.disconnect(self.refresh)
        self.viewer.dims.events.current_step.disconnect(self._on_moved)

    # measuring

    @property
    def is_busy(self) -> bool:
        """Whether objects are being measured."""
        return self._run.is_busy

    def refresh(self, event: Any = None) -> None:
        """Look again which layers there are, and which one the dock works on."""
        labels = self._chosen()
        layers = list(self.viewer.layers)
        fitting = [
            layer
            for layer in reversed(layers)
            if labels is not None and isinstance(layer, ImageLayer) and fits(layer, labels)
        ]
        self.image_box.refresh(layers, next(iter(fitting), None), required=False)
        if not self.image_box.is_chosen_by_user and self.image_box.layer not in fitting:
            self.image_box.choose(next(iter(fitting), None))
        layer = None if self.result is None else self.result.layer()
        if self.result is not None and layer not in layers:
            self._watch.stop()
            self._say(f"{self.result.name} has been deleted; these are its objects of before.", "warning")
        self._update()

    def measure(self) -> None:
        """Measure the objects of the chosen layer; the table appears when it is done."""
        labels = self._chosen()
        if labels is None:
            self._say("Choose the labels layer whose objects to measure.", "warning")
            return
        try:
            steps = measuring(labels, self.image_box.layer)
        except UNetError as error:
            self._say(str(error), "error")
            return
        layer, name = ref(labels), labels.name
        self._watch.watch([labels])
        self._say("")

        def done(answer: ObjectTable | UNetError) -> None:
            if isinstance(answer, UNetError):
                self._say(str(answer), "error")
            else:
                self._finish(_Result(answer, layer, name))
            self._update()

        self._run.start(steps, done, lambda fraction: self.progress.setValue(round(1000 * fraction)))
        self._update()

    def _measure_or_stop(self) -> None:
        if not self._run.is_busy:
            self.measure()
            return
        self._run.cancel()
        self._say("Stopped; the table is that of before." if self.result else "Stopped.", "muted")
        self._update()

    def _finish(self, result: _Result) -> None:
        before, column, layer = self.result, self.color_box.currentData(), self._layer()
        if layer is not None:
            original_colors(layer)  # there is one table, and one way back
        self.result, self._position = result, None
        self._show_result()
        self._follow(() if before is None else tuple(before.table.columns))
        if column in result.table.columns and before is not None and before.layer() is result.layer():
            self.color_box.setCurrentIndex(self.color_box.findData(column))
            self._color()

    def _layer(self) -> Labels | None:
        """The layer that was measured, while it is in the viewer."""
        layer = None if self.result is None else self.result.layer()
        return layer if layer is not None and layer in self.viewer.layers else None

    def _follow(self, replaced: tuple[str, ...] = ()) -> None:
        """Features and colours are those of the frame that is shown; a label may be in several."""
        layer, result = self._layer(), self.result
        if layer is None or result is None:
            return
        table = result.table
        position = shown_position(self.viewer, layer, len(table.positions))
        if position == self._position:
            return
        self._position = position
        keep_features(layer, table.at(position), (*table.columns, *replaced))
        if is_colored(layer):
            self._color()

    def _on_moved(self, event: Any = None) -> None:
        if self.result is not None and self.result.table.positions:
            self._follow()

    # what may be done with the table

    def _color(self, index: int = -1) -> None:
        layer, result, column = self._layer(), self.result, self.color_box.currentData()
        if layer is None or result is None:
            return
        self.legend.setVisible(column is not None)
        if column is None:
            original_colors(layer)
            return
        limits = value_range(result.table[column])
        table = result.table.at(shown_position(self.viewer, layer, len(result.table.positions)))
        try:
            color_by_value(layer, table["label"], table[column], limits)
        except UNetError as error:
            self._say(str(error), "error")
            self.color_box.setCurrentIndex(0)
            self.legend.hide()
            return
        self.legend.setText(legend(*limits))

    def _go_to(self, row: int) -> None:
        layer = self._layer()
        if layer is None or self.result is None:
            return
        label = int(self.result.table["label"][row])
        centre_on(self.viewer, layer, place(self.result.table, row))
        layer.selected_label = label

    def export_csv(self) -> None:
        """Ask where to, and save the table."""
        if self.result is None:
            return
        path = ask_path(self, self.result.name, "measurements")
        if path is not None:
            self.save_csv(path)

    def save_csv(self, path: Path) -> None:
        """Save the table to a file."""
        if self.result is None:
            return
        text = self.result.table.to_csv()
        try:
            # the mark tells a spreadsheet that µ is one character
            write_atomically(path, lambda file: file.write(text.encode("utf-8-sig")))
        except UNetError as error:
            self._say(str(error), "error")
            return
        remembered.save("scores", {"folder": str(path.parent)})
        self._say(f"Saved {path}.", "muted")

    # what is shown

    def _update(self) -> None:
        busy = self._run.is_busy
        self.button.setText("Stop" if busy else "Measure")
        self.button.setEnabled(busy or self._chosen() is not None)
        self.image_box.setEnabled(not busy)
        self.progress.setVisible(busy)
        if not busy:
            self.progress.setValue(0)
        self.color_box.setEnabled(self._layer() is not None)

    def _show_result(self) -> None:
        result = self.result
        self.findings.setVisible(result is not None)
        self.legend.hide()
        if result is None:
            self._say("")
            return
        self.headline.setText(f"{result.name}: {row_count(result.table)}")
        self.table.show_table(result.table)
        layer = self._layer()
        if layer is not None:
            original_colors(layer)  # of a dock that was closed meanwhile
        with QSignalBlocker(self.color_box):
            self.color_box.clear()
            self.color_box.addItem(ORIGINAL, None)
            for name in colorable(result.table):
                self.color_box.addItem(title(result.table, name), name)

    def _say(self, text: str, tone: Tone = "plain") -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        set_tone(self.note, tone)

    def _on_layer_changed(self) -> None:
        self._say("The layer changed since it was measured. Measure again for its objects now.", "warning")


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def _release(box: ref[MeasureBox]) -> None:
    """Let go of the viewer once the box's widgets are gone."""
    gone = box()
    if gone is not None:
        gone._let_go()

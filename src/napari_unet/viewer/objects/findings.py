"""What was measured of a layer: a table, the layer coloured by it, a CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.images.storage import write_atomically
from napari_unet.objects.table import ObjectTable
from napari_unet.viewer import remembered
from napari_unet.viewer.objects.measured_table import MeasuredTable, title
from napari_unet.viewer.objects.measuring import colorable, keep_features, place, row_count, shown_position
from napari_unet.viewer.objects.value_colors import (
    color_by_value,
    is_colored,
    legend,
    original_colors,
    value_range,
)
from napari_unet.viewer.places import centre_on
from napari_unet.viewer.score.export import ask_path

if TYPE_CHECKING:
    import napari

ORIGINAL = "the layer's own colours"


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, and of what; deleted layers are not kept in memory for it.

    Attributes
    ----------
    table : ObjectTable
        The objects.
    layer : weak reference to Labels
        Whose they are.
    name : str
        What it was called.
    images : tuple of weak references to Image layers
        Whose intensities were measured.
    volume : bool, optional
        What was said of a stack: whether it is one volume.
    """

    table: ObjectTable
    layer: ref[Labels]
    name: str
    images: tuple[ref[ImageLayer], ...] = ()
    volume: bool | None = None


class Findings(QWidget):
    """Shows what was measured, and does with it what may be done.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.

    Signals
    -------
    said(str, str)
        A sentence for the user, and its tone.
    """

    said = Signal(str, str)

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.result: Measured | None = None
        self._position: tuple[int, ...] | None = None
        self._build()
        self.table.object_chosen.connect(self._go_to)
        self.color_box.activated.connect(self._color)
        self.csv_button.clicked.connect(self.export_csv)
        self._show()

    def _build(self) -> None:
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
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.headline)
        column.addWidget(self.table, stretch=1)
        column.addLayout(narrow_form(("Colour by", self.color_box)))
        column.addWidget(self.legend)
        column.addWidget(self.csv_button)

    @property
    def layer(self) -> Labels | None:
        """The layer that was measured, while it is in the viewer."""
        layer = None if self.result is None else self.result.layer()
        return layer if layer is not None and layer in self._viewer.layers else None

    def refresh(self) -> None:
        """Look again whether the layer is still there."""
        self.color_box.setEnabled(self.layer is not None)

    def show_result(self, result: Measured) -> None:
        """Show this; what was measured again looks as before: sorted, coloured, selected."""
        before, layer = self.result, self.layer
        again = layer is not None and layer is result.layer()
        column = self.color_box.currentData() if layer is not None and again and is_colored(layer) else None
        if layer is not None and (not again or column not in result.table.columns):
            original_colors(layer)  # there is one table, and one way back
            column = None
        self.result, self._position = result, None
        if not again:
            self.give_colors_back()  # those of a dock that was closed meanwhile
        self._show(column, again)
        self.follow(() if before is None else tuple(before.table.columns))

    def follow(self, replaced: tuple[str, ...] = ()) -> None:
        """Features and colours are those of the frame that is shown; a label may be in several."""
        layer, result = self.layer, self.result
        if layer is None or result is None:
            return
        table = result.table
        position = shown_position(self._viewer, layer, len(table.positions))
        if position == self._position:
            return
        self._position = position
        keep_features(layer, table.at(position), (*table.columns, *replaced))
        if is_colored(layer):
            self._color()

    def on_moved(self) -> None:
        """Another slice or frame is shown."""
        if self.result is not None and self.result.table.positions:
            self.follow()

    def give_colors_back(self) -> None:
        """Give the layer its own colours."""
        layer = self.layer
        if layer is not None:
            original_colors(layer)

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
            self.said.emit(str(error), "error")
            return
        remembered.save("scores", {"folder": str(path.parent)})
        self.said.emit(f"Saved {path}.", "muted")

    def _color(self, _index: int = -1) -> None:
        layer, result, column = self.layer, self.result, self.color_box.currentData()
        if layer is None or result is None:
            return
        self.legend.setVisible(column is not None)
        if column is None:
            original_colors(layer)
            return
        limits = value_range(result.table[column])
        table = result.table.at(shown_position(self._viewer, layer, len(result.table.positions)))
        try:
            color_by_value(layer, table["label"], table[column], limits)
        except UNetError as error:
            self.said.emit(str(error), "error")
            original_colors(layer)
            self.color_box.setCurrentIndex(0)
            self.legend.hide()
            return
        self.legend.setText(legend(*limits))

    def _go_to(self, row: int) -> None:
        layer, result = self.layer, self.result
        if layer is None or result is None:
            return
        centre_on(self._viewer, layer, place(result.table, row))
        layer.selected_label = int(result.table["label"][row])

    def _show(self, column: str | None = None, again: bool = False) -> None:
        """Show the result, which is coloured by a column."""
        result = self.result
        self.setVisible(result is not None)
        self.legend.setVisible(column is not None)
        if result is None:
            return
        self.headline.setText(f"{result.name}: {row_count(result.table)}")
        self.table.show_table(result.table, again=again)
        with QSignalBlocker(self.color_box):
            self.color_box.clear()
            self.color_box.addItem(ORIGINAL, None)
            for name in colorable(result.table):
                self.color_box.addItem(title(result.table, name), name)
            self.color_box.setCurrentIndex(max(0, self.color_box.findData(column)))


def narrow_form(*rows: tuple[str, Any]) -> QFormLayout:
    """A form without margins whose fields take all the width."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for label, field in rows:
        form.addRow(label, field)
    return form

"""The lower part of the Scores dock: the scores in one line, and in three tables."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

from napari.layers import Labels
from qtpy.QtCore import QModelIndex, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from napari_unet.scores import Comparison
from napari_unet.viewer.score.cells import CellTable
from napari_unet.viewer.score.tables import ClassLooks, class_table, headline, matrix_table, slice_table


@dataclass(frozen=True, eq=False)
class Result:
    """What was compared, as it was then.

    Attributes
    ----------
    layers : tuple of weak references
        Prediction and labels; a deleted layer is not kept in memory for its scores.
    names : tuple of str
        What the two were called.
    """

    comparison: Comparison
    layers: tuple[ref[Labels], ref[Labels]]
    names: tuple[str, str]
    looks: ClassLooks


class ScoreTables(QWidget):
    """Shows a result: over all slices, per slice, and as a confusion matrix.

    Signals
    -------
    slice_chosen(tuple of int)
        A slice the user wants to see, as its position along the leading axes.
    """

    slice_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: Result | None = None
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.classes = CellTable("Scores per class")
        self.slices = CellTable("Scores per slice")
        self.matrix = CellTable("Confusion matrix", even=True)
        self.measure = QComboBox()
        self.measure.addItem("Dice", "dice")
        self.measure.addItem("IoU", "iou")
        self.measure.setToolTip("The score shown per slice.")
        per_slice = QWidget()
        column = QVBoxLayout(per_slice)
        column.setContentsMargins(0, 4, 0, 0)
        column.addLayout(row(QLabel("Score"), self.measure))
        column.addWidget(self.slices)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.classes, "Over all")
        self.tabs.addTab(per_slice, "Per slice")
        confusion = QWidget()
        column = QVBoxLayout(confusion)
        column.setContentsMargins(0, 4, 0, 0)
        caption = QLabel("Rows: labelled. Columns: predicted.")
        caption.setWordWrap(True)
        column.addWidget(caption)
        column.addWidget(self.matrix)
        self.tabs.addTab(confusion, "Confusion")
        self.tabs.setTabToolTip(2, "Where the pixels of every labelled class went.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.tabs)
        self.measure.currentIndexChanged.connect(self._show_slices)
        self.slices.activated.connect(self._choose_slice)
        self.slices.clicked.connect(self._choose_slice)

    def show_result(self, result: Result) -> None:
        """Fill all tables."""
        self._result = result
        comparison, looks = result.comparison, result.looks
        self.headline.setText(headline(comparison))
        self.headline.setToolTip(f"{result.names[0]} against {result.names[1]} ({comparison.kind})")
        self.classes.show_cells(class_table(comparison, looks))
        self.matrix.show_cells(matrix_table(comparison, looks))
        self.tabs.setTabEnabled(1, len(comparison.slices) > 1)
        self.tabs.setTabToolTip(1, "" if len(comparison.slices) > 1 else "There is only one slice.")
        self._show_slices()

    def _show_slices(self) -> None:
        if self._result is not None:
            measure = self.measure.currentData()
            self.slices.show_cells(slice_table(self._result.comparison, self._result.looks, measure))

    def _choose_slice(self, index: QModelIndex) -> None:
        if self._result is not None:
            self.slice_chosen.emit(list(self._result.comparison.slices)[index.row()])


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; those that are no text share the room."""
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget, stretch=0 if isinstance(widget, QLabel) else 1)
    return layout

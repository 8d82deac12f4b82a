"""The lower part of the Scores dock: the scores in one line, and in three tables."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

from napari.layers import Labels
from qtpy.QtCore import QModelIndex, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from napari_unet.scores import Comparison, ObjectComparison
from napari_unet.viewer.score.cells import CellTable
from napari_unet.viewer.score.counting import Counted
from napari_unet.viewer.score.object_panel import (
    ObjectPanel,
    measure_table,
    object_headline,
    object_slice_table,
)
from napari_unet.viewer.score.tables import ClassLooks, class_table, headline, matrix_table, slice_table

OVER_ALL, OBJECTS, SLICES, CONFUSION = range(4)
"""Tabs."""


@dataclass(frozen=True, eq=False)
class Result:
    """What was compared, as it was then.

    Attributes
    ----------
    counted : Counted
        Pixels and objects.
    layers : tuple of weak references
        Prediction and labels; a deleted layer is not kept in memory for its scores.
    names : tuple of str
        What the two were called.
    """

    counted: Counted
    layers: tuple[ref[Labels], ref[Labels]]
    names: tuple[str, str]
    looks: ClassLooks

    @property
    def comparison(self) -> Comparison:
        """Pixels."""
        return self.counted.comparison

    @property
    def objects(self) -> ObjectComparison | None:
        """Objects, None where values are classes."""
        return self.counted.objects


class ScoreTables(QWidget):
    """Shows a result: over all slices, object by object, per slice, and as a confusion matrix.

    Signals
    -------
    slice_chosen(tuple of int)
        A slice the user wants to see, as its position along the leading axes.
    object_chosen(tuple of float)
        A point the user wants to see, in pixels along all axes.
    """

    slice_chosen = Signal(object)
    object_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: Result | None = None
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.measures = CellTable("Scores of objects")
        self.classes = CellTable("Scores per class")
        self.objects = ObjectPanel()
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
        over_all = QWidget()
        column = QVBoxLayout(over_all)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.measures, stretch=1)
        column.addWidget(self.classes, stretch=1)
        self.tabs.addTab(over_all, "Over all")
        self.tabs.addTab(self.objects, "Objects")
        self.tabs.addTab(per_slice, "Per slice")
        confusion = QWidget()
        column = QVBoxLayout(confusion)
        column.setContentsMargins(0, 4, 0, 0)
        caption = QLabel("Rows: labelled. Columns: predicted.")
        caption.setWordWrap(True)
        column.addWidget(caption)
        column.addWidget(self.matrix)
        self.tabs.addTab(confusion, "Confusion")
        self.tabs.setTabToolTip(CONFUSION, "Where the pixels of every labelled class went.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.tabs)
        self.measure.currentIndexChanged.connect(self._show_slices)
        self.slices.activated.connect(self._choose_slice)
        self.slices.clicked.connect(self._choose_slice)
        self.objects.object_chosen.connect(self.object_chosen)

    def show_result(self, result: Result) -> None:
        """Fill all tables."""
        self._result = result
        comparison, looks, objects = result.comparison, result.looks, result.objects
        self.headline.setText(
            headline(comparison) if objects is None else object_headline(objects, comparison)
        )
        self.headline.setToolTip(f"{result.names[0]} against {result.names[1]} ({comparison.kind})")
        self.classes.show_cells(class_table(comparison, looks))
        self.matrix.show_cells(matrix_table(comparison, looks))
        self.measures.setVisible(objects is not None)
        self.classes.setMaximumHeight(16777215 if objects is None else self.classes.full_height())
        self.tabs.setTabVisible(OBJECTS, objects is not None)
        if objects is not None:
            self.measures.show_cells(measure_table(objects.summary))
            self.objects.show_rows(result.counted.rows)
        self.tabs.setTabEnabled(SLICES, len(comparison.slices) > 1)
        self.tabs.setTabToolTip(SLICES, "" if len(comparison.slices) > 1 else "There is only one slice.")
        self._offer_objects_per_slice(objects is not None and len(objects.images) > 1)
        self._show_slices()

    def _offer_objects_per_slice(self, offered: bool) -> None:
        index = self.measure.findData("objects")
        if offered and index < 0:
            self.measure.insertItem(0, "objects", "objects")
            self.measure.setCurrentIndex(0)
        elif not offered and index >= 0:
            self.measure.removeItem(index)

    def _show_slices(self) -> None:
        result, measure = self._result, self.measure.currentData()
        if result is None:
            return
        if measure == "objects" and result.objects is not None:
            self.slices.show_cells(object_slice_table(result.objects))
        else:
            self.slices.show_cells(slice_table(result.comparison, result.looks, measure))

    def _choose_slice(self, index: QModelIndex) -> None:
        if self._result is not None:
            objects = self._result.objects if self.measure.currentData() == "objects" else None
            positions = self._result.comparison.slices if objects is None else objects.images
            self.slice_chosen.emit(list(positions)[index.row()])


def row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; those that are no text share the room."""
    layout = QHBoxLayout()
    for widget in widgets:
        layout.addWidget(widget, stretch=0 if isinstance(widget, QLabel) else 1)
    return layout

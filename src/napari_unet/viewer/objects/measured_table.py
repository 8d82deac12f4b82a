"""Measured objects in a table that sorts a hundred thousand of them by any column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.objects.table import ObjectTable
from napari_unet.viewer.score.cells import Cell, CellModel, CellTable

ROWS_SEEN = 8

_HIDDEN = ("y_pixels", "x_pixels", "z_pixels")
"""In the CSV only: the table shows each place once."""


def is_shown(name: str) -> bool:
    """Whether the dock shows a column; all of them are in the CSV."""
    return name not in _HIDDEN and not name.endswith(("_start", "_stop"))


def title(table: ObjectTable, name: str) -> str:
    """What a column is called: ``area (µm²)``."""
    unit = table.units.get(name, "")
    return name.replace("_", " ") + (f" ({unit})" if unit else "")


class MeasuredModel(CellModel):
    """A row per object, in an order of its own."""

    def __init__(self, table: ObjectTable) -> None:
        names = [name for name in table.columns if is_shown(name)]
        # the number of an object comes first: the first column stays in sight
        names.sort(key=lambda name: name != "label")
        self.table, self.names = table, names
        self.order: NDArray[np.intp] = np.arange(len(table))
        super().__init__([Cell(title(table, name)) for name in names], len(table), self._cell_at)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is undefined comes last, equals stay in the order they had."""
        if not 0 <= column < len(self.names):
            return
        values = self.table[self.names[column]][self.order]
        undefined = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        _, ranks = np.unique(values, return_inverse=True)
        if order == Qt.SortOrder.DescendingOrder:
            ranks = -ranks
        new = self.order[np.lexsort((ranks, undefined))]
        self.layoutAboutToBeChanged.emit()
        row_of = np.empty_like(new)
        row_of[new] = np.arange(len(new))
        before = self.persistentIndexList()
        after = [self.index(int(row_of[self.order[i.row()]]), i.column()) for i in before]
        self.order = new
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def object_at(self, row: int) -> dict[str, int]:
        """Which object is in a row: its label, and where there are several its frame or slice."""
        place = self.order[row]
        return {name: int(self.table[name][place]) for name in ("label", *self.table.positions)}

    def row_of(self, wanted: dict[str, int]) -> int | None:
        """The row of an object, None where it is not in the table."""
        if set(wanted) != {"label", *self.table.positions}:
            return None
        found = np.ones(len(self.table), bool)
        for name, value in wanted.items():
            found &= self.table[name] == value
        rows = np.flatnonzero(found[self.order])
        return int(rows[0]) if len(rows) else None

    def _cell_at(self, row: int, column: int) -> Cell:
        return Cell(_text(self.table[self.names[column]][self.order[row]]))


class MeasuredTable(CellTable):
    """Shows measured objects.

    Signals
    -------
    object_chosen(int)
        The row of the :class:`ObjectTable` that the user wants to see.
    """

    object_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Measured objects", parent=parent)
        self.setToolTip("Click an object to see it in the viewer, a heading to sort.")
        # room for the arrow of sorting, which napari's style draws over the heading
        self.horizontalHeader().setStyleSheet("QHeaderView::section { padding-right: 16px; }")
        self.setMinimumHeight((ROWS_SEEN + 2) * self.verticalHeader().defaultSectionSize())
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)

    def show_table(self, table: ObjectTable, *, again: bool = False) -> None:
        """Show these objects, by their numbers.

        Parameters
        ----------
        table : ObjectTable
            What was measured.
        again : bool
            Whether it was measured again: it is then sorted and scrolled as before, and what was selected stays so.
        """
        before, model, header = self.model(), MeasuredModel(table), self.horizontalHeader()
        column, order, selected = "label", Qt.SortOrder.AscendingOrder, None
        bars = self.verticalScrollBar(), self.horizontalScrollBar()
        places = [0, 0]
        if again and isinstance(before, MeasuredModel):
            if before.names[header.sortIndicatorSection()] in model.names:
                column, order = before.names[header.sortIndicatorSection()], header.sortIndicatorOrder()
            selected = next((before.object_at(i.row()) for i in self.selectionModel().selectedRows()), None)
            places = [bar.value() for bar in bars]
        self.setSortingEnabled(False)  # or the old order would be taken over column by column
        self.show_cells(model)
        header.setSortIndicator(model.names.index(column), order)
        self.setSortingEnabled(True)
        row = None if selected is None else model.row_of(selected)
        if row is not None:
            self.selectRow(row)
        self.doItemsLayout()  # how far it can be scrolled is known only then
        for bar, place in zip(bars, places, strict=True):
            bar.setValue(place)

    def _choose(self, index: QModelIndex) -> None:
        model = self.model()
        if isinstance(model, MeasuredModel):
            self.object_chosen.emit(int(model.order[index.row()]))


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return "–" if np.isnan(number) else f"{number:,.4g}" if abs(number) < 1e4 else f"{number:,.0f}"
    return str(value)

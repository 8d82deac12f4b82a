"""A table that asks for its cells when they are shown: scores of ten thousand slices cost nothing to list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

SHADE = "#0072b2"


@dataclass(frozen=True)
class Cell:
    """What stands in one cell.

    Attributes
    ----------
    text, tip : str
        Text and tooltip.
    swatch : str
        Colour of a class, shown before the text; none if empty.
    shade : float
        Strength of the background, 0..1.
    """

    text: str
    tip: str = ""
    swatch: str = ""
    shade: float = 0.0


class CellModel(QAbstractTableModel):
    """Rows and columns of cells that are made when needed."""

    def __init__(
        self,
        columns: Sequence[Cell] = (),
        n_rows: int = 0,
        cell: Callable[[int, int], Cell] = lambda row, column: Cell(""),
    ) -> None:
        super().__init__()
        self._columns, self._n_rows, self._cell = tuple(columns), n_rows, cell

    def rowCount(self, parent: Any = None) -> int:
        """Number of rows."""
        return self._n_rows

    def columnCount(self, parent: Any = None) -> int:
        """Number of columns."""
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What Qt asks for of one cell."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if index.column() == 0 else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return _value(self._cell(index.row(), index.column()), role)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """What Qt asks for of one header."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if section == 0 else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return _value(self._columns[section], role)


def _value(cell: Cell, role: int) -> Any:
    if role == Qt.ItemDataRole.DisplayRole:
        return cell.text
    if role == Qt.ItemDataRole.ToolTipRole and cell.tip:
        return cell.tip
    if role == Qt.ItemDataRole.DecorationRole and cell.swatch:
        return QColor(cell.swatch)
    if role == Qt.ItemDataRole.BackgroundRole and cell.shade > 0:
        color = QColor(SHADE)
        color.setAlphaF(min(1.0, 0.6 * cell.shade))
        return color
    return None


class CellTable(QTableView):
    """A read-only table that is as wide as its place.

    Parameters
    ----------
    name : str
        What the table shows, for screen readers.
    even : bool
        Whether all columns but the first are equally wide, long headers shortened.
    """

    def __init__(self, name: str, *, even: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._even = even
        self.setAccessibleName(name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # Tab leaves the table, arrows move in it
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        header.setResizeContentsPrecision(50)
        self.show_cells(CellModel())

    def show_cells(self, model: CellModel) -> None:
        """Show another table."""
        old = self.model()
        model.setParent(self)
        self.setModel(model)
        if old is not None:
            old.deleteLater()
        if not self._even:
            header = self.horizontalHeader()
            for column in range(1, model.columnCount()):
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._fit()

    def full_height(self) -> int:
        """Height at which all rows are seen, in pixels; a few rows' at most."""
        rows = min(5, self.model().rowCount()) * self.verticalHeader().defaultSectionSize()
        return int(self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth())

    def resizeEvent(self, event: Any) -> None:
        """Keep the table as wide as its place."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Give the first column what is left, at least its contents; then the table scrolls sideways."""
        if self.model().columnCount() == 0:
            return
        header, width = self.horizontalHeader(), self.viewport().width()
        n_others = header.count() - 1
        needed = max(self.sizeHintForColumn(0), header.sectionSizeHint(0))
        if self._even:
            narrowest = self.fontMetrics().horizontalAdvance("100.0%") + 10
            for column in range(1, n_others + 1):
                header.resizeSection(column, max(narrowest, (width - needed) // n_others))
        others = sum(header.sectionSize(column) for column in range(1, n_others + 1))
        header.resizeSection(0, max(needed, width - others))

"""The table of objects in the Scores dock: what became of each; a click shows it in the viewer."""

from __future__ import annotations

from collections import Counter

from qtpy.QtCore import QModelIndex, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_unet.scores import Comparison, ObjectComparison, ObjectSummary
from napari_unet.scores.comparison import Position
from napari_unet.scores.findings import STATES, ObjectRow, State
from napari_unet.scores.text import shown, slice_name
from napari_unet.viewer.score.cells import Cell, CellModel, CellTable

# Okabe and Ito (2008); missed and spurious in the colours of false negatives and false positives.
STATE_COLORS: dict[State, str] = {
    "merged": "#d55e00", "split": "#56b4e9", "missed": "#cc79a7", "spurious": "#e69f00", "matched": "#009e73",
}  # fmt: skip

STATE_TIPS: dict[State, str] = {
    "merged": "One predicted object holds several labelled ones, each with over half of its pixels; specks aside",
    "split": "One labelled object holds several predicted ones, each with over half of its pixels; specks aside",
    "missed": "A labelled object without a predicted one of IoU 0.5 or more",
    "spurious": "A predicted object without a labelled one of IoU 0.5 or more",
    "matched": "A labelled and a predicted object with an IoU of 0.5 or more, neither of them split or merged",
}

PlacedRow = tuple[Position, ObjectRow]
"""A row and the slice or volume that it is about."""

ERRORS, ALL = "errors", "all"


class ObjectPanel(QWidget):
    """Lists objects, errors first.

    Signals
    -------
    object_chosen(tuple of float)
        The centroid of an object the user wants to see, in pixels along all axes of the layer; in a volume, in
        the slice nearest to it.
    """

    object_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[PlacedRow] = []
        self._seen: list[PlacedRow] = []
        self.filter_box = QComboBox()
        self.filter_box.setToolTip("Which objects are listed.")
        self.filter_box.setAccessibleName("Objects listed")
        self.table = CellTable("Objects")
        self.table.setToolTip("Click an object to see it in the viewer.")
        top = QHBoxLayout()
        top.addWidget(QLabel("Show"))
        top.addWidget(self.filter_box, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.table)
        self.filter_box.currentIndexChanged.connect(self._list)
        self.table.clicked.connect(self._choose)
        self.table.activated.connect(self._choose)

    def show_rows(self, rows: list[PlacedRow]) -> None:
        """List these; errors only, if there are any."""
        self._rows = rows
        counts = Counter(row.state for _, row in rows)
        n_errors = len(rows) - counts["matched"]
        with QSignalBlocker(self.filter_box):
            self.filter_box.clear()
            self.filter_box.addItem(f"errors ({n_errors:,})", ERRORS)
            for state in STATES:
                self.filter_box.addItem(f"{state} ({counts[state]:,})", state)
            self.filter_box.addItem(f"all ({len(rows):,})", ALL)
            self.filter_box.setCurrentIndex(0 if n_errors else self.filter_box.count() - 1)
        self._list()

    def _list(self) -> None:
        wanted = self.filter_box.currentData()
        states = {ERRORS: {*STATES} - {"matched"}, ALL: {*STATES}}.get(wanted, {wanted})
        self._seen = [placed for placed in self._rows if placed[1].state in states]
        self.table.show_cells(object_table(self._seen))

    def _choose(self, index: QModelIndex) -> None:
        position, row = self._seen[index.row()]
        *depth, y, x = row.centroid
        self.object_chosen.emit((*position, *map(round, depth), y, x))  # a slice, not a place between two


def object_table(rows: list[PlacedRow]) -> CellModel:
    """One line per row of a table of objects; the slice only in a stack."""
    stack = any(len(position) + len(row.centroid) > 2 for position, row in rows[:1])
    columns = [
        Cell("Object", "What became of it"),
        Cell("Labels", "Its number in the labels"),
        Cell("Prediction", "Its number in the prediction"),
        Cell("IoU", "The largest with any object of the other layer"),
        *(
            [Cell("Slice", "Position along the leading axes, from 0; in a volume of its middle")]
            if stack
            else []
        ),
    ]

    def cell(line: int, column: int) -> Cell:
        position, row = rows[line]
        if column == 0:
            return Cell(row.state, STATE_TIPS[row.state], STATE_COLORS[row.state])
        if column in (1, 2):
            ids = row.labelled if column == 1 else row.predicted
            return Cell(
                ", ".join(map(str, ids[:3])) + (" …" if len(ids) > 3 else ""), ", ".join(map(str, ids))
            )
        if column == 3:
            return Cell(shown(row.iou), f"{row.pixels:,} pixels")
        return Cell(slice_name((*position, *(round(z) for z in row.centroid[:-2]))))

    return CellModel(columns, len(rows), cell)


def measure_table(summary: ObjectSummary) -> CellModel:
    """Scores and counts of objects, a line each."""
    mean = f"mean over {summary.n_images:,} images" if summary.n_images != 1 else "of this image"
    counts: dict[State, int] = {
        "matched": summary.n_matched, "missed": summary.n_missed, "spurious": summary.n_spurious,
        "split": summary.n_splits, "merged": summary.n_merges,
    }  # fmt: skip
    steps = ", ".join(f"{shown(ap)} at {50 + 5 * i} %" for i, ap in enumerate(summary.ap))
    lines = [
        (Cell("AP50", f"Found / (found + spurious + missed) at an IoU of 0.5, {mean}"), shown(summary.ap[0])),
        (Cell("F1 50", f"Harmonic mean of precision and recall at an IoU of 0.5, {mean}"), shown(summary.f1[0])),
        (Cell("AP50:95", f"Mean of AP at IoU 0.5, 0.55 … 0.95: {steps}"), shown(summary.ap_50_95)),
        (Cell("PQ", f"Panoptic quality: F1 50 times the mean IoU of the pairs, {mean}"), shown(summary.pq)),
        (Cell("Precision", f"Predicted objects that are right (IoU 0.5), {mean}"), shown(summary.precision[0])),
        (Cell("Recall", f"Labelled objects that are found (IoU 0.5), {mean}"), shown(summary.recall[0])),
        (Cell("Labelled", "Objects in the labels"), f"{summary.n_labelled:,}"),
        (Cell("Predicted", "Objects in the prediction"), f"{summary.n_predicted:,}"),
        *(
            (Cell(state, STATE_TIPS[state], STATE_COLORS[state]), f"{n:,}")
            for state, n in counts.items()
        ),
    ]  # fmt: skip
    return CellModel(
        [Cell("Objects"), Cell("Score")],
        len(lines),
        lambda row, column: lines[row][0] if column == 0 else Cell(lines[row][1], lines[row][0].tip),
    )


def object_slice_table(objects: ObjectComparison) -> CellModel:
    """Scores of objects of every slice that is an image of its own."""
    positions = list(objects.images)
    columns = [Cell("Slice", "Position along the leading axes, from 0"), Cell("AP50"), Cell("F1 50"), Cell("PQ"),
               Cell("Labelled", "Objects in the labels"), Cell("Predicted", "Objects in the prediction")]  # fmt: skip

    def cell(row: int, column: int) -> Cell:
        scores = objects.images[positions[row]]
        if column == 0:
            return Cell(slice_name(positions[row]), "Choose to show this slice in the viewer")
        if column < 4:
            return Cell(shown((scores.ap[0], scores.f1[0], scores.pq)[column - 1]))
        return Cell(f"{scores.n_labelled if column == 4 else scores.n_predicted:,}")

    return CellModel(columns, len(positions), cell)


def object_headline(objects: ObjectComparison, comparison: Comparison) -> str:
    """The result in two lines."""
    s = objects.summary
    how = (
        ""
        if len(comparison.slices) < 2
        else ", in 3D"
        if objects.volume
        else f", mean over {s.n_images} slices"
    )
    return (
        f"AP50 {shown(s.ap[0])}, F1 50 {shown(s.f1[0])}, AP50:95 {shown(s.ap_50_95)}\n"
        f"{s.n_labelled:,} objects labelled, {s.n_predicted:,} predicted{how}"
    )

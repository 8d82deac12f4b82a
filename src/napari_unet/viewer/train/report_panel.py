"""How a run is going: curves, honest scores, what is held out, and what was said."""

from __future__ import annotations

import math

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unet.events import Before, Notice, Validation
from napari_unet.viewer.style import set_tone
from napari_unet.viewer.train.plot import Curves
from napari_unet.viewer.train.run import RunReport

_ROW = 22


class ScoreTable(QTableWidget):
    """Dice and IoU of every class on the held-out pixels, best weights."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels(["Class", "Before", "Dice", "IoU"])
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Validation scores")
        self.setToolTip(
            "Scores of the best weights so far, on pixels that training never sees. 1 is perfect."
        )
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, 60)
        self.hide()

    def show_scores(
        self, validation: Validation | None, names: dict[int, str], before: Before | None = None
    ) -> None:
        """Show one validation, beside the scores before it; what occurs in no held-out pixel has no score."""
        self.setVisible(validation is not None)
        self.setColumnHidden(1, before is None)
        if validation is None:
            return
        earlier = before.dice if before is not None else {}
        rows = [
            (
                names.get(v, str(v)),
                earlier.get(v, math.nan),
                validation.dice[v],
                validation.iou.get(v, math.nan),
            )
            for v in validation.dice
        ]
        ious = [iou for *_, iou in rows if math.isfinite(iou)]
        if len(rows) > 1:
            mean = before.mean_dice if before is not None else math.nan
            rows.append(("mean", mean, validation.mean_dice, sum(ious) / len(ious) if ious else math.nan))
        if math.isfinite(validation.object_ap):
            ap = before.object_ap if before is not None else math.nan
            rows.append(("objects, AP", ap, validation.object_ap, math.nan))
        self.setRowCount(len(rows))
        for row, (name, *scores) in enumerate(rows):
            self.setItem(row, 0, QTableWidgetItem(name))
            for column, score in enumerate(scores, start=1):
                item = QTableWidgetItem(f"{score:.3f}" if math.isfinite(score) else "–")
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if not math.isfinite(score):
                    item.setToolTip("No held-out pixel has this class: there is no score.")
                self.setItem(row, column, item)
        shown = min(len(rows), 8)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + shown * _ROW + 4)


class ReportPanel(QWidget):
    """Draws a :class:`RunReport`; hidden until there is something to show.

    Signals
    -------
    held_out_toggled(bool)
        The user wants to see, or not, what is held out.
    """

    held_out_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = Curves()
        self.honesty = QLabel()
        self.honesty.setWordWrap(True)
        self.scores = ScoreTable()
        self.show_held_out = QCheckBox("Show what is held out")
        self.show_held_out.setToolTip(
            "Outline in the viewer the regions that are kept from training to score it honestly."
        )
        self.show_held_out.setChecked(True)
        self.show_held_out.toggled.connect(self.held_out_toggled)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName("Messages")
        self.log.setTabChangesFocus(True)
        self.log.setFixedHeight(84)
        self.log.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.curves, self.scores, self.honesty, self.show_held_out, self.log):
            layout.addWidget(widget)
        self._drawn: tuple[object, ...] = ()
        self.draw(RunReport())

    def draw(self, report: RunReport) -> None:
        """Bring everything up to date."""
        self.setVisible(report.phase != "idle")
        self.curves.draw(report)
        drawn = (id(report), len(report.validations), report.regions is None, len(report.notices))
        if drawn == self._drawn:
            return  # only the curves grew
        self._drawn = drawn
        names = {c.value: c.name for c in report.request.annotation.classes} if report.request else {}
        honest = report.regions is not None and report.regions.honest
        self.scores.show_scores(report.best if honest else None, names, report.before)
        self._say_how_honest(report)
        regions = report.regions.regions if report.regions is not None else ()
        self.show_held_out.setVisible(any(regions))
        self.log.setVisible(bool(report.notices))
        self.log.setPlainText("\n".join(_line(notice) for notice in report.notices))
        self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())

    def _say_how_honest(self, report: RunReport) -> None:
        regions = report.regions
        self.honesty.setVisible(regions is not None)
        if regions is None:
            return
        beginning = "Scores are" if regions.honest else "No honest score"
        meaning = (
            "Scores are of pixels that training never sees."
            if regions.honest
            else "No honest score is possible."
        )
        said_already = regions.reason.startswith(beginning)
        self.honesty.setText(regions.reason if said_already else f"{meaning} {regions.reason}")
        set_tone(self.honesty, "muted" if regions.honest else "warning")


def _line(notice: Notice) -> str:
    return f"⚠ {notice.text}" if notice.level == "warning" else f"• {notice.text}"

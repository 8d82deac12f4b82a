"""The part of the dock that is always in sight: what will happen, the button, and how far it is."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.viewer.bridge import time_left
from napari_unet.viewer.segment.run import SegmentReport
from napari_unet.viewer.style import Tone, set_tone


class Footer(QWidget):
    """One button that segments and stops, with the line that says what it will do.

    Signals
    -------
    segment, stop
        The button was clicked.
    """

    segment = Signal()
    stop = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_running = False
        self._is_ready = False
        self.line = _sentence()
        self.button = QPushButton("Segment")
        self.button.setMinimumHeight(32)
        self.button.setAutoDefault(True)
        self.bar = QProgressBar()
        self.bar.setFormat("%p %")
        self.bar.setAccessibleName("Progress of the segmentation")
        self.status = _sentence()
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 4, 0)
        column.setSpacing(4)
        for widget in (self.line, self.button, self.bar, self.status):
            column.addWidget(widget)
        self.button.clicked.connect(self._on_clicked)
        # A double click on Segment must not stop the run it has just begun.
        self._ready_to_stop = QTimer(self)
        self._ready_to_stop.setSingleShot(True)
        self._ready_to_stop.setInterval(QApplication.doubleClickInterval() + 100)

    def set_accent(self, color: str) -> None:
        """Give the button the colour of napari's theme that means "this one"."""
        self.button.setStyleSheet(f"QPushButton:enabled {{ background-color: {color}; font-weight: bold; }}")

    def show_plan(self, text: str, tone: Tone, *, is_ready: bool) -> None:
        """Say what would be segmented, or why nothing can be."""
        self._is_ready = is_ready
        _say(self.line, text, tone)
        if not self._is_running:
            self.button.setEnabled(is_ready)
            self.button.setToolTip("" if is_ready else f"<qt>{text}</qt>")

    def draw(self, report: SegmentReport) -> None:
        """Show how far a run is, or how it ended."""
        if report.is_running and not self._is_running:
            self._ready_to_stop.start()
        self._is_running = report.is_running
        self.line.setVisible(not report.is_running and bool(self.line.text()))
        self.bar.setVisible(report.is_running)
        stopping = report.phase == "stopping"
        self.button.setText("Stopping…" if stopping else "Stop" if report.is_running else "Segment")
        self.button.setEnabled(not stopping and (report.is_running or self._is_ready))
        if report.is_running:
            self.button.setToolTip("End the segmentation; what is finished stays.")
        known = report.progress is not None and not report.waiting
        self.bar.setRange(0, 1000 if known else 0)  # 0 to 0: busy, how long it takes is not known yet
        if report.progress is not None:
            self.bar.setValue(round(report.progress.fraction * 1000))
        _say(self.status, *status(report))

    def _on_clicked(self) -> None:
        if not self._is_running:
            self.segment.emit()
        elif not self._ready_to_stop.isActive():
            self.stop.emit()


def status(report: SegmentReport) -> tuple[str, Tone]:
    """How a run is going, or went, in words."""
    notices = [n.text for n in report.notices[-2:]]
    layers = " and ".join(report.layers)
    match report.phase:
        case "running":
            where = f"Segmenting on {report.device}" if report.device else "Starting…"
            left = time_left(report.progress.seconds_left) if report.progress is not None else ""
            return " · ".join(filter(None, [report.waiting or where, left, *notices])), "plain"
        case "finished":
            return " ".join([f"Done: {layers}." if layers else "Done.", *notices]), "plain"
        case "stopped":
            return f"Stopped; what was finished is in {layers}." if layers else "Stopped.", "plain"
        case "failed" if report.failure is not None:
            return f"{report.failure.problem} {report.failure.remedy}".strip(), "error"
        case _:
            return "", "plain"


def _say(label: QLabel, text: str, tone: Tone) -> None:
    label.setText(text)
    label.setVisible(bool(text))
    set_tone(label, tone)


def _sentence() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label

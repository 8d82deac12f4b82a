"""The part of the dock that is always in sight: what will happen, the button, and how far it is."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.errors import StorageError
from napari_unet.models.examples import copy_examples
from napari_unet.viewer.bridge import time_left
from napari_unet.viewer.style import set_tone
from napari_unet.viewer.train.output import SUFFIX, with_suffix
from napari_unet.viewer.train.preflight import Preflight
from napari_unet.viewer.train.run import RunReport


class Footer(QWidget):
    """One button that trains and stops, with the line that says what it will do.

    Signals
    -------
    train, stop
        The button was clicked.
    segment(Path)
        The user wants to segment with the trained model.
    """

    train = Signal()
    stop = Signal()
    segment = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: Path | None = None
        self._old_model: Path | None = None
        self._is_running = False
        self.result = QLabel()
        self.line = QLabel()
        for label in (self.result, self.line):
            label.setWordWrap(True)
        self.button = QPushButton("Train")
        self.button.setMinimumHeight(32)
        self.button.setAutoDefault(True)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("Progress of the training")
        self.segment_button = QPushButton("Segment with this model")
        self.segment_button.setToolTip("Open the dock 'Segment with U-Net' with the model just trained.")
        self.old_button = QPushButton("Back to the old model")
        self.old_button.setToolTip(
            "Segment with the model that was trained further: it is unchanged, and was better on the held-out pixels."
        )
        self.save_button = QPushButton("Save model as…")
        self.save_button.setToolTip("Save a copy of the model just trained under another name.")
        self._after = QWidget()
        after = QHBoxLayout(self._after)
        after.setContentsMargins(0, 0, 0, 0)
        after.addWidget(self.old_button)
        after.addWidget(self.segment_button)
        after.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(4)
        for widget in (self.result, self._after, self.line, self.button, self.progress):
            layout.addWidget(widget)
        self.button.clicked.connect(self._on_clicked)
        self.segment_button.clicked.connect(lambda: self.segment.emit(self._model))
        self.old_button.clicked.connect(lambda: self.segment.emit(self._old_model))
        self.save_button.clicked.connect(self._on_save)
        # A double click on Train must not stop the run it has just begun.
        self._ready_to_stop = QTimer(self)
        self._ready_to_stop.setSingleShot(True)
        self._ready_to_stop.setInterval(QApplication.doubleClickInterval() + 100)

    def set_accent(self, color: str) -> None:
        """Give the button the colour of napari's theme that means "this one"."""
        self.button.setStyleSheet(f"QPushButton:enabled {{ background-color: {color}; font-weight: bold; }}")

    def show_preflight(self, check: Preflight, *, is_preparing: bool = False) -> None:
        """Say what will be trained, or why it cannot start."""
        text = f"Getting ready: {check.text}" if is_preparing else check.text
        self.line.setText(text)
        self.line.setVisible(bool(text))
        set_tone(self.line, "plain" if check.is_ready else "warning")
        self.button.setEnabled(check.is_ready)
        self.button.setToolTip(
            "Start to train. You can go on painting meanwhile." if check.is_ready else check.text
        )

    def draw(self, report: RunReport) -> None:
        """Show how far a run is, or how it ended."""
        if report.is_running and not self._is_running:
            self._ready_to_stop.start()
        self._is_running = report.is_running
        self._model = report.model_path
        self.progress.setVisible(report.is_running)
        text, is_problem = result_text(report)
        self.result.setText(text)
        self.result.setVisible(bool(text) and not report.is_running)
        set_tone(self.result, "error" if is_problem else "plain")
        has_model = report.model_path is not None and not report.is_running and report.model_path.is_file()
        self._after.setVisible(has_model)
        self._old_model = report.request.start_from if report.request is not None else None
        self.old_button.setVisible(report.got_worse and self._old_model is not None)
        if report.is_running:
            self._draw_progress(report)
        else:
            self.button.setText("Train")

    def _draw_progress(self, report: RunReport) -> None:
        is_stopping = report.phase == "stopping"
        self.button.setText("Stopping…" if is_stopping else "Stop")
        self.button.setToolTip("End the training now; the best weights so far are kept.")
        self.button.setEnabled(not is_stopping)
        line, progress = "Saving the best weights…" if is_stopping else report.waiting, report.progress
        if progress is None:
            self.progress.setRange(0, 0)  # busy: how long it takes is not known yet
            line = line or "Starting…"
        else:
            self.progress.setRange(0, 1000)
            self.progress.setValue(round(progress.fraction * 1000))
            left = time_left(progress.seconds_left)
            line = line or " · ".join(part for part in (progress.text, left) if part)
        self.progress.setFormat("%p %")
        self.line.setText(line)
        self.line.setVisible(True)
        set_tone(self.line, "plain")

    def _on_clicked(self) -> None:
        if not self._is_running:
            self.train.emit()
        elif not self._ready_to_stop.isActive():
            self.stop.emit()

    def _on_save(self) -> None:
        source = self._model
        if source is None:
            return
        name, _ = QFileDialog.getSaveFileName(self, "Save the model as", str(source), f"Models (*{SUFFIX})")
        if name:
            self.save_copy(Path(name))

    def save_copy(self, path: Path) -> None:
        """Copy the model just trained, and what it learnt from; where that fails, what was there survives."""
        path = with_suffix(path)
        if self._model is None or path == self._model:
            return
        temporary = path.with_name(f".{path.name}.part")
        try:
            shutil.copyfile(self._model, temporary)
            copy_examples(self._model, path)
            temporary.replace(path)
        except (OSError, StorageError) as error:
            temporary.unlink(missing_ok=True)
            reason = error.problem if isinstance(error, StorageError) else f"{error.strerror or error}."
            self.result.setText(f"The copy could not be saved: {reason} Choose another folder.")
            set_tone(self.result, "error")
        else:
            self.result.setText(f"Saved a copy as {path.name}.")
            set_tone(self.result, "plain")
        self.result.show()


def result_text(report: RunReport) -> tuple[str, bool]:
    """How a run ended, as sentences, and whether that is a problem; empty where it has not ended."""
    saved = f"The model is saved as {report.model_path.name}." if report.model_path is not None else ""
    if report.failure is not None:
        parts = [report.failure.problem, report.failure.remedy]
        name = report.model_path.name if report.model_path is not None else ""
        if name and not any(name in part for part in parts):
            parts.append(f"The best weights until then are in {name}.")
        return " ".join(part for part in parts if part), True
    if report.phase != "finished":
        return "", False
    if not saved:
        return "Stopped before anything was learnt; no model was written.", False
    how = "Stopped." if report.stopped else "Finished."
    best = report.best if report.regions is not None and report.regions.honest else None
    score = f" Validation Dice {best.mean_dice:.2f}." if best is not None else ""
    if best is not None and math.isfinite(best.object_ap):
        score = f" Validation AP of objects {best.object_ap:.2f}, Dice {best.mean_dice:.2f}."
    if best is not None and report.before is not None:
        score += _compared(report)
    return f"{how}{score} {saved}", False


def _compared(report: RunReport) -> str:
    """Before and after, on the same held-out regions, as a sentence with a space before it."""
    before, best = report.before, report.best
    if before is None or best is None:
        return ""
    if math.isfinite(before.object_ap):
        was, now, what = before.object_ap, best.object_ap, "AP of objects"
    else:
        was, now, what = before.mean_dice, best.mean_dice, "Dice"
    if report.got_worse:
        return f" This is worse than before, on the same held-out pixels: {what} {was:.3f}, now {now:.3f}."
    return f" Before, on the same held-out pixels: {what} {was:.3f}."

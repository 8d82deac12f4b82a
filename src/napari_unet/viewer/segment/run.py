"""One viewer's segmentation: the job, and the layers its results stream into. It outlives the dock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.errors import InputError, UNetError
from napari_unet.events import (
    Box,
    Event,
    Failed,
    Finished,
    Notice,
    PredictedObjects,
    PredictedRegion,
    Progress,
    Started,
    Waiting,
)
from napari_unet.models.record import ModelRecord
from napari_unet.settings import PredictSettings
from napari_unet.viewer.bridge import ActivityProgress, Engine, Job
from napari_unet.viewer.layers import selection_kept
from napari_unet.viewer.per_viewer import OnePerViewer
from napari_unet.viewer.results import add_prediction, add_probabilities, paint_region
from napari_unet.viewer.segment.maps import GrowingMaps
from napari_unet.viewer.segment.plan import SegmentPlan, run_record

if TYPE_CHECKING:
    import napari

REFRESH = 200
"""Time between two drawings of a growing result, in milliseconds."""


@dataclass
class SegmentReport:
    """What the run has said so far, for any dock that shows it."""

    phase: Literal["idle", "running", "stopping", "finished", "stopped", "failed"] = "idle"
    waiting: str = ""
    device: str = ""
    progress: Progress | None = None
    notices: list[Notice] = field(default_factory=list)
    failure: Failed | None = None
    layers: list[str] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Whether the job has not ended yet."""
        return self.phase in ("running", "stopping")


@dataclass(frozen=True)
class _Task:
    plan: SegmentPlan
    model: Path
    record: ModelRecord
    settings: PredictSettings
    started: str


class SegmentRun(QObject):
    """The segmentation of one viewer, at most one at a time.

    Signals
    -------
    heard
        After everything that changes the report.
    """

    heard = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.report = SegmentReport()
        self._viewer = ref(viewer)
        self._is_open = True
        self._watched = False
        self._job: Job | None = None
        self._task: _Task | None = None
        self._number = 0
        self._advice: set[str] = set()  # what the dock says beside the device already
        self._activity: ActivityProgress | None = None
        self._labels: dict[int, Layer] = {}
        self._probabilities: dict[int, Layer] = {}
        self._undrawn: set[Layer] = set()
        self._undecoded: dict[int, list[Box]] = {}
        self._maps = GrowingMaps()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH)
        self._timer.timeout.connect(self._draw)

    def watch(self, window: QWidget) -> None:
        """Notice when the viewer's window goes: the run then ends."""
        if not self._watched:
            self._watched = True
            window.destroyed.connect(self._on_viewer_closed)

    def start(
        self, engine: Engine, plan: SegmentPlan, model: Path, record: ModelRecord, settings: PredictSettings
    ) -> None:
        """Begin to segment; does nothing while a run is under way."""
        if self.report.is_running:
            return
        self._number += 1
        self._labels, self._probabilities, self._maps = {}, {}, GrowingMaps()
        self._advice = {r.advice for r in engine.device_reports.values()}
        self._task = _Task(plan, model, record, settings, datetime.now(UTC).isoformat(timespec="seconds"))
        self.report = SegmentReport(phase="running")
        self._activity = ActivityProgress("Segment with U-Net")
        try:
            self._job = engine.submit(plan.request(model, settings), partial(self._on_event, self._number))
        except UNetError as error:
            self._on_event(self._number, Failed(error.problem, error.remedy, type(error).__name__))
        self.heard.emit()

    def stop(self) -> None:
        """Ask the run to end; what is finished stays."""
        if self.report.phase == "running" and self._job is not None:
            self.report.phase = "stopping"
            self._job.stop()
            self.heard.emit()

    def _on_event(self, number: int, event: Event) -> None:
        report = self.report
        if number != self._number or not report.is_running or not self._is_open:
            return
        try:
            self._take(event)
        except (InputError, MemoryError) as error:
            problem, remedy = (
                (error.problem, error.remedy)
                if isinstance(error, InputError)
                else (
                    "The result does not fit into memory.",
                    "Segment the current slice, or use the command line.",
                )
            )
            self._abandon(Failed(problem, remedy, type(error).__name__))
        self.heard.emit()

    def _take(self, event: Event) -> None:
        report = self.report
        match event:
            case Waiting():
                report.waiting = event.reason
            case Started():
                report.waiting, report.device = "", event.device
                self._add_layers()
            case Progress():
                report.waiting, report.progress = "", event
                if self._activity is not None:
                    self._activity.show(event)
            case Notice() if event.text not in self._advice:
                report.notices.append(event)
            case PredictedRegion():
                self._paint(event.image, event.region, event.labels, event.probabilities)
                if self._of_objects:  # until they are told apart
                    self._undecoded.setdefault(event.image, []).append(event.region)
            case PredictedObjects():
                self._paint(event.image, event.region, event.objects)
                waiting = self._undecoded.get(event.image, [])
                self._undecoded[event.image] = [box for box in waiting if not _within(box, event.region)]
                self._maps.add(self._labels.get(event.image), event)
            case Finished():
                self._end("stopped" if event.stopped else "finished")
            case Failed():
                report.failure = event
                self._end("failed")

    def _add_layers(self) -> None:
        viewer, task = self._viewer(), self._task
        if viewer is None or task is None or self._labels:
            return
        classes = task.record.annotation.classes
        dtype: Any = np.uint8 if max(c.value for c in classes) < 256 else np.uint16
        if self._of_objects:
            dtype = np.int32
        annotation = task.record.annotation
        for i, (image, anchor) in enumerate(zip(task.plan.images, task.plan.anchors, strict=True)):
            record = run_record(task.plan, i, task.model, task.record, task.started)
            record["settings"] = task.settings.model_dump(mode="json")
            shape, name = image.label_shape, f"{image.name} U-Net"
            with selection_kept(viewer):
                if task.settings.probabilities:
                    data = np.zeros((len(classes), *shape), np.float16)
                    self._probabilities[i] = add_probabilities(
                        viewer, anchor, data, annotation, f"{name} probabilities", record
                    )
                self._labels[i] = add_prediction(
                    viewer, anchor, np.zeros(shape, dtype), annotation, name, record
                )
        self.report.layers = [layer.name for layer in self._labels.values()]

    @property
    def _of_objects(self) -> bool:
        return self._task is not None and self._task.record.annotation.kind == "objects"

    def _paint(self, image: int, region: Box, labels: Any, probabilities: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        pieces: tuple[tuple[Layer | None, Any], ...] = (
            (self._labels.get(image), labels),
            (self._probabilities.get(image), probabilities),
        )
        for layer, values in pieces:
            if layer is not None and values is not None and layer in viewer.layers:
                paint_region(layer, region, values, refresh=False)
                self._undrawn.add(layer)
        if self._labels and not any(la in viewer.layers for la in self._labels.values()):
            self.stop()  # whoever deletes the result does not want the rest of it
        elif self._undrawn and not self._timer.isActive():
            self._timer.start()

    def _draw(self) -> None:
        viewer = self._viewer()
        undrawn, self._undrawn = self._undrawn, set()
        if viewer is None or not self._is_open:
            return
        for layer in undrawn:
            if layer in viewer.layers:
                layer.refresh()

    def _end(self, phase: Literal["finished", "stopped", "failed"]) -> None:
        for image, boxes in self._undecoded.items():  # a foreground whose objects nobody told apart
            for box in boxes:
                self._paint(image, box, np.zeros([stop - start for start, stop in box], np.int32))
        self._undecoded = {}
        self._timer.stop()
        self._draw()
        if phase == "finished" and (task := self._task) is not None:
            for i, layer in self._labels.items():
                self._maps.keep(i, layer, task.plan.images[i].label_axes, task.record, task.settings)
        viewer = self._viewer()
        if phase == "failed" and viewer is not None:
            for layer in (*self._labels.values(), *self._probabilities.values()):
                if layer in viewer.layers and not _holds_anything(layer):
                    viewer.layers.remove(layer)
        if viewer is not None:
            self.report.layers = [la.name for la in self._labels.values() if la in viewer.layers]
        self.report.phase = phase
        self._close()

    def _abandon(self, failure: Failed) -> None:
        """End a run whose results have nowhere to go."""
        if self._job is not None:
            self._job.release()
            self._job.stop()
        self.report.failure = failure
        self._end("failed")

    def _close(self) -> None:
        if self._activity is not None:
            self._activity.close()
        self._activity = self._job = self._task = None
        self._labels, self._probabilities, self._maps = {}, {}, GrowingMaps()

    def _on_viewer_closed(self) -> None:
        self._is_open = False
        self._timer.stop()
        if self._job is not None:
            self._job.release()
            self._job.stop()
        if self.report.is_running:
            self.report.phase = "stopped"
        self._close()


def _within(box: Box, region: Box) -> bool:
    return all(low <= a and b <= high for (a, b), (low, high) in zip(box, region, strict=True))


def _holds_anything(layer: Any) -> bool:
    return bool(np.any(layer.data))


run_of = OnePerViewer(SegmentRun)
"""The segmentation that belongs to a viewer."""

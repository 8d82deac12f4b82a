"""One viewer's training: what it has said so far, and the job itself. It outlives the dock that shows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import ReferenceType, ref

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.errors import UNetError
from napari_unet.events import (
    Before,
    Event,
    Failed,
    Finished,
    ModelSaved,
    Notice,
    Progress,
    Started,
    TrainingStep,
    Validation,
    ValidationRegions,
    Waiting,
)
from napari_unet.requests import TrainingRequest
from napari_unet.viewer.bridge import ActivityProgress
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.per_viewer import OnePerViewer
from napari_unet.viewer.remembered import add_recent_model
from napari_unet.viewer.train.regions import Placement, remove_regions, show_regions

if TYPE_CHECKING:
    import napari

Phase = Literal["idle", "running", "stopping", "finished", "failed"]


@dataclass
class RunReport:
    """What a run has said so far: enough to draw it again in a dock that is opened later.

    Attributes
    ----------
    losses : list of (minutes, loss)
        Training loss.
    before : Before or None
        Scores of the model that is trained further.
    validations : list of Validation
        In order; empty where no honest score is possible.
    model_path : Path or None
        The best weights on disk, once there are any.
    """

    phase: Phase = "idle"
    request: TrainingRequest | None = None
    device: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    waiting: str = ""
    progress: Progress | None = None
    losses: list[tuple[float, float]] = field(default_factory=list)
    before: Before | None = None
    validations: list[Validation] = field(default_factory=list)
    regions: ValidationRegions | None = None
    notices: list[Notice] = field(default_factory=list)
    model_path: Path | None = None
    stopped: bool = False
    failure: Failed | None = None

    @property
    def is_running(self) -> bool:
        """Whether the job has not ended yet."""
        return self.phase in ("running", "stopping")

    @property
    def best(self) -> Validation | None:
        """The validation whose weights are kept."""
        return next((v for v in reversed(self.validations) if v.is_best), None)

    @property
    def got_worse(self) -> bool:
        """Whether the model that was trained further was better on the same held-out regions."""
        best, before = self.best, self.before
        if best is None or before is None or self.phase != "finished":
            return False
        if math.isfinite(before.object_ap):
            return best.object_ap < before.object_ap
        return best.mean_dice < before.mean_dice

    def hear(self, event: Event) -> None:
        """Take in one event of the job."""
        match event:
            case Waiting():
                self.waiting = event.reason
            case Notice():
                self.notices.append(event)
            case Started():
                self.waiting, self.device, self.plan = "", event.device, dict(event.plan)
            case Progress():
                self.waiting, self.progress = "", event
            case ValidationRegions():
                self.regions = event
            case TrainingStep():
                self.losses.append((event.seconds / 60, event.loss))
            case Before():
                self.before = event
            case Validation():
                self.validations.append(event)
            case ModelSaved():
                self.model_path = Path(event.path)
            case Finished():
                self.phase, self.stopped = "finished", event.stopped
                if event.model_path:
                    self.model_path = Path(event.model_path)
            case Failed():
                self.phase, self.failure = "failed", event


class TrainingRun(QObject):
    """The training of one viewer, at most one at a time.

    Signals
    -------
    heard(Event)
        After every event of the job, on the GUI thread; ``None`` when a run begins or is asked to stop.
    """

    heard = Signal(object)

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.report = RunReport()
        self.job: Any = None
        self._viewer = ref(without_proxy(viewer))
        self._viewer_is_open = True
        self._watched: ReferenceType[QWidget] | None = None
        self._placements: tuple[Placement | None, ...] = ()
        self._region_layers: list[Any] = []
        self._regions_are_visible = True
        self._number = 0
        self._activity: ActivityProgress | None = None

    def watch(self, window: QWidget) -> None:
        """End the run, its best weights kept, when ``window``, the viewer's own, is closed."""
        if self._watched is None:
            self._watched = ref(window)
            window.destroyed.connect(self._on_viewer_closed)

    @property
    def window(self) -> QWidget | None:
        """The viewer's window, for a question that outlives the dock."""
        return self._watched() if self._watched is not None and self._viewer_is_open else None

    def start(
        self,
        submit: Callable[[TrainingRequest, Callable[[Event], None]], Any],
        request: TrainingRequest,
        placements: tuple[Placement | None, ...],
    ) -> None:
        """Begin to train; does nothing while a run is under way.

        Parameters
        ----------
        submit : callable
            ``Engine.submit``.
        request : TrainingRequest
            What to train.
        placements : tuple of (Placement or None)
            Where each image lies in the viewer, to draw what is held out; ``None`` for files.
        """
        if self.report.is_running:
            return
        self._number += 1
        self.report = RunReport(phase="running", request=request)
        self._placements = placements
        self._forget_regions()
        self._activity = ActivityProgress("Training a U-Net")
        try:
            self.job = submit(request, partial(self._on_event, self._number))
        except (UNetError, OSError) as error:
            problem = error.problem if isinstance(error, UNetError) else f"Training could not start: {error}."
            self._on_event(self._number, Failed(problem, getattr(error, "remedy", ""), type(error).__name__))
        self.heard.emit(None)

    def stop(self) -> None:
        """Ask the run to end; what was reached is kept."""
        if self.report.phase == "running":
            self.report.phase = "stopping"
            if self.job is not None:
                self.job.stop()
            self.heard.emit(None)

    def show_held_out(self, visible: bool) -> None:
        """Show or hide the held-out regions in the viewer."""
        self._regions_are_visible = visible
        for layer in self._region_layers:
            layer.visible = visible

    @property
    def shows_held_out(self) -> bool:
        """Whether held-out regions are to be visible."""
        return self._regions_are_visible

    def _on_event(self, number: int, event: Event) -> None:
        if number != self._number or not self.report.is_running:
            return  # a run that is over
        report = self.report
        report.hear(event)
        if isinstance(event, ValidationRegions):
            self._draw_regions(event)
        elif isinstance(event, Progress) and self._activity is not None:
            self._activity.show(event)
        if report.phase in ("finished", "failed"):
            self._on_end()
        self.heard.emit(event)

    def _on_end(self) -> None:
        self.job = None
        if self._activity is not None:
            self._activity.close()
        self._activity = None
        path = self.report.model_path
        if path is not None and path.is_file():
            add_recent_model(path)

    def _draw_regions(self, event: ValidationRegions) -> None:
        self._forget_regions()
        viewer = self._viewer()
        if viewer is None or not self._viewer_is_open:
            return
        self._region_layers = show_regions(viewer, self._placements, event.regions)
        self.show_held_out(self._regions_are_visible)

    def _forget_regions(self) -> None:
        viewer = self._viewer()
        if viewer is not None and self._viewer_is_open:
            remove_regions(viewer, self._region_layers)
        self._region_layers = []

    def _on_viewer_closed(self) -> None:
        self._viewer_is_open = False
        self.stop()


run_of = OnePerViewer(TrainingRun)
"""The training that belongs to a viewer."""

"""One viewer's live run: what is painted goes to it, what it makes of it comes back. It outlives the dock."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.errors import JobLostError, UNetError
from napari_unet.events import (
    Event,
    Failed,
    Finished,
    LiveState,
    ModelSaved,
    Notice,
    Preview,
    Started,
    Suggestion,
)
from napari_unet.labels import Annotation
from napari_unet.requests import Changed, LiveRequest, Renamed, WhereNext
from napari_unet.settings import LiveSettings
from napari_unet.viewer.bridge import Engine
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.live.classes import are_object_strokes, first_classes, name_object_strokes
from napari_unet.viewer.live.paintable import paintable_images
from napari_unet.viewer.live.preview import PreviewLayers
from napari_unet.viewer.live.report import LiveReport, Phase
from napari_unet.viewer.live.telling import Teller, labels_of
from napari_unet.viewer.per_viewer import OnePerViewer
from napari_unet.viewer.places import centre_on
from napari_unet.viewer.remembered import add_recent_model
from napari_unet.viewer.train.pairs import LayerPair

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

TICK = 100
"""Milliseconds between two looks at what was painted and where one looks."""

LOST_AGAIN = 60.0
"""Seconds; a run whose process is lost twice within them is not begun a third time by itself."""


class LiveRun(QObject):
    """The live run of one viewer, at most one at a time.

    Attributes
    ----------
    previews, settings : PreviewLayers, LiveSettings
        Of the latest run.

    Signals
    -------
    heard
        After everything that changes the report.
    previewed(Preview)
        After a piece of a preview has been drawn.
    """

    heard = Signal()
    previewed = Signal(object)

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.report = LiveReport()
        self._viewer = ref(without_proxy(viewer))
        self._is_open = True
        self._watched = False
        self._job: Any = None
        self._number = 0
        self._engine: Engine | None = None
        self.settings = LiveSettings()
        self._request: LiveRequest | None = None
        self._lost_at = -inf
        self._annotation: Annotation | None = None
        self._pairs: list[LayerPair] = []
        self._teller: Teller | None = None
        self.previews = PreviewLayers()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self._on_tick)

    def watch(self, window: QWidget) -> None:
        """Notice when the viewer's window goes: the run then ends."""
        if not self._watched:
            self._watched = True
            window.destroyed.connect(self._on_viewer_closed)

    def start(
        self,
        engine: Engine,
        pairs: list[LayerPair],
        settings: LiveSettings,
        output: Path,
        start_from: Path | None = None,
    ) -> None:
        """Begin; does nothing while a run is under way.

        Raises
        ------
        UNetError
            If the layers cannot be learnt from.
        """
        if self.report.is_on:
            return
        images = paintable_images(pairs)
        self._annotation = first_classes(labels_of(pairs), objects=settings.objects)
        self._pairs = pairs
        self.previews = self.previews.successor()
        self._engine = engine
        self.report = LiveReport(phase="starting")
        self.settings = settings
        self._begin(LiveRequest(images, self._annotation, settings, output, start_from))
        self._timer.start()
        self.heard.emit()

    def _begin(self, request: LiveRequest) -> None:
        """Ask for a run, which gets everything that was ever painted."""
        self._let_go()
        self._teller = Teller(self._pairs, request.annotation)
        self._number += 1
        self._request = request
        if self._engine is not None:
            self._job = self._engine.submit(request, partial(self._on_event, self._number))

    def stop(self) -> None:
        """End it; the model as it is by then is kept."""
        if self.report.is_on and self.report.phase != "stopping":
            self._tell_news()
            if self._job is None:  # what was painted last could not be told, and ended it
                return
            self._say(phase="stopping")
            self._timer.stop()
            self._job.stop()

    def change(self, settings: LiveSettings) -> None:
        """Let it go on with these settings; of them computing time and objects take effect at once.

        Raises
        ------
        InputError
            If the strokes are not those that objects are learnt from.
        """
        if self._job is None or self._request is None:
            return
        if settings.objects:
            name_object_strokes(labels_of(self._pairs))
        self._request, self.settings = replace(self._request, settings=settings), settings
        self._job.send(Changed(settings))

    def ask_where_next(self) -> None:
        """Go, as soon as it is known, to where a label would help most."""
        if self._job is not None:
            self._job.send(WhereNext())

    def learn_from(self, labels: Labels, instead_of: Labels) -> None:
        """Learn from a layer in place of another one of the same shape; previews go on."""
        self.previews.reassign(labels, instead_of)
        if self._teller is not None:
            self._teller.learn_from(labels, instead_of)
            self._pairs = self._teller.pairs

    # What goes to the run

    def _on_tick(self) -> None:
        viewer = self._viewer()
        if viewer is None or not self._is_open:
            return
        gone = [labels.name for labels in labels_of(self._pairs) if labels not in viewer.layers]
        if gone:
            self._say(ended_by=f"{', '.join(gone)} is no longer in the viewer, so learning ended.")
            self.stop()
            return
        self._tell_news()

    def _tell_news(self) -> None:
        """Tell the run what has changed since the last time."""
        viewer, teller = self._viewer(), self._teller
        if viewer is None or self._job is None or teller is None:
            return
        try:
            for message in teller.news(viewer):
                if isinstance(message, Renamed):
                    self._on_renamed(message.annotation)
                self._job.send(message)
        except UNetError as error:  # more classes than there can be
            self._job.stop()
            self._end(phase="failed", failure=Failed(error.problem, error.remedy, kind=type(error).__name__))

    def _on_renamed(self, annotation: Annotation) -> None:
        """Show these classes; objects are found among those of their strokes only."""
        self._annotation = annotation
        self.previews.use(annotation)
        if self.settings.objects and not are_object_strokes(annotation):
            self.change(self.settings.model_copy(update={"objects": False}))
            text = "There are other classes than those of objects: the model is one of classes from here on."
            self._say(notices=(*self.report.notices, Notice(text, "warning")))

    def _let_go(self) -> None:
        """Hear no more of the layers."""
        if self._teller is not None:
            self._teller.close()
            self._teller = None

    # What comes back

    def _on_event(self, number: int, event: Event) -> None:
        if number != self._number or not self.report.is_on or not self._is_open:
            return
        match event:
            case Started():
                self._say(device=event.device)
            case LiveState():
                phase: Phase = "stopping" if self.report.phase == "stopping" else event.state
                self._say(phase=phase, steps=event.step, painted=event.painted)
            case Preview():
                self._show(event)
            case Suggestion():
                self._go(event)
            case ModelSaved():
                self._say(model_path=Path(event.path))
            case Notice():
                self._say(notices=(*self.report.notices, event))
            case Finished():
                self._end(phase="off")
            case Failed() if event.kind == JobLostError.__name__ and self.report.phase != "stopping":
                self._on_lost(event)
            case Failed():
                self._end(phase="failed", failure=event)

    def _on_lost(self, event: Failed) -> None:
        """The process that learnt is no more: begin once more with all strokes, but not again and again."""
        failure = replace(event, remedy="What was painted is all there: switch live learning on again.")
        now, request, saved = time.monotonic(), self._request, self.report.model_path
        if request is None or self._annotation is None or now - self._lost_at < LOST_AGAIN:
            self._end(phase="failed", failure=failure)
            return
        self._lost_at = now
        start_from = saved if saved is not None and saved.is_file() else request.start_from
        try:
            self._begin(replace(request, annotation=self._annotation, start_from=start_from))
        except UNetError:
            self._end(phase="failed", failure=failure)
            return
        text = f"{event.problem} Learning began once more, with everything that was painted."
        self._say(phase="starting", notices=(*self.report.notices, Notice(text, "warning")))

    def _show(self, event: Preview) -> None:
        viewer, pair = self._viewer(), self._pairs[event.image]
        if viewer is None or self._annotation is None:
            return
        if self.previews.show(viewer, pair, self._annotation, event):
            self.previewed.emit(event)

    def _go(self, event: Suggestion) -> None:
        """Show the image, if others lie above it, and the place in it."""
        viewer, labels = self._viewer(), self._pairs[event.image].labels
        if viewer is None or labels is None:
            return
        if len(self._pairs) > 1:
            self.previews.reveal(self._pairs, event.image)
        viewer.layers.selection.active = labels
        centre_on(viewer, labels, event.point)

    def _end(self, **changes: Any) -> None:
        self._timer.stop()
        self._job = None
        self._let_go()
        path = self.report.model_path
        if path is not None and path.is_file():
            add_recent_model(path)
        self._say(**changes)

    def _say(self, **changes: Any) -> None:
        self.report = replace(self.report, **changes)
        self.heard.emit()

    def _on_viewer_closed(self) -> None:
        self._is_open = False
        self._timer.stop()
        self._let_go()
        self.previews, self._pairs = PreviewLayers(), []  # which hold the viewer and its layers
        if self._job is not None:
            self._job.stop()


live_run_of = OnePerViewer(LiveRun)
"""The live run of a viewer."""

"""The dock "Train U-Net"."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import napari.viewer
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.labels import Annotation
from napari_unet.requests import TrainingRequest
from napari_unet.settings import TrainSettings
from napari_unet.viewer.bridge import engine
from napari_unet.viewer.dock import Dock
from napari_unet.viewer.keys import Keys
from napari_unet.viewer.layers import annotation_of, without_proxy
from napari_unet.viewer.session.bar import SessionBar
from napari_unet.viewer.train import memory
from napari_unet.viewer.train.classes import (
    annotation_for,
    announced_values,
    keep_annotation,
    painted_part,
    said_kind,
)
from napari_unet.viewer.train.closing import ask_keep_or_stop
from napari_unet.viewer.train.footer import Footer
from napari_unet.viewer.train.live_bar import LiveBar
from napari_unet.viewer.train.preflight import Preflight
from napari_unet.viewer.train.preview_bar import PreviewBar
from napari_unet.viewer.train.run import run_of
from napari_unet.viewer.train.setup_page import SetupPage
from napari_unet.viewer.train.survey import Survey, Surveyor


class TrainDock(Dock):
    """Trains a U-Net on layers or folders, and shows how it goes.

    The run itself belongs to the viewer (:func:`run_of`): it goes on without this dock, another one shows it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are learnt from.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer = without_proxy(viewer)  # whose layers are proxies, and none of the chosen ones
        self.run = run_of(viewer)
        self._survey: Survey | None = None
        self._counted: tuple[Any, ...] = ()
        self._asked_about: list[int] = []
        self._annotation: Annotation | None = None
        self._wants_to_train = False
        self.surveyor = Surveyor(self)
        self.keys = Keys(viewer, self)
        self.page = SetupPage(viewer, engine(), self.keys)
        self.live = LiveBar(viewer, self.page, self.keys)
        self.preview = PreviewBar(viewer, self.page.source, self.keys)
        self.session = SessionBar(viewer, self.page, self.run, self.live.run)
        self.footer = Footer()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        for part in (self.session, self.page, self.live, self.preview, self.footer):
            layout.addWidget(part)
        self.setAcceptDrops(True)
        memory.restore(self.page)
        self._connect()
        self._on_theme()
        self._on_source()
        if self.run.report.is_running:
            self.page.show_report()  # the run is what a dock that is opened again is opened for

    def open_model(self, path: str | Path) -> None:
        """Start from a saved model: fine-tuning."""
        self.page.start.open(path)

    def train(self) -> None:
        """Begin to train as soon as the labels are counted and the device is known."""
        if self.run.report.is_running or self._wants_to_train:
            return
        self._wants_to_train = True
        if not self.page.source.uses_folders:
            for key, _ in self.page.source.annotations():
                self.surveyor.forget(key)  # whatever happened unannounced, the run gets what is there now
        self._count()

    def stop(self) -> None:
        """End the run; what was reached is kept."""
        self.run.stop()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for the device once the dock is there, so that opening it does not wait."""
        super().showEvent(event)
        self.watch(self.viewer_window)
        QTimer.singleShot(0, self._look_for_device)

    def watch(self, window: QWidget) -> None:
        """Notice when the viewer's window goes, and hear its keys."""
        for each in (self.run, self.live.run, self.session.autosave, self.keys):
            each.watch(window)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take model files."""
        urls = event.mimeData().urls()
        if urls and urls[0].toLocalFile().endswith(".safetensors"):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Start from the dropped model."""
        self.open_model(event.mimeData().urls()[0].toLocalFile())
        event.acceptProposedAction()

    def _connect(self) -> None:
        page = self.page
        self._count_later = QTimer(self)
        self._count_later.setSingleShot(True)
        self._count_later.setInterval(400)
        self._count_later.timeout.connect(self._count)
        self._save_later = QTimer(self)
        self._save_later.setSingleShot(True)
        self._save_later.setInterval(500)
        self._save_later.timeout.connect(self._remember)
        self._draw_later = QTimer(self)
        self._draw_later.setSingleShot(True)
        self._draw_later.setInterval(2000)  # each drawing costs a redraw of the whole window
        self._draw_later.timeout.connect(self._draw)
        page.source.changed.connect(self._on_source)
        page.source.painted.connect(self._on_painted)
        page.kind.chosen.connect(self._on_survey_used)
        page.class_box.edited.connect(self._use_classes)
        page.start.changed.connect(self._on_survey_used)
        page.form.changed.connect(self._on_settings)
        page.rate.wanted.connect(lambda: page.find_rate(self._survey, self._annotation))
        page.output.changed.connect(self._check)
        page.output.changed.connect(self._save_later.start)
        page.device.changed.connect(self._check)
        page.report.held_out_toggled.connect(self.run.show_held_out)
        self.surveyor.surveyed.connect(self._on_surveyed)
        self.footer.train.connect(self.train)
        self.footer.stop.connect(self.stop)
        self.footer.segment.connect(self._on_segment)
        self.run.heard.connect(self._on_heard)
        self._viewer.events.theme.connect(self._on_theme)
        surveyor, device = self.surveyor, page.device
        self.destroyed.connect(lambda: surveyor.close())
        self.destroyed.connect(lambda: device.release())

    # What is learnt from

    def _on_source(self) -> None:
        self._save_later.start()
        layers = self.page.source.annotation_layers()
        asked_about = [id(la) for la in layers]
        if (layers or self.page.source.uses_folders) and asked_about != self._asked_about:
            self._asked_about = asked_about  # of folders nobody has said anything yet
            self.page.kind.say(said_kind(layers))
        self._count()

    def _on_painted(self, key: Any) -> None:
        self.surveyor.forget(key)
        self._count_later.start()

    def _count(self) -> None:
        self._count_later.stop()
        annotations = self.page.source.annotations()
        keys = tuple(key for key, _ in annotations)
        if keys != self._counted:
            self._counted, self._survey, self._annotation = keys, None, None
        self.surveyor.ask(annotations)
        self._check()

    def _on_surveyed(self, survey: Survey) -> None:
        self._survey = survey
        self.page.kind.show_guess(survey.guess)
        self._on_survey_used()

    def _on_survey_used(self) -> None:
        """Find the classes and show them, in the table and in the layers: those painted, and those announced."""
        survey, kind = self._survey, self.page.kind.kind
        self._annotation, shown = None, None
        if survey is not None and kind is not None:
            layers = self.page.source.annotation_layers()
            record = self.page.start.record
            known = (*(annotation_of(la) for la in layers), record.annotation if record else None)
            with suppress(UNetError):  # the pre-flight check says why
                shown = annotation_for(kind, survey.counts, known, announced_values(kind, layers))
        self._use_classes(shown)
        self._check()

    def _use_classes(self, shown: Annotation | None) -> None:
        """Learn those that are painted; show all, and keep them in the layers."""
        if shown is not None:
            self._annotation = painted_part(shown, self._survey.counts if self._survey is not None else {})
            is_guessed = self.page.kind.said is None
            keep_annotation(self.page.source.annotation_layers(), shown, is_guessed=is_guessed)
        self.page.show_classes(shown, self._survey)

    # Settings

    def _on_settings(self, _form: Any = None) -> None:
        self._save_later.start()
        self._look_for_device()
        self._check()

    def _look_for_device(self) -> None:
        settings = self.page.settings
        if isinstance(settings, TrainSettings):
            self.page.look_for_device(settings.device)

    def _remember(self) -> None:
        settings = self.page.settings
        if isinstance(settings, TrainSettings):
            memory.save(self.page, settings)

    # Training

    def _check(self) -> None:
        """Say what will be trained, or why it cannot start; start where that was asked for."""
        if self.run.report.is_running or self.is_taken_out:
            return
        is_pending = self.surveyor.is_busy or self._count_later.isActive()
        check = self.page.preflight(self._survey, self._annotation)
        if self._wants_to_train and not is_pending and not (check.is_ready and self.page.device.is_looking):
            self._wants_to_train = False
            if check.is_ready:
                self._start()
                return
        self.page.mark(check)
        self.footer.show_preflight(check, is_preparing=self._wants_to_train)

    def _start(self) -> None:
        page, settings = self.page, self.page.settings
        if self._annotation is None or not isinstance(settings, TrainSettings):
            return
        try:
            images, placements = page.source.read(snapshot=True)
            output = page.output.path
            output.parent.mkdir(parents=True, exist_ok=True)
        except UNetError as error:
            self.footer.show_preflight(Preflight(str(error), part="source"))
            return
        except OSError as error:
            text = f"The folder for the model cannot be made: {error.strerror or error}. Choose another one."
            self.footer.show_preflight(Preflight(text, part="output"))
            return
        request = TrainingRequest(tuple(images), self._annotation, settings, output, page.start.path)
        page.show_report()  # first: a run's beginning handles events, and this dock may be gone after it
        self.run.start(engine().submit, request, tuple(placements))

    def _on_theme(self, _event: Any = None) -> None:
        self.footer.set_accent(get_theme(self._viewer.theme).current.as_hex())
        self._draw()

    def _on_heard(self, event: Any) -> None:
        if event is None or not self.run.report.is_running:
            self._draw()
        elif not self._draw_later.isActive():
            self._draw_later.start()

    def _draw(self) -> None:
        """Show the run as it is now."""
        report = self.run.report
        self.setUpdatesEnabled(False)  # one redraw of the window, not one for each widget
        self.page.draw(report, shows_held_out=self.run.shows_held_out)
        self.footer.draw(report)
        self.setUpdatesEnabled(True)
        if not report.is_running:
            self.page.output.after_run()
            self._check()

    def _on_segment(self, path: Path) -> None:
        _, widget = self._viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment with U-Net")
        widget.open_model(path)

    # Closing

    def close_down(self) -> None:
        """Begin nothing any more, and ask what becomes of a run under way."""
        self._wants_to_train = False
        self.surveyor.close()
        self._count_later.stop()
        self._draw_later.stop()
        if self._save_later.isActive():
            self._remember()
        self.keys.close()
        for part in (self.page.class_box, self.page.source, self.session, self.live, self.preview):
            part.close_connections()
        self.run.heard.disconnect(self._on_heard)
        self._viewer.events.theme.disconnect(self._on_theme)
        self.page.device.release()
        ask_keep_or_stop(self.run)

"""The scrolled part of the dock: everything that can be chosen, then how the run is going."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QFormLayout, QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.images import AnnotatedImage
from napari_unet.labels import Annotation
from napari_unet.requests import RateSearchRequest
from napari_unet.settings import Device, TrainSettings
from napari_unet.viewer.device_line import DeviceLine
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.form import SettingsForm
from napari_unet.viewer.keys import Keys
from napari_unet.viewer.session.button import ProjectButton
from napari_unet.viewer.train.class_box import ClassBox
from napari_unet.viewer.train.kind_box import KindBox
from napari_unet.viewer.train.output import OutputRow
from napari_unet.viewer.train.preflight import Choices, Preflight, examine
from napari_unet.viewer.train.rate_finder import RateFinder
from napari_unet.viewer.train.report_panel import ReportPanel
from napari_unet.viewer.train.run import RunReport
from napari_unet.viewer.train.source import SourceBox
from napari_unet.viewer.train.start import StartFrom
from napari_unet.viewer.train.survey import Survey

if TYPE_CHECKING:
    import napari

    from napari_unet.viewer.bridge import Engine


class SetupPage(QScrollArea):
    """Scrolls up and down where the window is small, never sideways.

    Attributes
    ----------
    project, source, kind, classes, start, form, rate, output, device, report
        The parts, from top to bottom.
    """

    def __init__(
        self, viewer: napari.Viewer, engine: Engine, keys: Keys, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.source = SourceBox(viewer)
        self.kind = KindBox()
        self.class_box = ClassBox(viewer, self.source, keys)
        self.classes = self.class_box.table
        self.start = StartFrom()
        self.form = SettingsForm(
            TrainSettings, basic=["minutes"], name="train_settings", hidden=["labels_are"]
        )
        self.rate = RateFinder()
        self.form.add_below("learning_rate", self.rate)
        field = self.form.fields["learning_rate"]
        self.rate.chosen.connect(lambda rate: setattr(field, "value", rate))
        self.setTabOrder(field.native, self.rate.button)
        self.setTabOrder(self.rate.button, self.rate.use_button)
        self.output = OutputRow()
        self.device = DeviceLine(engine)
        self.report = ReportPanel()
        self._engine = engine
        self._probed: Device | None = None
        self._scroll_later = QTimer(self)
        self._scroll_later.setSingleShot(True)
        self._scroll_later.setInterval(50)
        self._scroll_later.timeout.connect(lambda: self.ensureWidgetVisible(self.report, 0, 0))
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setVerticalSpacing(6)
        for title, widget, buddy in (
            ("Labels are", self.kind, self.kind.box),
            ("Start from", self.start, self.start.box),
            ("Model file", self.output, self.output.edit),
        ):
            label = QLabel(title)
            label.setBuddy(buddy)
            rows.addRow(label, widget)
            if widget is self.kind:
                rows.addRow(self.class_box)
        minutes = self.form.fields["minutes"].native
        label = next(la for la in self.form.native.findChildren(QLabel) if la.buddy() is minutes)
        rows.addRow(label, minutes)  # taken from the form, so that all fields stand in one column
        self.choices = QWidget()
        column = QVBoxLayout(self.choices)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.source)
        column.addLayout(rows)
        column.addWidget(self.form.native)
        self.project = ProjectButton()
        self.fold = Fold("Set-up", self.choices, corner=self.project)
        self.fold.expand()
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(4, 4, 6, 4)
        layout.setSpacing(8)
        layout.addWidget(self.fold)
        layout.addWidget(self.device)
        layout.addWidget(self.report)
        layout.addStretch(1)
        self.setWidget(page)

    def sizeHint(self) -> QSize:
        """A comfortable width for a dock; the height is the window's."""
        return QSize(340, 500)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough for a small window."""
        return QSize(300, 120)

    @property
    def settings(self) -> TrainSettings | str:
        """The settings, or why they cannot be used."""
        try:
            settings = self.form.value
        except UNetError as error:
            return str(error)
        return TrainSettings.model_validate({**settings.model_dump(), "labels_are": self.kind.kind})

    def preflight(self, survey: Survey | None, annotation: Annotation | None) -> Preflight:
        """Look at everything that is chosen.

        Parameters
        ----------
        survey : Survey or None
            What is painted; ``None`` while it is counted.
        annotation : Annotation or None
            The classes; ``None`` where there are none.
        """
        images: list[AnnotatedImage] | str
        try:
            images, _ = self.source.read(snapshot=False)
            self.output.propose(self.source.name)
        except UNetError as error:
            images = str(error)
        return examine(
            Choices(
                images=images,
                survey=survey,
                kind=self.kind.kind,
                annotation=annotation,
                start=self.start.problem or self.start.record,
                settings=self.settings,
                output=self.output.problem,
                device=self.device.problem,
                device_words=self.device.words,
            )
        )

    def find_rate(self, survey: Survey | None, annotation: Annotation | None) -> None:
        """Search for a learning rate for what would be trained now, or say why that cannot be.

        Parameters
        ----------
        survey, annotation
            As for :meth:`preflight`.
        """
        check, settings = self.preflight(survey, annotation), self.settings
        if isinstance(settings, str) or not (check.is_ready or check.part == "output"):
            self.rate.say(check.text, "warning")
            return
        if annotation is None:
            self.rate.say("The labels are still being counted. Try again in a moment.", "warning")
            return
        try:
            images, _ = self.source.read(snapshot=True)
        except UNetError as error:
            self.rate.say(str(error), "error")
            return
        request = RateSearchRequest(tuple(images), annotation, settings, self.start.path)
        self.rate.start(self._engine.submit, request)

    def look_for_device(self, wanted: Device) -> None:
        """Find out what ``wanted`` means here, once for each choice."""
        if wanted != self._probed:
            self._probed = wanted
            self.device.probe(wanted)

    def show_classes(self, annotation: Annotation | None, survey: Survey | None) -> None:
        """Show the classes, and what is painted of them."""
        counts, strokes = (survey.counts, survey.strokes) if survey is not None else ({}, {})
        self.class_box.show_annotation(annotation, counts, strokes)

    def mark(self, check: Preflight) -> None:
        """Frame what has to be corrected before training can start."""
        if not check.is_ready:
            self.fold.expand()
        self.kind.ask(check.text if check.part == "kind" else "")
        self.output.mark(check.text if check.part == "output" else "")

    def draw(self, report: RunReport, *, shows_held_out: bool) -> None:
        """Show a run; what was chosen for it cannot be changed while it is under way."""
        if report.is_running:
            self.rate.stop()  # training does not wait for it
        self.choices.setEnabled(not report.is_running)
        self.device.setEnabled(not report.is_running)
        self.report.draw(report)
        self.report.show_held_out.setChecked(shows_held_out)
        if report.plan:
            self.form.suggest({k: v for k, v in report.plan.items() if k in self.form.fields})

    def show_report(self) -> None:
        """Fold the set-up away and scroll to how the run is going, once it has its size."""
        self.report.curves.preload()
        self.fold.collapse()
        self._scroll_later.start()

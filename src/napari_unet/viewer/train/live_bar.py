"""The switch for live learning, and how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import InputError, UNetError
from napari_unet.settings import LiveSettings
from napari_unet.viewer.bridge import engine
from napari_unet.viewer.key_button import KeyButton
from napari_unet.viewer.keys import LIVE, Keys
from napari_unet.viewer.layers import annotation_of
from napari_unet.viewer.live.classes import are_object_strokes, name_classes_of
from napari_unet.viewer.live.report import LiveReport
from napari_unet.viewer.live.run import live_run_of
from napari_unet.viewer.live.telling import labels_of
from napari_unet.viewer.remembered import load, save
from napari_unet.viewer.style import set_tone
from napari_unet.viewer.train.classes import said_kind
from napari_unet.viewer.train.pairs import LayerPair

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

    from napari_unet.viewer.train.setup_page import SetupPage


SHARES = (1.0, 0.75, 0.5, 0.25, 0.1)
"""Of the time that may be spent computing."""

REMEMBERED = "live"


class LiveBar(QWidget):
    """One switch, how much it may compute, and a line.

    The run itself belongs to the viewer (:func:`live_run_of`): it goes on without this dock, another one shows it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are painted on.
    page : SetupPage
        Where they are chosen, and where the model goes.
    keys : Keys
        Which key is the switch.
    """

    def __init__(
        self, viewer: napari.Viewer, page: SetupPage, keys: Keys, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.run = live_run_of(viewer)
        self._page = page
        self._warning = ""
        self.button = QPushButton("Live: learn while I paint")
        self.button.setCheckable(True)
        self.button.setAutoDefault(False)
        self.button.setToolTip(
            "Paint a few strokes of each class, and watch the segmentation appear and improve."
        )
        self.key = KeyButton(keys, LIVE)
        self.key.refused.connect(self._say_key)
        self.share = QComboBox()
        for share in SHARES:
            self.share.addItem(f"{share:.0%}", share)
        info = LiveSettings.model_fields["processor_share"]
        self.share.setToolTip(f"<qt>{info.title}: {info.description}</qt>")
        self.share.setAccessibleName(str(info.title))
        self.share.setCurrentIndex(max(0, self.share.findData((load(REMEMBERED) or {}).get("share"))))
        self.objects = QCheckBox("Find objects")
        info = LiveSettings.model_fields["objects"]
        self.objects.setToolTip(
            f"<qt>{info.description} Segment with U-Net numbers them with the model that is saved.</qt>"
        )
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.line.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(4)
        switch = QHBoxLayout()
        switch.addWidget(self.button, 1)
        switch.addWidget(self.key)
        layout.addLayout(switch)
        options = QHBoxLayout()
        options.addWidget(self.objects)
        options.addStretch()
        options.addWidget(QLabel(str(LiveSettings.model_fields["processor_share"].title)))
        options.addWidget(self.share)
        layout.addLayout(options)
        layout.addWidget(self.line)
        self.button.clicked.connect(self.switch)
        self.share.activated.connect(self._on_share)
        self.objects.clicked.connect(self._on_objects)
        keys.pressed.connect(self._on_key)
        self.run.heard.connect(self.draw)
        self._looked_at: list[Labels] = []
        page.source.changed.connect(self._look)
        self._look()
        self.draw()

    def switch(self, on: bool) -> None:
        """Begin to learn from what is painted, or end it."""
        self._warning = ""
        if not on:
            self.run.stop()
            return
        try:
            pairs = live_pairs(self._page)
            output = self._page.output.path
            if self._page.output.problem:
                raise InputError(self._page.output.problem)
            output.parent.mkdir(parents=True, exist_ok=True)
            if self._page.start.record is not None:
                name_classes_of(self._page.start.record, labels_of(pairs))
                self._looked_at = []
                self._look()
            self.run.start(engine("live"), pairs, self._settings(), output, self._page.start.path)
            if (said := said_kind(labels_of(pairs))) is not None:
                self._page.kind.say(said)
            self._page.source.refresh()  # its classes may have got names
        except UNetError as error:
            self._say_problem(str(error))
        except OSError as error:
            self._say_problem(
                f"The folder for the model cannot be made: {error.strerror or error}. Choose another model file."
            )

    def _look(self, _event: Any = None) -> None:
        """Find objects where the layers that are newly chosen have the strokes of objects."""
        layers = labels_of(self._page.source.pairs)
        is_new = layers != self._looked_at and not self.run.report.is_on
        if layers and is_new and all(are_object_strokes(annotation_of(layer)) for layer in layers):
            self.objects.setChecked(True)
        self._looked_at = layers

    def close_connections(self) -> None:
        """Hear no more of the run; the dock is going."""
        self.run.heard.disconnect(self.draw)
        self._page.source.changed.disconnect(self._look)

    def _on_share(self, _index: int) -> None:
        save(REMEMBERED, {"share": self.share.currentData()})
        self._change()

    def _settings(self) -> LiveSettings:
        return LiveSettings(processor_share=self.share.currentData(), objects=self.objects.isChecked())

    def _on_objects(self, on: bool) -> None:
        if not self._change():
            self.objects.setChecked(not on)
        self._page.source.refresh()

    def _change(self) -> bool:
        """Let a run that is on go on with what is chosen; returns whether it does."""
        self._warning = ""
        try:
            if self.run.report.is_on:
                self.run.change(self._settings())
        except UNetError as error:
            self._warn(str(error))
            return False
        self.draw()
        return True

    def _on_key(self, command: str) -> None:
        if command == LIVE:
            self.button.click()

    def _say_key(self, problem: str) -> None:
        self.draw()
        if problem:
            self._warn(problem)

    def _say_problem(self, problem: str) -> None:
        self.button.setChecked(False)
        self._warn(problem)

    def _warn(self, problem: str) -> None:
        """Say it until the user does something else here."""
        self._warning = problem
        self.draw()

    def draw(self) -> None:
        """Show how it goes."""
        report = self.run.report
        self.button.setChecked(report.is_on)
        self.button.setEnabled(report.phase != "stopping")
        if report.is_on:
            self.objects.setChecked(self.run.settings.objects)
        if report.phase == "off" and report.model_path == self._page.output.path:
            self._page.output.after_run()
        said = [notice.text for notice in report.notices[-1:] if report.is_on]
        text = self._warning or " ".join(part for part in (line_of(report), *said) if part)
        self.line.setText(text)
        self.line.setVisible(bool(text))
        is_failed = report.failure is not None and not self._warning
        set_tone(self.line, "error" if is_failed else "warning" if self._warning else "plain")


def live_pairs(page: SetupPage) -> list[LayerPair]:
    """The chosen pairs, to be painted on; a layer to paint on is added where there is none.

    Raises
    ------
    InputError
        If nothing is chosen that can be painted on.
    """
    source = page.source
    if source.uses_folders:
        raise InputError("Files cannot be painted on.", "Choose 'Layers', and open the image.")
    if not any(pair.images for pair in source.pairs):
        raise InputError("There is no image yet.", "Open or drop one, or use File > Open Sample.")
    if all(pair.labels is None for pair in source.pairs):
        source.add_annotation()
        source.refresh()
    for layer in labels_of(source.pairs):
        annotation = annotation_of(layer)
        kind = annotation.kind if annotation is not None else page.kind.kind
        if kind in ("masks", "objects"):
            raise InputError(
                f"{layer.name} holds {kind}, not strokes.",
                "Click 'New annotation layer', then switch Live on; or press Train to learn from them.",
            )
    return [pair for pair in source.pairs if pair.images]


def line_of(report: LiveReport) -> str:
    """How a live run goes, as a sentence."""
    match report.phase:
        case "starting":
            return "Starting…"
        case "waiting":
            painted = sum(1 for n in report.painted.values() if n)
            missing = "two classes" if not painted else "a second class"
            return f"Paint a stroke of {missing} (click its row in the table, or press its key), and learning begins."
        case "learning":
            return f"Learning from {sum(report.painted.values()):,} pixels · step {report.steps:,}"
        case "resting":
            return f"Resting after step {report.steps:,}, until something new is painted."
        case "stopping":
            return "Saving the model…"
        case "failed" if report.failure is not None:
            return f"{report.failure.problem} {report.failure.remedy}".strip()
    saved = "" if report.model_path is None else f"What was learnt is saved as {report.model_path.name}."
    return f"{report.ended_by} {saved}".strip()

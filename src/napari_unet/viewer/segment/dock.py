"""The dock "Segment with U-Net"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unet.axes import check_axes
from napari_unet.errors import InputError
from napari_unet.settings import PredictSettings
from napari_unet.viewer import remembered
from napari_unet.viewer.bridge import Engine, engine, time_left
from napari_unet.viewer.device_line import DeviceLine
from napari_unet.viewer.form import SettingsForm
from napari_unet.viewer.layer_box import LayerBox
from napari_unet.viewer.layers import METADATA, layer_axes
from napari_unet.viewer.segment.model_box import ModelBox
from napari_unet.viewer.segment.plan import SegmentPlan, plan_segmentation
from napari_unet.viewer.segment.run import run_of
from napari_unet.viewer.style import Tone, mark, set_tone

if TYPE_CHECKING:
    import napari

REMEMBERED = "segment"
"""Key under which the dock's settings are remembered."""

_SCOPES = (("Current slice", "slice"), ("Whole layer", "layer"), ("Selected layers", "selected"))


class SegmentDock(QWidget):
    """Segments image layers with a saved model, into new Labels layers.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer the dock belongs to.
    engine_ : Engine, optional
        Where jobs run; the engine of this process if not given.
    """

    def __init__(self, viewer: napari.Viewer, engine_: Engine | None = None) -> None:
        super().__init__()
        # napari hands out a new proxy each time; layers are compared by identity, so keep the viewer itself.
        self.viewer: Any = getattr(viewer, "__wrapped__", viewer)
        self._engine = engine_ if engine_ is not None else engine()
        self._run = run_of(self.viewer)
        self._plan: SegmentPlan | None = None
        self.setWindowTitle("Segment with U-Net")
        self.setAcceptDrops(True)
        self._build()
        self._checking = QTimer(self)
        self._checking.setSingleShot(True)
        self._checking.setInterval(0)
        self._checking.timeout.connect(self.check)
        self._listen()
        self._restore()
        self._on_layers()
        self.device.probe(self.form.fields["device"].value)
        self._show_run()

    # What the dock shows

    def _build(self) -> None:
        self.model = ModelBox()
        self.image = LayerBox(_is_source)
        self.image.setAccessibleName("Image")
        self.image.setToolTip("<qt>What to segment.</qt>")
        self.axes = QLineEdit()
        self.axes.setAccessibleName("Axes")
        self.axes.setMaximumWidth(90)
        self.axes.setToolTip(
            "<qt>One letter per dimension of the image: Y and X, Z for depth, C for channels, T for time. "
            "Correct it where it is wrong.</qt>"
        )
        self.scope = QComboBox()
        self.scope.setAccessibleName("Segment")
        self.scope.setToolTip(
            "<qt>The slice now shown, the whole layer, or every image layer selected in the layer list.</qt>"
        )
        for text, scope in _SCOPES:
            self.scope.addItem(text, scope)
        self.scope.setCurrentIndex(1)
        self.form = SettingsForm(PredictSettings, basic=["probabilities"], name="segment")
        self.device = DeviceLine(self._engine)

        self._rows = QFormLayout()
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows.addRow("Model", self.model)
        self._rows.addRow("Image", self.image)
        self.channels: list[LayerBox] = []
        self._rows.addRow("Axes", self.axes)
        self._rows.addRow("Segment", self.scope)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 4, 0)
        column.addLayout(self._rows)
        column.addWidget(self.form.native)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(page)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        self.preflight = _sentence()
        self.button = QPushButton("Segment")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.status = _sentence()
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        for widget in (self.device, self.preflight, self.button, self.bar, self.status):
            layout.addWidget(widget)
        self.setMinimumWidth(300)

    def _listen(self) -> None:
        self.model.changed.connect(self._on_model)
        self.image.layer_changed.connect(self._on_image)
        self.axes.editingFinished.connect(self._on_axes)
        self.scope.currentIndexChanged.connect(self._check_soon)
        self.form.changed.connect(self._on_settings)
        self.device.changed.connect(self._check_soon)
        self.button.clicked.connect(self._on_button)
        self._run.heard.connect(self._show_run)
        layers = self.viewer.layers
        connections = [
            (layers.events.inserted, self._on_layers),
            (layers.events.removed, self._on_layers),
            (layers.events.reordered, self._on_layers),
            (layers.selection.events.changed, self._check_soon),
            (self.viewer.dims.events.current_step, self._check_soon),
        ]
        for emitter, slot in connections:
            emitter.connect(slot)
        self._watched_layers: list[Layer] = []

        def forget() -> None:
            for emitter, slot in connections:
                emitter.disconnect(slot)
            self._watch_layers([])
            self.device.release()

        self.destroyed.connect(forget)

    def showEvent(self, event: QShowEvent) -> None:
        """Notice the viewer's window once the dock is in it."""
        super().showEvent(event)
        self._run.watch(self.window())

    # Model files

    def open_model(self, path: str | Path) -> bool:
        """Show the model at ``path``; returns whether it is one. What is wrong is said in the dock."""
        return self.model.open(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take model files."""
        if _dropped_model(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the model file."""
        path = _dropped_model(event)
        if path is not None:
            event.acceptProposedAction()
            self.open_model(path)

    # Following the viewer

    def _on_layers(self, *_: Any) -> None:
        layers = list(self.viewer.layers)
        self._watch_layers(layers)
        active = self.viewer.layers.selection.active
        for box in (self.image, *self.channels):
            box.refresh(layers, active)
        self._check_soon()

    def _watch_layers(self, layers: list[Layer]) -> None:
        for layer in self._watched_layers:
            layer.events.name.disconnect(self._on_layers)
            layer.events.data.disconnect(self._on_image)
        self._watched_layers = [layer for layer in layers if _is_source(layer)]
        for layer in self._watched_layers:
            layer.events.name.connect(self._on_layers)
            layer.events.data.connect(self._on_image)

    def _on_model(self) -> None:
        self._set_channel_rows()
        self._check_soon()

    def _on_image(self, *_: Any) -> None:
        layer = self.image.layer
        self.axes.setEnabled(layer is not None)
        self.axes.setText(layer_axes(layer) if layer is not None else "")
        mark(self.axes, wrong=False)
        self._set_channel_rows()
        self._check_soon()

    def _on_axes(self) -> None:
        layer = self.image.layer
        if layer is None:
            return
        try:
            shape = layer.data[0].shape if layer.multiscale else layer.data.shape
            axes = check_axes(self.axes.text().strip(), shape)
        except InputError as error:
            mark(self.axes, wrong=True)
            self._say(self.preflight, str(error), "error")
            self.button.setEnabled(self._run.report.is_running)
            return
        if axes != layer_axes(layer):
            layer.metadata[METADATA] = {**layer.metadata.get(METADATA, {}), "axes": axes}
        self._on_image()

    def _set_channel_rows(self) -> None:
        """One box per further channel, where the model wants several and the image layer holds one."""
        record, layer = self.model.record, self.image.layer
        wanted = 0
        if record is not None and layer is not None and not layer.rgb and "C" not in layer_axes(layer):
            wanted = record.network.n_channels - 1
        while len(self.channels) > wanted:
            self._rows.removeRow(self.channels.pop())
        while len(self.channels) < wanted:
            box = LayerBox(_is_source)
            number = len(self.channels) + 2
            box.setAccessibleName(f"Channel {number}")
            box.setToolTip(
                "<qt>The layer that holds this channel, in the order the model was trained with.</qt>"
            )
            box.refresh(list(self.viewer.layers))
            box.layer_changed.connect(self._check_soon)
            row, _ = self._rows.getWidgetPosition(self.image)
            self._rows.insertRow(row + len(self.channels) + 1, f"Channel {number}", box)
            self.channels.append(box)

    # Settings

    def _restore(self) -> None:
        values = remembered.load(REMEMBERED)
        if values is not None:
            try:
                self.form.set(PredictSettings.model_validate(values))
            except ValueError:
                return  # from a version with other settings: its defaults are as good

    def _on_settings(self, *_: Any) -> None:
        self._check_soon()
        if not self.form.problem:
            self.device.probe(self.form.value.device)

    # Before the run

    def _check_soon(self, *_: Any) -> None:
        self._checking.start()

    def _sources(self) -> Sequence[Sequence[ImageLayer]]:
        if self.scope.currentData() == "selected":
            selected = self.viewer.layers.selection
            return [[layer] for layer in self.viewer.layers if layer in selected and _is_source(layer)]
        boxes = [self.image, *self.channels]
        return [[box.layer for box in boxes if box.layer is not None]]

    def check(self) -> SegmentPlan | None:
        """Say what would be segmented, or why it cannot be; the button follows."""
        plan, problem = None, ""
        for widget in (self.image, self.scope):
            mark(widget, wrong=False)
        if self.model.record is None:
            problem = "Choose another model." if self.model.problem else "Open a model to begin."
        elif self.form.problem or self.device.problem:
            problem = self.form.problem or self.device.problem
        else:
            try:
                plan = plan_segmentation(
                    self.model.record, self._sources(), self.scope.currentData(), self.viewer.dims.point
                )
            except InputError as error:
                problem = str(error)
                mark(self.scope if self.scope.currentData() == "selected" else self.image, wrong=True)
        self._plan = plan
        waits_for_model = self.model.record is None and not self.model.problem
        self._say(
            self.preflight,
            plan.summary if plan else problem,
            "plain" if plan else "muted" if waits_for_model else "error",
        )
        if not self._run.report.is_running:
            self.button.setEnabled(plan is not None)
        return plan

    # The run

    def _on_button(self) -> None:
        if self._run.report.is_running:
            self._run.stop()
            return
        plan = self.check()
        if plan is not None and self.model.path is not None and self.model.record is not None:
            settings = self.form.value
            remembered.save(REMEMBERED, settings.model_dump(mode="json"))
            self._run.start(self._engine, plan, self.model.path, self.model.record, settings)

    def _show_run(self) -> None:
        report = self._run.report
        self.bar.setVisible(report.is_running)
        self.button.setText("Stop" if report.is_running else "Segment")
        self.button.setToolTip("What is finished stays." if report.is_running else "")
        self.button.setEnabled(
            report.phase == "running" or (not report.is_running and self._plan is not None)
        )
        fraction = report.progress.fraction if report.progress else 0.0
        self.bar.setRange(0, 1000 if report.progress else 0)
        self.bar.setValue(round(fraction * 1000))
        text, tone = self._status()
        self._say(self.status, text, tone)

    def _status(self) -> tuple[str, Tone]:
        report = self._run.report
        notices = " ".join(n.text for n in report.notices[-2:])
        layers = ", ".join(report.layers)
        match report.phase:
            case "running":
                left = time_left(report.progress.seconds_left) if report.progress else ""
                text = report.waiting or (f"Segmenting on {report.device}" if report.device else "Starting…")
                return ". ".join(filter(None, [text, left, notices])), "plain"
            case "stopping":
                return "Stopping…", "plain"
            case "finished":
                return f"Done: {layers}. {notices}".strip(), "plain"
            case "stopped":
                return f"Stopped; what was finished is in {layers}." if layers else "Stopped.", "plain"
            case "failed" if report.failure is not None:
                return f"{report.failure.problem} {report.failure.remedy}".strip(), "error"
            case _:
                return "", "plain"

    def _say(self, label: QLabel, text: str, tone: Tone) -> None:
        label.setText(text)
        label.setVisible(bool(text))
        set_tone(label, tone)


def _is_source(layer: Layer) -> bool:
    """Whether a layer can be segmented: an image that is no result of ours."""
    return isinstance(layer, ImageLayer) and not layer.metadata.get(METADATA, {}).get("prediction")


def _sentence() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label


def _dropped_model(event: QDropEvent) -> str | None:
    paths = [url.toLocalFile() for url in event.mimeData().urls()]
    return paths[0] if len(paths) == 1 and paths[0].endswith(".safetensors") else None

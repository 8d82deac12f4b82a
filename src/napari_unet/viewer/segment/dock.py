"""The dock "Segment with U-Net"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import QVBoxLayout

from napari_unet.errors import InputError
from napari_unet.settings import PredictSettings
from napari_unet.viewer import bridge, remembered
from napari_unet.viewer.bridge import Engine
from napari_unet.viewer.device_line import DeviceLine
from napari_unet.viewer.dock import Dock
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.segment.footer import Footer
from napari_unet.viewer.segment.page import SetupPage, is_source
from napari_unet.viewer.segment.plan import SegmentPlan, plan_segmentation
from napari_unet.viewer.segment.run import run_of

if TYPE_CHECKING:
    import napari

REMEMBERED = "segment"
"""Key under which the dock's settings are remembered."""


class SegmentDock(Dock):
    """Segments image layers with a saved model, into new Labels layers.

    The run belongs to the viewer (:func:`run_of`): it goes on without this dock, another one shows it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer the dock belongs to; napari fills in a parameter of this name.
    engine : Engine, optional
        Where jobs run; the engine of this process if not given.
    """

    def __init__(self, napari_viewer: napari.Viewer, engine: Engine | None = None) -> None:
        super().__init__()
        # napari hands out a new proxy each time; layers are compared by identity, so keep the viewer itself.
        self.viewer: Any = without_proxy(napari_viewer)
        self.run = run_of(self.viewer)
        self._engine = engine if engine is not None else bridge.engine()
        self._plan: SegmentPlan | None = None
        self._wants_to_segment = False
        self._watched_layers: list[Layer] = []
        self.page = SetupPage()
        self.device = DeviceLine(self._engine)
        self.footer = Footer()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.page, 1)
        layout.addWidget(self.device)
        layout.addWidget(self.footer)
        self.device.layout().setContentsMargins(4, 0, 4, 0)
        self.setAcceptDrops(True)
        self._restore()
        self._listen()
        self._on_theme()
        self._on_layers()
        self.footer.draw(self.run.report)

    def open_model(self, path: str | Path) -> bool:
        """Show the model at ``path``; returns whether it is one. What is wrong is said in the dock."""
        return self.page.model.open(path)

    def check(self) -> SegmentPlan | None:
        """Say what would be segmented, or why it cannot be; the button follows."""
        page, model = self.page, self.page.model
        plan, images_problem = None, ""
        problem = page.axes_problem or page.form.problem or self.device.problem
        if model.record is None:
            problem = "Choose another model." if model.problem else "Open a model to begin."
        elif not problem:
            selection = self.viewer.layers.selection
            selected = [layer for layer in self.viewer.layers if layer in selection]
            try:
                point = self.viewer.dims.point
                plan = plan_segmentation(
                    model.record, page.sources(selected), page.chosen_scope, point, self._view_centre()
                )
            except InputError as error:
                problem = images_problem = str(error)
        page.mark(images_problem)
        self._plan = plan
        begins = model.record is None and not model.problem
        self.footer.show_plan(
            plan.summary if plan is not None else problem,
            "plain" if plan is not None else "muted" if begins else "error",
            is_ready=plan is not None,
        )
        return plan

    def _view_centre(self) -> tuple[float, ...]:
        """The middle of what the canvas shows, in world coordinates."""
        dims = self.viewer.dims
        point = list(dims.point)
        camera = getattr(self.viewer, "scene", self.viewer).camera  # the viewer's own before napari 0.9
        for axis, value in zip(dims.displayed, camera.center[-len(dims.displayed) :], strict=True):
            point[axis] = float(value)
        return tuple(point)

    def segment(self) -> None:
        """Begin to segment as soon as the device is known, unless something is wrong or a run is under way."""
        if self.is_taken_out:
            return
        model, plan = self.page.model, self.check()
        self._wants_to_segment = plan is not None and self.device.is_looking
        if plan is None or model.path is None or model.record is None or self.run.report.is_running:
            return
        if self._wants_to_segment:  # a GPU that cannot be used wants a confirmation first
            self.footer.show_plan(f"Getting ready. {plan.summary}", "plain", is_ready=True)
            return
        settings = self.page.form.value
        remembered.save(REMEMBERED, settings.model_dump(mode="json"))
        self.run.start(self._engine, plan, model.path, model.record, settings)

    def stop(self) -> None:
        """End the run; what is finished stays."""
        self.run.stop()

    # Qt

    def showEvent(self, event: QShowEvent) -> None:
        """Look for the device once the dock is there, and notice when the viewer's window goes."""
        super().showEvent(event)
        self.run.watch(self.window())
        QTimer.singleShot(0, self._look_for_device)

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

    # Following the viewer, the page and the run

    def _listen(self) -> None:
        self._checking = QTimer(self)
        self._checking.setSingleShot(True)
        self._checking.setInterval(0)
        self._checking.timeout.connect(self.check)
        self.page.changed.connect(self._on_page)
        self.device.changed.connect(self._on_device)
        self.footer.segment.connect(self.segment)
        self.footer.stop.connect(self.stop)
        self.run.heard.connect(self._on_heard)
        layers, dims = self.viewer.layers, self.viewer.dims
        self._connections = [
            (layers.events.inserted, self._on_layers),
            (layers.events.removed, self._on_layers),
            (layers.events.reordered, self._on_layers),
            (layers.selection.events.changed, self._check_soon),
            (dims.events.current_step, self._check_soon),
            (self.viewer.events.theme, self._on_theme),
        ]
        for emitter, slot in self._connections:
            emitter.connect(slot)

    def close_down(self) -> None:
        """Hear no more of the viewer and the run, which goes on."""
        self._wants_to_segment = False
        self._checking.stop()
        for emitter, slot in self._connections:
            emitter.disconnect(slot)
        self._watch_layers([])
        self.run.heard.disconnect(self._on_heard)
        self.device.release()

    def _on_layers(self, *_: Any) -> None:
        layers = list(self.viewer.layers)
        self._watch_layers(layers)
        self.page.show_layers(layers, self.viewer.layers.selection.active)

    def _watch_layers(self, layers: list[Layer]) -> None:
        for layer in self._watched_layers:
            layer.events.name.disconnect(self._on_layers)
            layer.events.data.disconnect(self.page.show_image)
        self._watched_layers = [layer for layer in layers if is_source(layer)]
        for layer in self._watched_layers:
            layer.events.name.connect(self._on_layers)
            layer.events.data.connect(self.page.show_image)

    def _on_page(self) -> None:
        self._look_for_device()
        self._check_soon()

    def _look_for_device(self) -> None:
        if self.isVisible() and not self.page.form.problem:
            self.device.probe(self.page.form.value.device)

    def _on_device(self) -> None:
        self._check_soon()
        if self._wants_to_segment and not self.device.is_looking:
            self.segment()

    def _check_soon(self, *_: Any) -> None:
        self._checking.start()

    def _on_heard(self) -> None:
        self.footer.draw(self.run.report)
        if not self.run.report.is_running:
            self._check_soon()

    def _on_theme(self, *_: Any) -> None:
        self.footer.set_accent(get_theme(self.viewer.theme).current.as_hex())

    def _restore(self) -> None:
        values = remembered.load(REMEMBERED)
        if values is not None:
            try:
                self.page.form.set(PredictSettings.model_validate(values))
            except ValueError:
                return  # from a version with other settings: its defaults are as good


def _dropped_model(event: QDropEvent) -> str | None:
    paths = [url.toLocalFile() for url in event.mimeData().urls()]
    return paths[0] if len(paths) == 1 and paths[0].endswith(".safetensors") else None

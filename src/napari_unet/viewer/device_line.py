"""The line of a dock that says where it will compute, and asks before it leaves a GPU unused."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.events import DeviceReport, Event, Failed
from napari_unet.requests import ProbeRequest
from napari_unet.settings import Device
from napari_unet.viewer.bridge import Engine, Job
from napari_unet.viewer.style import set_tone


class DeviceLine(QWidget):
    """Finds the device in the child process and shows it.

    Where a GPU exists that cannot be used, the reason and the remedy are shown with a box to tick before a
    run on the processor may start: nobody should wait for hours without knowing why.

    Signals
    -------
    changed
        When the report or the confirmation has changed.
    """

    changed = Signal()

    def __init__(self, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: DeviceReport | None = None
        self._engine = engine
        self._wanted: Device | None = None
        self._job: Job | None = None
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.confirmation = QCheckBox("Run on the processor anyway")
        self.confirmation.setToolTip("Much slower than the GPU would be.")
        self.confirmation.hide()
        self.confirmation.toggled.connect(lambda _: self.changed.emit())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.label)
        column.addWidget(self.confirmation)

    def probe(self, device: Device = "auto") -> None:
        """Find out about ``device``, unless that is known or being found out already."""
        if device == self._wanted:
            return
        self._wanted, self.report = device, None
        self.release()
        if self._engine.busy and device in self._engine.device_reports:
            self._say_report(self._engine.device_reports[device])
            return
        self._show("Looking for the device…")
        try:
            self._job = self._engine.submit(ProbeRequest(device), self._on_event)
        except UNetError as error:
            self._wanted = None
            self._show(str(error))

    @property
    def problem(self) -> str:
        """Why a run may not start yet; empty where it may. Unknown devices do not hold it up."""
        if self._asks and not self.confirmation.isChecked():
            return (
                "The GPU cannot be used: tick the box to run on the processor, or follow the advice above it."
            )
        return ""

    @property
    def is_looking(self) -> bool:
        """Whether the answer is still to come."""
        return self._wanted is not None and self.report is None

    @property
    def words(self) -> str:
        """The device within a sentence, ``"the CPU"``; empty while unknown."""
        if self.report is None:
            return ""
        return "the CPU" if self.report.device == "cpu" else f"the {self.report.name}"

    @property
    def _asks(self) -> bool:
        """Whether the user has to agree to the processor; choosing it by name is agreement enough."""
        return self.report is not None and self.report.needs_confirmation and self._wanted != "cpu"

    def release(self) -> None:
        """Hear no more of the probe; for a dock that goes."""
        if self._job is not None:
            self._job.release()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, DeviceReport):
            if self._wanted is not None:
                self._engine.device_reports[self._wanted] = event
            self._say_report(event)
        elif isinstance(event, Failed):
            self._wanted = None
            self._show(f"{event.problem} {event.remedy}".strip())

    def _say_report(self, report: DeviceReport) -> None:
        self.report = report
        self._show(f"Device: {report.name}")

    def _show(self, text: str) -> None:
        report = self.report
        asks = self._asks
        advice = f" {report.advice}" if report is not None and report.advice else ""
        self.label.setText(text + advice)
        set_tone(self.label, "warning" if asks else "muted")
        self.confirmation.setVisible(asks)
        if not asks:
            self.confirmation.setChecked(False)
        self.changed.emit()

"""What training starts from: a new network, or a saved model to train further."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.errors import ModelFileError
from napari_unet.models.header import read_record
from napari_unet.models.record import ModelRecord
from napari_unet.viewer import remembered
from napari_unet.viewer.form import mark
from napari_unet.viewer.style import set_tone

_TIP = (
    "A new network learns from nothing. A saved model learns further (fine-tuning): it needs less time and "
    "fewer labels. You can also drop a model file here."
)
_NEW, _OPEN = "a new network", "open a model file…"


class StartFrom(QWidget):
    """A choice among a new network, recent models, and any model file.

    Signals
    -------
    changed
        Another start was chosen.

    Attributes
    ----------
    path : Path or None
        The model to fine-tune; ``None`` for a new network.
    record : ModelRecord or None
        What that model says about itself.
    problem : str
        Why that file cannot be used; empty where it can.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.record: ModelRecord | None = None
        self.problem = ""
        self.box = QComboBox()
        self.box.setAccessibleName("Start from")
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._about = QLabel()
        self._about.setWordWrap(True)
        self._about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.box)
        layout.addWidget(self._about)
        self.box.activated.connect(self._on_activated)
        remembered.events.recent_models.connect(self._fill)
        disconnect = remembered.events.recent_models.disconnect
        self.destroyed.connect(lambda *_, slot=self._fill: disconnect(slot, missing_ok=True))
        self._fill()
        self._describe()

    def open_model(self, path: Path | None) -> None:
        """Choose a model file, or a new network with ``None``."""
        self.path, self.record, self.problem = path, None, ""
        if path is not None:
            try:
                self.record = read_record(path)
            except ModelFileError as error:
                self.problem = str(error)
            else:
                remembered.add_recent_model(path)
        self._fill()
        self._describe()
        self.changed.emit()

    def _fill(self) -> None:
        self.box.blockSignals(True)
        self.box.clear()
        self.box.addItem(_NEW, None)
        recent = remembered.recent_models()
        if self.path is not None and self.path.absolute() not in recent:
            recent.insert(0, self.path)
        for path in recent:
            self.box.addItem(path.stem, path)
            self.box.setItemData(self.box.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.box.addItem(_OPEN, _OPEN)
        chosen = 0 if self.path is None else self._index_of(self.path)
        self.box.setCurrentIndex(max(chosen, 0))
        self.box.blockSignals(False)

    def _index_of(self, path: Path) -> int:
        wanted = path.absolute()
        data = [self.box.itemData(i) for i in range(self.box.count())]
        return next((i for i, d in enumerate(data) if isinstance(d, Path) and d.absolute() == wanted), 0)

    def _on_activated(self, index: int) -> None:
        choice = self.box.itemData(index)
        if choice == _OPEN:
            folder = str(self.path.parent) if self.path is not None else ""
            name, _ = QFileDialog.getOpenFileName(
                self, "Start from a saved model", folder, "Models (*.safetensors);;All files (*)"
            )
            if name:
                self.open_model(Path(name))
            else:
                self._fill()
        elif choice != self.path:
            self.open_model(choice)

    def _describe(self) -> None:
        if self.record is not None:
            network, annotation = self.record.network, self.record.annotation
            channels = "1 channel" if network.n_channels == 1 else f"{network.n_channels} channels"
            names = ", ".join(c.name for c in annotation.classes)
            self._about.setText(
                f"Knows {names}; {channels}. Its width {network.width}, depth {network.depth}, "
                "normalisation and padding are kept."
            )
            set_tone(self._about, "muted")
        else:
            self._about.setText(self.problem)
            set_tone(self._about, "error")
        self._about.setVisible(bool(self._about.text()))
        mark(self.box, self.problem, _TIP + (f"<br>{self.path}" if self.path is not None else ""))

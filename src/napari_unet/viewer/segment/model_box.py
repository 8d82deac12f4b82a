"""The part of the dock where a model is chosen, and shown with what it knows about itself."""

from __future__ import annotations

import html
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_unet.errors import ModelFileError
from napari_unet.models.header import read_record
from napari_unet.models.record import ModelRecord
from napari_unet.viewer import remembered
from napari_unet.viewer.style import mark, set_tone


class ModelBox(QWidget):
    """Chooses a model file: from recent ones, by a file dialog, or through :meth:`open`.

    Attributes
    ----------
    path, record : Path and ModelRecord, or None
        The model that is shown.
    problem : str
        Why a file could not be opened.
    card : QLabel
        What the model knows about itself; the dock puts it where there is room.

    Signals
    -------
    changed
        When another model is shown, or none.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.record: ModelRecord | None = None
        self.problem = ""
        self.recent = QComboBox()
        self.recent.setAccessibleName("Model")
        self.recent.setToolTip(
            "<qt>Models opened or trained lately. A model file can also be dropped here.</qt>"
        )
        self.recent.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.recent.setMinimumContentsLength(8)
        self.recent.setPlaceholderText("Open or drop a model")
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Choose a model file (.safetensors).")
        self.card = QLabel()
        self.card.setWordWrap(True)
        self.card.setTextFormat(Qt.TextFormat.RichText)
        self.card.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.recent, 1)
        row.addWidget(self.open_button)
        self.recent.activated.connect(lambda i: self.open(self.recent.itemData(i)))
        self.open_button.clicked.connect(self._choose)
        remembered.events.recent_models.connect(self.refresh)
        disconnect = remembered.events.recent_models.disconnect
        self.destroyed.connect(lambda *_, slot=self.refresh: disconnect(slot, missing_ok=True))
        self.refresh()
        self._show()

    def open(self, path: str | Path) -> bool:
        """Show the model at ``path``; returns whether it is one. What is wrong is said in the dock."""
        path = Path(path).absolute()
        try:
            record = read_record(path)
        except ModelFileError as error:
            self.path, self.record, self.problem = None, None, str(error)
        else:
            self.path, self.record, self.problem = path, record, ""
            remembered.add_recent_model(path)
        self.refresh()
        self._show()
        self.changed.emit()
        return self.record is not None

    def refresh(self) -> None:
        """Fill the list of recent models anew."""
        with QSignalBlocker(self.recent):
            self.recent.clear()
            for path in remembered.recent_models():
                self.recent.addItem(path.stem, str(path))
                self.recent.setItemData(self.recent.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
            self.recent.setCurrentIndex(self.recent.findData(str(self.path)) if self.path else -1)

    def _choose(self) -> None:
        folder = (remembered.load("folders") or {}).get("models", "")
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a model", str(folder), "U-Net models (*.safetensors)"
        )
        if path:
            remembered.save(
                "folders", {**(remembered.load("folders") or {}), "models": str(Path(path).parent)}
            )
            self.open(path)

    def _show(self) -> None:
        if self.record is not None and self.path is not None:
            self.card.setText(describe(self.record))
            self.card.setToolTip(str(self.path))
            set_tone(self.card, "plain")
        else:
            self.card.setText(html.escape(self.problem))
            self.card.setToolTip("")
            set_tone(self.card, "error")
        self.card.setVisible(bool(self.card.text()))
        mark(self.recent, wrong=bool(self.problem))


def describe(record: ModelRecord) -> str:
    """What a model knows about itself, as rich text."""
    classes = "&nbsp;&nbsp; ".join(
        f'<span style="color:{c.color}">■</span>&nbsp;{html.escape(c.name)}'
        for c in record.annotation.classes
    )
    network = record.network
    channels = "1 channel" if network.n_channels == 1 else f"{network.n_channels} channels"
    lines = [classes, f"{network.ndim}D, {channels}, width {network.width}, depth {network.depth}"]
    if record.images or record.created:
        names = [html.escape(name) for name in record.images]
        shown = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
        lines.append(" ".join(filter(None, ["Trained", f"on {shown}" if shown else "", record.created[:10]])))
    validation = record.validation
    if validation.honest and validation.mean_dice is not None:
        names_of = {str(c.value): c.name for c in record.annotation.classes}
        each = ", ".join(
            f"{html.escape(names_of.get(value, value))} {score.dice:.2f}"
            for value, score in validation.scores.items()
            if score.dice is not None
        )
        lines.append(f"Dice on held-out pixels {validation.mean_dice:.2f}{f' ({each})' if each else ''}")
    else:
        lines.append("No honest score is known")
    if validation.method:
        lines.append(f"<i>{html.escape(validation.method)}</i>")
    return "<br>".join(lines)

"""The part of the dock where a model is chosen, and shown with what it knows about itself."""

from __future__ import annotations

import html

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_unet.models.record import ModelRecord
from napari_unet.viewer.model_choice import ModelChoice
from napari_unet.viewer.style import mark, set_tone


class ModelBox(ModelChoice):
    """The model to segment with; the dock puts ``about`` where there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box.setAccessibleName("Model")
        self.box.setToolTip(
            "<qt>Models opened or trained lately. A model file can also be dropped here.</qt>"
        )
        self.box.setPlaceholderText("Open or drop a model")
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Choose a model file (.safetensors).")
        self.about.setTextFormat(Qt.TextFormat.RichText)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, 1)
        row.addWidget(self.open_button)
        self.open_button.clicked.connect(self.ask_for_file)
        self.refresh()
        self.show_model()

    def show_model(self) -> None:
        """Show what the model knows about itself, as far as it could be opened."""
        known = self.record is not None
        self.about.setText(describe(self.record) if self.record is not None else html.escape(self.problem))
        self.about.setToolTip(str(self.path) if known else "")
        self.about.setVisible(bool(self.about.text()))
        set_tone(self.about, "plain" if known else "error")
        mark(self.box, wrong=bool(self.problem))


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
        lines.append(
            ", ".join(filter(None, [f"Trained on {shown}" if shown else "Trained", record.created[:10]]))
        )
    validation = record.validation
    each = ""
    if validation.honest and record.annotation.kind != "objects":
        names_of = {str(c.value): c.name for c in record.annotation.classes}
        each = ", ".join(
            f"{html.escape(names_of.get(value, value))} {score.dice:.2f}"
            for value, score in validation.scores.items()
            if score.dice is not None
        )
    found = validation.found
    lines.append(f"{found[0].upper()}{found[1:]}{f' ({each})' if each else ''}")
    if validation.method:
        lines.append(f"<i>{html.escape(validation.method)}</i>")
    return "<br>".join(lines)

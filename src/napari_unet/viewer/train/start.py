"""What training starts from: a new network, or a saved model to train further."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_unet.models.examples import summarize_examples
from napari_unet.models.record import ModelRecord
from napari_unet.viewer.form import mark
from napari_unet.viewer.model_choice import ModelChoice
from napari_unet.viewer.style import set_tone

_TIP = (
    "A new network learns from nothing. A saved model learns further (fine-tuning): it needs less time and "
    "fewer labels. You can also drop a model file here."
)


class StartFrom(ModelChoice):
    """A choice among a new network, recent models, and any model file."""

    first_items = ("a new network",)
    last_items = ("open a model file…",)
    dialog_title = "Start from a saved model"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box.setAccessibleName("Start from")
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.box)
        layout.addWidget(self.about)
        self.refresh()
        self.show_model()

    def show_model(self) -> None:
        """Say what the model knows, and what fine-tuning keeps of it."""
        if self.record is not None and self.path is not None:
            network, annotation = self.record.network, self.record.annotation
            channels = "1 channel" if network.n_channels == 1 else f"{network.n_channels} channels"
            names = ", ".join(c.name for c in annotation.classes)
            self.about.setText(
                f"Knows {names}; {channels}. Its width {network.width}, depth {network.depth}, "
                f"normalisation and padding are kept. {earlier_images(self.path, self.record)}".rstrip()
            )
        else:
            self.about.setText(self.problem)
        set_tone(self.about, "error" if self.problem else "muted")
        self.about.setVisible(bool(self.about.text()))
        mark(self.box, self.problem, _TIP + (f"<br>{self.path}" if self.path is not None else ""))


def earlier_images(path: Path, record: ModelRecord) -> str:
    """Say what a model that is trained further learns from again, or that it cannot; empty where it knows no image."""
    known = record.known_images
    if not known:
        return ""
    summary = summarize_examples(path)
    n_images = 0 if summary is None else len(known & set(summary.images))
    if summary is None or not n_images:
        return "What it learnt from is not beside it, so what it knows may fade."
    megabytes = max(1, round(summary.nbytes / 1e6))
    which = "its earlier image" if n_images == 1 else f"its {n_images} earlier images"
    return f"Learns from {which} too ({megabytes} MB beside the model)."

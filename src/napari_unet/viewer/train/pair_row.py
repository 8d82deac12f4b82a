"""One line of the source table: the image layers and the labels layer of a pair."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.axes import check_axes
from napari_unet.errors import InputError
from napari_unet.viewer.form import mark
from napari_unet.viewer.layer_menu import LayerMenuButton
from napari_unet.viewer.layers import METADATA, layer_axes
from napari_unet.viewer.train.pairs import LayerPair

_IMAGE_TIP = "The image to learn from. Tick several layers to use them as channels of one image."
_LABELS_TIP = "The labels layer you painted on this image, or a prediction that you have corrected."
_AXES_TIP = (
    "One letter per dimension: Y and X, Z for depth, T for time, C for channels. "
    "Correct it if, say, the first axis holds channels: CYX."
)


class PairRow(QWidget):
    """Image, labels, a button that takes the pair away, and the axes where they could be misread.

    Signals
    -------
    changed
        The user chose other layers or corrected the axes.
    removed
        The user wants the pair gone.
    """

    changed = Signal()
    removed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images = LayerMenuButton(_IMAGE_TIP)
        self.images.setAccessibleName("Image")
        self.labels = QComboBox()
        self.labels.setToolTip(_LABELS_TIP)
        self.labels.setAccessibleName("Labels")
        self.labels.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.labels.setMinimumWidth(80)
        self.remove = QToolButton()
        self.remove.setText("✕")
        self.remove.setToolTip("Take this pair away (the layers stay).")
        self.remove.setAccessibleName("Take this pair away")
        self.axes_label = QLabel("Axes")
        self.axes = QLineEdit()
        self.axes.setToolTip(f"<qt>{_AXES_TIP}</qt>")
        self.axes.setAccessibleName("Axes")
        self.axes.setMaximumWidth(80)
        self.axes_label.setBuddy(self.axes)
        self.shape = QLabel()
        self._labels_layers: list[LabelsLayer] = []
        layers, axes = QHBoxLayout(), QHBoxLayout()
        layers.addWidget(self.images, 1)
        layers.addWidget(self.labels, 1)
        layers.addWidget(self.remove)
        axes.addWidget(self.axes_label)
        axes.addWidget(self.axes)
        axes.addWidget(self.shape, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for line in (layers, axes):
            line.setSpacing(4)
            column.addLayout(line)
        self.images.changed.connect(self._on_changed)
        self.labels.currentIndexChanged.connect(self._on_changed)
        self.axes.editingFinished.connect(self._on_axes)
        self.remove.clicked.connect(self.removed)

    @property
    def pair(self) -> LayerPair:
        """What is chosen."""
        index = self.labels.currentIndex() - 1
        return LayerPair(self.images.chosen, self._labels_layers[index] if index >= 0 else None)

    def show_pair(self, pair: LayerPair, images: Sequence[ImageLayer], labels: Sequence[LabelsLayer]) -> None:
        """Offer the layers there are, with those of ``pair`` chosen as far as they still exist."""
        self.images.show_choice(images, pair.images)
        self._labels_layers = list(labels)
        self.labels.blockSignals(True)
        self.labels.clear()
        self.labels.addItems(["choose…", *(la.name for la in labels)])
        chosen = next((i for i, la in enumerate(labels) if la is pair.labels), -1)
        self.labels.setCurrentIndex(chosen + 1)
        self.labels.blockSignals(False)
        self._show_names()
        self._show_axes()

    def mark(self, part: str, problem: str) -> None:
        """Frame the part that has to be corrected; an empty problem clears both."""
        mark(self.images, problem if part == "images" else "", f"{_IMAGE_TIP}<br>{self.images.names}")
        mark(
            self.labels, problem if part == "labels" else "", f"{_LABELS_TIP}<br>{self.labels.currentText()}"
        )

    def _on_changed(self) -> None:
        self._show_names()
        self._show_axes()
        self.changed.emit()

    def _show_names(self) -> None:
        """Names may be cut short in a narrow dock: the tooltip has them in full."""
        self.labels.setToolTip(f"<qt>{_LABELS_TIP}<br>{self.labels.currentText()}</qt>")

    def _show_axes(self) -> None:
        chosen = self.images.chosen
        image = chosen[0] if chosen else None
        visible = image is not None and image.ndim > 2
        for widget in (self.axes_label, self.axes, self.shape):
            widget.setVisible(visible)
        if image is not None and visible:
            data = image.data[0] if image.multiscale else image.data
            self.axes.setText(layer_axes(image))
            self.shape.setText(" × ".join(str(n) for n in data.shape))
            mark(self.axes, "", _AXES_TIP)

    def _on_axes(self) -> None:
        try:
            for image in self.images.chosen:
                data = image.data[0] if image.multiscale else image.data
                axes = check_axes(self.axes.text().strip(), data.shape)
                if axes != layer_axes(image):
                    image.metadata[METADATA] = {**image.metadata.get(METADATA, {}), "axes": axes}
        except InputError as error:
            mark(self.axes, str(error), _AXES_TIP)
            return
        self._on_changed()

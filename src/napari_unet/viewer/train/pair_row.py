"""One line of the source table: the image layers and the labels layer of a pair."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QAction, QKeyEvent, QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.axes import check_axes
from napari_unet.errors import InputError
from napari_unet.viewer.form import mark
from napari_unet.viewer.layers import METADATA, layer_axes
from napari_unet.viewer.train.pairs import LayerPair

_IMAGE_TIP = "The image to learn from. Tick several layers to use them as channels of one image."
_LABELS_TIP = "The labels layer you painted on this image, or a prediction that you have corrected."
_AXES_TIP = (
    "One letter per dimension: Y and X, Z for depth, T for time, C for channels. "
    "Correct it if, say, the first axis holds channels: CYX."
)


class LayerMenuButton(QPushButton):
    """Chooses one image layer or several as channels; the menu stays open while layers are ticked.

    Signals
    -------
    changed
        The choice is another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._menu = QMenu(self)
        self._menu.installEventFilter(self)
        self.setMenu(self._menu)
        self._layers: list[ImageLayer] = []
        self._chosen: list[ImageLayer] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(_IMAGE_TIP)
        self.setAccessibleName("Image")

    @property
    def chosen(self) -> tuple[ImageLayer, ...]:
        """The ticked layers, in the viewer's order."""
        return tuple(la for la in self._layers if any(la is c for c in self._chosen))

    @property
    def names(self) -> str:
        """Names of the ticked layers."""
        return " + ".join(la.name for la in self.chosen)

    def show_choice(self, layers: Sequence[ImageLayer], chosen: Sequence[ImageLayer]) -> None:
        """Offer ``layers`` with ``chosen`` ticked."""
        self._layers, self._chosen = list(layers), list(chosen)
        self._menu.clear()
        for layer in self._layers:
            action = QAction(layer.name.replace("&", "&&"), self._menu)
            action.setCheckable(True)
            action.setChecked(any(layer is c for c in self._chosen))
            action.setData(len(self._menu.actions()))
            action.toggled.connect(self._on_toggled)
            self._menu.addAction(action)
        self._show_text()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the menu open when a layer is ticked: by the mouse, Enter or the space bar."""
        if watched is self._menu:
            is_release = event.type() == QEvent.Type.MouseButtonRelease
            is_key = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress
            is_key = is_key and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
            action = self._menu.activeAction()
            if (is_release or is_key) and action is not None:
                action.toggle()
                return True
        return bool(super().eventFilter(watched, event))

    def sizeHint(self) -> QSize:
        """As tall as a combo box, any width."""
        return QSize(110, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Names are shortened rather than the dock widened."""
        return QSize(80, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the text to the room there is."""
        super().resizeEvent(event)
        self._show_text()

    def _on_toggled(self, _checked: bool) -> None:
        self._chosen = [self._layers[a.data()] for a in self._menu.actions() if a.isChecked()]
        self._show_text()
        self.changed.emit()

    def _show_text(self) -> None:
        text = self.names or "choose…"
        room = max(self.width() - 28, 40)
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        if shown.replace("&", "&&") != self.text():
            self.setText(shown.replace("&", "&&"))
        self.setToolTip(f"<qt>{_IMAGE_TIP}<br>{self.names}</qt>")


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
        self.images = LayerMenuButton()
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

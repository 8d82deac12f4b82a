"""The scrolled part of the dock: which model, which image, how much of it, and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Layer
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unet.axes import check_axes
from napari_unet.errors import InputError, UNetError
from napari_unet.settings import PredictSettings
from napari_unet.viewer.form import SettingsForm
from napari_unet.viewer.layer_box import LayerBox
from napari_unet.viewer.layers import METADATA, image_from_layers, layer_axes
from napari_unet.viewer.segment.model_box import ModelBox
from napari_unet.viewer.segment.plan import Scope
from napari_unet.viewer.style import mark

_SCOPES: tuple[tuple[str, Scope], ...] = (
    ("Current slice", "slice"),
    ("Whole layer", "layer"),
    ("Selected layers", "selected"),
)


class SetupPage(QScrollArea):
    """Scrolls up and down where the window is small, never sideways.

    Attributes
    ----------
    model, image, axes, scope, form
        The parts, from top to bottom.
    channels : list of LayerBox
        One per further channel, where the model wants several and the image layer holds one.

    Signals
    -------
    changed
        When anything is chosen otherwise.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.axes_problem = ""
        self._layers: list[Layer] = []
        self._build()
        self.model.changed.connect(self._on_model)
        self.image.layer_changed.connect(self.show_image)
        self.axes.editingFinished.connect(self._on_axes)
        self.scope.currentIndexChanged.connect(self._on_scope)
        self.form.changed.connect(lambda _: self.changed.emit())

    def _build(self) -> None:
        self.model = ModelBox()
        self.image = LayerBox(is_source)
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
        self.channels: list[LayerBox] = []
        self._rows = QFormLayout()
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows.setVerticalSpacing(6)
        self._add_row("Model", self.model, self.model.box)
        self._rows.addRow(self.model.about)
        self._add_row("Image", self.image, self.image)
        self._add_row("Axes", self.axes, self.axes)
        self._add_row("Segment", self.scope, self.scope)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(4, 4, 6, 4)
        column.setSpacing(8)
        column.addLayout(self._rows)
        column.addWidget(self.form.native)
        column.addStretch(1)
        self.setWidget(page)
        self._align()

    def _add_row(self, title: str, widget: QWidget, buddy: QWidget, at: int = -1) -> None:
        label = QLabel(title)
        label.setBuddy(buddy)
        self._rows.insertRow(at, label, widget)

    def _align(self) -> None:
        """Give the labels here and those of the form's basic fields one width."""
        basic = self.form.fields["probabilities"].native
        labels = [la for la in self.form.native.findChildren(QLabel) if la.buddy() is basic]
        labels.append(self._rows.labelForField(self.image))
        width = max(label.sizeHint().width() for label in labels)
        for label in labels:
            label.setMinimumWidth(width)

    def sizeHint(self) -> QSize:
        """A comfortable width for a dock; the height is the window's."""
        return QSize(max(340, self.minimumSizeHint().width()), 400)

    def minimumSizeHint(self) -> QSize:
        """Wide enough that nothing is cut off; the height may be scrolled."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(max(300, self.widget().minimumSizeHint().width() + bar), 120)

    # What is chosen

    @property
    def chosen_scope(self) -> Scope:
        """How much is to be segmented."""
        scope: Scope = self.scope.currentData()
        return scope

    def sources(self, selected: Sequence[Layer]) -> list[list[ImageLayer]]:
        """Per image its layer, or the layers that are its channels; ``selected`` in the viewer's order."""
        if self.chosen_scope == "selected":
            return [[layer] for layer in selected if is_source(layer)]
        layers = [box.layer for box in (self.image, *self.channels)]
        return [[layer for layer in layers if layer is not None]]

    def mark(self, problem: str) -> None:
        """Frame the part that has to be corrected, if the images are the problem."""
        by_selection = self.chosen_scope == "selected"
        mark(self.scope, wrong=bool(problem) and by_selection)
        mark(self.image, wrong=bool(problem) and not by_selection)

    # Following the viewer and the user

    def show_layers(self, layers: list[Layer], active: Layer | None) -> None:
        """Offer these layers."""
        self._layers = layers
        self.image.refresh(layers, active)
        for box in self.channels:
            box.refresh(layers, required=False)
        self._choose_what_fits(active)
        self.changed.emit()

    def _choose_what_fits(self, active: Layer | None = None) -> None:
        """Choose an image with the channels of the model, unless the user chose one or there is none."""
        record = self.model.record
        if record is None or self.image.is_chosen_by_user or self.image.layer is None:
            return
        fitting = [la for la in self._layers if is_source(la) and _channels(la) == record.network.n_channels]
        if fitting and not any(la is self.image.layer for la in fitting):
            self.image.choose(active if any(la is active for la in fitting) else fitting[-1])

    def show_image(self, *_: Any) -> None:
        """Show what is known of the chosen image, which is another one or has other data."""
        layer = self.image.layer
        self.axes.setText(layer_axes(layer) if layer is not None else "")
        self.axes_problem = ""
        mark(self.axes, wrong=False)
        self._on_model()

    def _on_axes(self) -> None:
        layer = self.image.layer
        if layer is None:
            return
        try:
            shape = layer.data[0].shape if layer.multiscale else layer.data.shape
            axes = check_axes(self.axes.text().strip(), shape)
        except InputError as error:
            self.axes_problem = str(error)
            mark(self.axes, wrong=True)
            self.changed.emit()
            return
        if axes != layer_axes(layer):
            layer.metadata[METADATA] = {**layer.metadata.get(METADATA, {}), "axes": axes}
        self.show_image()

    def _on_scope(self, *_: Any) -> None:
        for widget in (self.image, self.axes, *self.channels):
            widget.setEnabled(self.chosen_scope != "selected")
        self.changed.emit()

    def _on_model(self) -> None:
        self._choose_what_fits()
        self._set_channel_rows()
        self._on_scope()

    def _set_channel_rows(self) -> None:
        record, layer = self.model.record, self.image.layer
        wanted = 0
        if record is not None and layer is not None and "C" not in layer_axes(layer):
            wanted = record.network.n_channels - 1
        while len(self.channels) > wanted:
            self._rows.removeRow(self.channels.pop())
        while len(self.channels) < wanted:
            number = len(self.channels) + 2
            box = LayerBox(is_source, none_text="choose a layer")
            box.setAccessibleName(f"Channel {number}")
            box.setToolTip("<qt>The layer with this channel, in the order of the training.</qt>")
            taken = [b.layer for b in (self.image, *self.channels)]
            free = [
                la for la in self._layers if _is_channel_of(la, layer) and not any(la is t for t in taken)
            ]
            box.refresh(self._layers, free[0] if free else None, required=False)
            box.layer_changed.connect(self.changed)
            row, _ = self._rows.getWidgetPosition(self.image)
            self._add_row(f"Channel {number}", box, box, row + len(self.channels) + 1)
            self.channels.append(box)


def _channels(layer: ImageLayer) -> int:
    try:
        return image_from_layers([layer]).n_channels
    except UNetError:
        return 0  # nothing that could be segmented


def _is_channel_of(layer: Layer, image: ImageLayer) -> bool:
    """Whether a layer could be another channel of ``image``: as large, and no colours."""
    return is_source(layer) and _channels(layer) == 1 and layer.data.shape == image.data.shape


def is_source(layer: Layer) -> bool:
    """Whether a layer can be segmented: an image that is no result of ours."""
    return isinstance(layer, ImageLayer) and not layer.metadata.get(METADATA, {}).get("prediction")

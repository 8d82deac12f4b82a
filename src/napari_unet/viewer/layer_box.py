"""A combo box of layers that follows the viewer's layer list: names, order, deletions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QWidget


class LayerBox(QComboBox):
    """Chooses one of the viewer's layers.

    Parameters
    ----------
    accepts : callable
        Whether a layer may be chosen.
    none_text : str
        Shown while there is no layer to choose.

    Attributes
    ----------
    is_chosen_by_user : bool
        Whether the layer was chosen by hand, and is not to be changed for a better guess.

    Signals
    -------
    layer_changed
        When another layer is chosen, by the user or because the chosen one has gone.
    """

    layer_changed = Signal()

    def __init__(
        self,
        accepts: Callable[[Layer], bool],
        none_text: str = "no image layer",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._accepts = accepts
        self._chosen: Layer | None = None
        self.is_chosen_by_user = False
        self.setPlaceholderText(none_text)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.activated.connect(self._on_activated)

    @property
    def layer(self) -> Any:
        """The chosen layer, None if there is none."""
        return self._chosen

    def choose(self, layer: Layer | None) -> None:
        """Choose ``layer``, which must be in the list."""
        if layer is self._chosen:
            return
        self._chosen = layer
        self._select()
        self.layer_changed.emit()

    def refresh(self, layers: list[Layer], preferred: Layer | None = None, *, required: bool = True) -> None:
        """Show these layers; keeps the choice, else takes ``preferred``, else the topmost if ``required``."""
        layers = [layer for layer in layers if self._accepts(layer)]
        with QSignalBlocker(self):
            self.clear()
            for layer in reversed(layers):  # topmost first, as in napari's list
                self.addItem(layer.name, layer)
        if not any(layer is self._chosen for layer in layers):
            self.is_chosen_by_user = False
            first = preferred if any(layer is preferred for layer in layers) else None
            self.choose(layers[-1] if first is None and required and layers else first)
        self._select()

    def _on_activated(self, index: int) -> None:
        self.is_chosen_by_user = True
        self.choose(self.itemData(index))

    def _select(self) -> None:
        with QSignalBlocker(self):
            index = next((i for i in range(self.count()) if self.itemData(i) is self._chosen), -1)
            self.setCurrentIndex(index)

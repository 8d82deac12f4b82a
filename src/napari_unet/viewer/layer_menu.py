"""A button whose menu ticks image layers: one, or several as channels."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QAction, QKeyEvent, QResizeEvent
from qtpy.QtWidgets import QMenu, QPushButton, QSizePolicy, QWidget


class LayerMenuButton(QPushButton):
    """Chooses one image layer or several as channels; the menu stays open while layers are ticked.

    Parameters
    ----------
    tip : str
        What the layers are chosen for.
    nothing : str
        Shown while none is ticked.

    Signals
    -------
    changed
        The choice is another one.
    """

    changed = Signal()

    def __init__(self, tip: str, nothing: str = "choose…", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tip, self._nothing = tip, nothing
        self._menu = QMenu(self)
        self._menu.installEventFilter(self)
        self.setMenu(self._menu)
        self._layers: list[ImageLayer] = []
        self._chosen: list[ImageLayer] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(tip)

    @property
    def offered(self) -> tuple[ImageLayer, ...]:
        """The layers that may be ticked, in the viewer's order."""
        return tuple(self._layers)

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
        text = self.names or self._nothing
        room = max(self.width() - 28, 40)
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        if shown.replace("&", "&&") != self.text():
            self.setText(shown.replace("&", "&&"))
        self.setToolTip(f"<qt>{self._tip}<br>{self.names}</qt>")

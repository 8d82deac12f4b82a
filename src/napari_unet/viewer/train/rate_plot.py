"""Loss over the learning rate, as a search goes on. pyqtgraph is imported at the first point."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_unet.events import RateFound
from napari_unet.viewer.style import is_dark
from napari_unet.viewer.train.plot import plain_plot

_HEIGHT = 150
_DECADES = range(-6, 1)
_ON_DARK = {"loss": "#56b4e9", "smoothed": "#56b4e9", "suggestion": "#e69f00"}
_ON_LIGHT = {"loss": "#0072b2", "smoothed": "#0072b2", "suggestion": "#b86e00"}


class RatePlot(QWidget):
    """Points for the losses; once they are judged, a line through them and the suggestion across it.

    The horizontal axis is logarithmic, from 1e-6 to 1.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot: Any = None
        self._items: dict[str, Any] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Loss over learning rate")
        self.hide()

    def draw(self, points: list[tuple[float, float]], found: RateFound | None) -> None:
        """Show what is known so far.

        Parameters
        ----------
        points : list of (learning rate, loss)
            In the order in which they came.
        found : RateFound or None
            The verdict, once there is one.
        """
        self.setVisible(bool(points))
        if not points:
            return
        if self._plot is None:
            self._build()
        rates, losses = np.array(points, dtype=np.float64).T
        self._items["loss"].setData(np.log10(rates), losses)
        self._items["smoothed"].setData(
            *((np.log10(found.learning_rates), found.smoothed) if found is not None else ([], []))
        )
        suggestion = found.suggestion if found is not None else None
        self._items["suggestion"].setVisible(suggestion is not None)
        if suggestion is not None:
            self._items["suggestion"].setValue(np.log10(suggestion))
        # where the loss exploded, its fall would be squeezed out of sight
        high = min(losses.max(), 2 * losses[0])
        self._plot.setYRange(losses.min(), max(high, losses.min() + 1e-3), padding=0.06)

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange) and self._plot is not None:
            self._color()

    def _build(self) -> None:
        import pyqtgraph

        self._plot = plot = plain_plot(self, _HEIGHT)
        item = plot.getPlotItem()
        item.setContentsMargins(0, 2, 6, 6)
        item.showGrid(x=True, y=True, alpha=0.2)
        item.setLabel("left", "Loss")
        item.setLabel("bottom", "Learning rate")
        item.getAxis("left").setWidth(46)
        item.getAxis("left").enableAutoSIPrefix(False)
        item.getAxis("bottom").setHeight(40)
        item.getAxis("bottom").setStyle(hideOverlappingLabels=False)
        item.getAxis("bottom").setTicks([[(d, f"1e{d}" if d else "1") for d in _DECADES]])
        plot.setXRange(_DECADES[0], _DECADES[-1], padding=0.07)
        self._items = {
            "loss": plot.plot([], [], pen=None, symbol="o", symbolSize=4),
            "smoothed": plot.plot([], []),
            "suggestion": pyqtgraph.InfiniteLine(angle=90),
        }
        plot.addItem(self._items["suggestion"])
        self.layout().addWidget(plot)
        self._color()

    def _color(self) -> None:
        import pyqtgraph

        colors = _ON_DARK if is_dark(self) else _ON_LIGHT
        text = self.palette().color(QPalette.ColorRole.WindowText)
        self._plot.setBackground(self.palette().color(QPalette.ColorRole.Window))
        for side in ("left", "bottom"):
            axis = self._plot.getPlotItem().getAxis(side)
            axis.setPen(pyqtgraph.mkPen(text, width=1))
            axis.setTextPen(text)
        faint = QColor(colors["loss"])
        faint.setAlpha(130)
        self._items["loss"].setSymbolBrush(faint)
        self._items["loss"].setSymbolPen(None)
        self._items["smoothed"].setPen(pyqtgraph.mkPen(colors["smoothed"], width=2))
        self._items["suggestion"].setPen(
            pyqtgraph.mkPen(colors["suggestion"], width=2, style=Qt.PenStyle.DashLine)
        )

"""Live curves of a run: losses and validation Dice. pyqtgraph is imported at the first curve."""

from __future__ import annotations

import sys
from importlib import import_module
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.viewer.train.run import RunReport

_MOST_POINTS = 400
_HEIGHT = 120
_ON_DARK = {"training": "#56b4e9", "validation": "#e69f00", "dice": "#2fc79a", "ap": "#d988b5"}
_ON_LIGHT = {"training": "#0072b2", "validation": "#b86e00", "dice": "#00795a", "ap": "#a8437a"}


def thin(points: NDArray[np.float64], most: int = _MOST_POINTS) -> NDArray[np.float64]:
    """At most ``most`` points, each the mean of its neighbours, so that long runs draw as fast as short ones.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        x and y, x rising.
    most : int
        Largest number of points returned.

    Returns
    -------
    ndarray, shape (m, 2)
        ``m <= most``; the points themselves where there are few.
    """
    if len(points) <= most:
        return points
    starts = np.linspace(0, len(points), most, endpoint=False).astype(int)
    sizes = np.diff(np.append(starts, len(points)))
    thinned: NDArray[np.float64] = np.add.reduceat(points, starts) / sizes[:, None]
    return thinned


def plain_plot(parent: QWidget, height: int) -> Any:
    """A pyqtgraph plot to look at only: without a menu, and out of the way of mouse and keyboard."""
    import pyqtgraph  # here, as a dock that is only opened does not need its time

    plot = pyqtgraph.PlotWidget(parent)
    plot.setFixedHeight(height)
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return plot


class Curves(QWidget):
    """Two small plots over minutes; shows what a :class:`RunReport` holds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setWordWrap(True)
        self._plots: dict[str, Any] = {}
        self._lines: dict[str, Any] = {}
        self._has_objects = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._legend)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Training curves")

    def preload(self) -> None:
        """Import pyqtgraph in the background, so that the first curve does not hold up the viewer."""
        if "pyqtgraph" not in sys.modules:
            Thread(target=import_module, args=("pyqtgraph",), name="napari-unet-plots", daemon=True).start()

    def draw(self, report: RunReport) -> None:
        """Bring the curves up to date."""
        if not report.losses and not report.validations:
            for line in self._lines.values():
                line.setData([], [])
            return
        if not self._plots:
            self._build()
        scored = [v for v in report.validations if np.isfinite(v.mean_dice)]
        curves = {
            "training": report.losses,
            "validation": [(v.seconds / 60, v.loss) for v in report.validations if np.isfinite(v.loss)],
            "dice": [(v.seconds / 60, v.mean_dice) for v in scored],
            "ap": [(v.seconds / 60, v.object_ap) for v in scored if np.isfinite(v.object_ap)],
        }
        thinned = {
            name: thin(np.array(values, dtype=np.float64).reshape(-1, 2)) for name, values in curves.items()
        }
        self._has_objects = len(curves["ap"]) > 0
        for name, points in thinned.items():
            self._lines[name].setData(points[:, 0], points[:, 1])
        self._show_all(thinned)
        is_scored = report.regions is None or report.regions.honest
        self._plots["dice"].setVisible(is_scored)
        self._plots["loss"].getPlotItem().setLabel("bottom", None if is_scored else "Minutes")
        self._plots["loss"].setFixedHeight(_HEIGHT - 10 if is_scored else _HEIGHT)
        self._write_legend(is_scored)

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange) and self._plots:
            self._color()

    def _build(self) -> None:
        for name, title in (("loss", "Loss"), ("dice", "Dice")):
            plot = plain_plot(self, _HEIGHT)
            item = plot.getPlotItem()
            item.setContentsMargins(0, 2, 6, 0)
            item.getAxis("left").setWidth(46)
            item.setLabel("left", title)
            item.showGrid(x=False, y=True, alpha=0.25)
            self._plots[name] = plot
            self.layout().addWidget(plot)
        dice = self._plots["dice"].getPlotItem()
        dice.setYRange(0, 1, padding=0.02)
        dice.setLabel("bottom", "Minutes")
        # SI prefixes would turn 0.05 minutes into 50 and a small "m".
        for plot in self._plots.values():
            for side in ("left", "bottom"):
                plot.getPlotItem().getAxis(side).enableAutoSIPrefix(False)
        self._lines = {
            "training": self._plots["loss"].plot([], []),
            "validation": self._plots["loss"].plot([], [], symbol="o", symbolSize=4),
            "dice": self._plots["dice"].plot([], [], symbol="o", symbolSize=4),
            "ap": self._plots["dice"].plot([], [], symbol="o", symbolSize=4),
        }
        self._color()

    def _show_all(self, curves: dict[str, NDArray[np.float64]]) -> None:
        """Fit the axes to the curves. pyqtgraph's own fitting takes several redraws of the window each time."""
        losses = np.concatenate([curves["training"], curves["validation"]])
        scored = curves["dice"]
        last = max(points[-1, 0] for points in (losses, scored) if len(points))
        for plot in self._plots.values():
            plot.setXRange(0, max(last, 0.1), padding=0.02)
        low, high = (losses[:, 1].min(), losses[:, 1].max()) if len(losses) else (0.0, 1.0)
        self._plots["loss"].setYRange(low, max(high, low + 1e-3), padding=0.05)

    def _colors(self) -> dict[str, str]:
        is_dark = self.palette().color(QPalette.ColorRole.Window).lightness() < 128
        return _ON_DARK if is_dark else _ON_LIGHT

    def _color(self) -> None:
        import pyqtgraph

        background = self.palette().color(QPalette.ColorRole.Window)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for plot in self._plots.values():
            plot.setBackground(background)
            for side in ("left", "bottom"):
                axis = plot.getPlotItem().getAxis(side)
                axis.setPen(pyqtgraph.mkPen(text, width=1))
                axis.setTextPen(text)
        for name, color in self._colors().items():
            style = Qt.PenStyle.SolidLine if name != "validation" else Qt.PenStyle.DashLine
            self._lines[name].setPen(pyqtgraph.mkPen(color, width=2, style=style))
            if name != "training":
                self._lines[name].setSymbolBrush(QColor(color))
                self._lines[name].setSymbolPen(None)
        self._write_legend(self._plots["dice"].isVisibleTo(self))

    def _write_legend(self, is_scored: bool) -> None:
        colors = self._colors()
        entries = [("training", "━ training loss")]
        if is_scored:
            entries += [("validation", "┅ validation loss"), ("dice", "━ Dice")]
        if is_scored and self._has_objects:
            entries.append(("ap", "━ AP of objects"))
        self._legend.setText(
            " &nbsp; ".join(f'<span style="color:{colors[name]}">{text}</span>' for name, text in entries)
        )

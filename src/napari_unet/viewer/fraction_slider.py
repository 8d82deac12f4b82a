"""A slider for fractions, in hundredths, with its number beside it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QShowEvent, QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QHBoxLayout, QSlider, QWidget


class FractionSlider(QWidget):
    """Moved by the mouse, by arrow keys, or by typing a number and Enter.

    superqt's slider for floats does not hear the keyboard.

    Parameters
    ----------
    lowest, highest : float
        Whole steps.
    decimals : int
        Of a step: 2 for hundredths.

    Signals
    -------
    value_changed(float)
        A whole number of steps.
    """

    value_changed = Signal(float)

    def __init__(
        self, lowest: float, highest: float, decimals: int = 2, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._decimals, self._steps = decimals, 10**decimals
        self.slider = _CalmSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(self._steps * lowest), round(self._steps * highest))
        self.slider.setSingleStep(1)
        self.slider.setPageStep(self._steps // 10)
        self.number = QDoubleSpinBox()
        self.number.setRange(lowest, highest)
        self.number.setSingleStep(1 / self._steps)
        self.number.setDecimals(decimals)
        self.number.setKeyboardTracking(False)
        self.number.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.number.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.number.setStyleSheet("background: transparent; border: none; padding: 0px; margin: 0px;")
        self.setFocusProxy(self.slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, stretch=1)
        row.addWidget(self.number)
        self.slider.valueChanged.connect(self._on_slid)
        self.number.valueChanged.connect(lambda number: self.set_value(number))

    def value(self) -> float:
        """The fraction."""
        return round(self.slider.value() / self._steps, self._decimals)

    def set_value(self, value: float) -> None:
        """Move to a fraction, or as near to it as there is a step."""
        self.slider.setValue(round(self._steps * value))

    def setAccessibleName(self, name: str) -> None:
        """Name what is moved and what is typed into, which is what a screen reader comes upon."""
        super().setAccessibleName(name)
        self.slider.setAccessibleName(name)
        self.number.setAccessibleName(name)

    def showEvent(self, event: QShowEvent) -> None:
        """Leave to the slider what the number does not need, in the font that is known now."""
        super().showEvent(event)
        self.number.setFixedWidth(self.number.fontMetrics().horizontalAdvance(f"{0:.{self._decimals}f}") + 10)

    def _on_slid(self, _steps: int) -> None:
        with QSignalBlocker(self.number):
            self.number.setValue(self.value())
        self.value_changed.emit(self.value())


class _CalmSlider(QSlider):
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the dock, not the slider, unless it was clicked."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

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
        Whole hundredths.

    Signals
    -------
    value_changed(float)
        A whole number of hundredths.
    """

    value_changed = Signal(float)

    def __init__(self, lowest: float, highest: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = _CalmSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(100 * lowest), round(100 * highest))
        self.slider.setSingleStep(1)
        self.slider.setPageStep(10)
        self.number = QDoubleSpinBox()
        self.number.setRange(lowest, highest)
        self.number.setSingleStep(0.01)
        self.number.setDecimals(2)
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
        self.number.valueChanged.connect(lambda number: self.slider.setValue(round(100 * number)))

    def value(self) -> float:
        """The fraction."""
        return round(self.slider.value() / 100, 2)

    def set_value(self, value: float) -> None:
        """Move to a fraction, or as near to it as there is a hundredth."""
        self.slider.setValue(round(100 * value))

    def setAccessibleName(self, name: str) -> None:
        """Name what is moved and what is typed into, which is what a screen reader comes upon."""
        super().setAccessibleName(name)
        self.slider.setAccessibleName(name)
        self.number.setAccessibleName(name)

    def showEvent(self, event: QShowEvent) -> None:
        """Leave to the slider what the number does not need, in the font that is known now."""
        super().showEvent(event)
        self.number.setFixedWidth(self.number.fontMetrics().horizontalAdvance("0.00") + 10)

    def _on_slid(self, _hundredths: int) -> None:
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

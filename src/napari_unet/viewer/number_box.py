"""A spin box for any number: exact floats, no hidden limits, and *auto* for None."""

from __future__ import annotations

import math
from typing import Any

from magicgui.backends._qtpy.widgets import QBaseValueWidget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QFocusEvent, QValidator, QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QWidget

Number = int | float


class NumberBox(QAbstractSpinBox):
    """A spin box that holds an int, a float or None, exactly as given.

    Qt's own boxes round floats to a fixed number of decimals and end at 99 or 999. What is typed and is no
    number is kept as text, for the form to complain about.
    """

    value_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._number: Number | None = None
        self._suggested: Number | None = None
        self.whole = False
        self.nullable = False
        self.none_text = "auto"
        self.minimum: float = -math.inf
        self.maximum: float = math.inf
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().textEdited.connect(self._on_edited)
        self.editingFinished.connect(self._show_number)

    def value(self) -> Number | str | None:
        """Return the number, None for *auto*, or the text as typed if it is neither."""
        text = self.lineEdit().text().strip()
        if text == self._text_of(self._number):
            return self._number
        if self.nullable and text in ("", self.none_text, self._text_of(None)):
            return None
        try:
            return int(text) if self.whole else float(text)
        except ValueError:
            return text

    def set_value(self, number: Number | None) -> None:
        """Show a number, or *auto* for None."""
        changed = number != self.value() or type(number) is not type(self.value())
        self._number = number
        self.lineEdit().setText(self._text_of(number))
        if changed:
            self.value_changed.emit(number)

    def suggest(self, number: Number | None) -> None:
        """Say in brackets what *auto* would be now."""
        is_shown = self.value() is None
        self._suggested = number
        if is_shown and not self.lineEdit().hasFocus():
            self.lineEdit().setText(self._text_of(None))

    def stepBy(self, steps: int) -> None:
        """Change the leading digit by one (whole numbers: by 1 up to 20, then in tens, hundreds...)."""
        value = self.value()
        if value is None or isinstance(value, str):
            start = (
                self._suggested if self._suggested is not None else max(self.minimum, 1 if self.whole else 0)
            )
            self.set_value(self._bounded(start))
            return
        direction = int(math.copysign(1, steps))
        for _ in range(abs(steps)):
            step = self._step(value, direction)
            value = round((value + direction * step) / step) * step
        self.set_value(self._bounded(value))

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Allow both directions; :meth:`stepBy` keeps to the bounds."""
        return (
            QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        )

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Let everything be typed; the form judges the result and says why."""
        return QValidator.State.Acceptable, text, position

    def sizeHint(self) -> QSize:
        """Wide enough for *auto (1024)*."""
        hint = super().sizeHint()
        width = self.fontMetrics().horizontalAdvance(f"{self.none_text} (0.0001) ") + 40
        return QSize(width, max(hint.height(), self.lineEdit().sizeHint().height()))

    def minimumSizeHint(self) -> QSize:
        """May be squeezed in a narrow dock."""
        return QSize(70, self.sizeHint().height())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the text, so that typing replaces *auto*."""
        super().focusInEvent(event)
        self.selectAll()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the dock, not the number, unless the box was clicked."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _on_edited(self, _text: str) -> None:
        self.value_changed.emit(self.value())

    def _show_number(self) -> None:
        value = self.value()
        if not isinstance(value, str):
            self._number = value
            self.lineEdit().setText(self._text_of(value))

    def _text_of(self, number: Number | None) -> str:
        if number is None:
            known = self._suggested is not None
            return f"{self.none_text} ({_text(self._suggested)})" if known else self.none_text
        return _text(number)

    def _step(self, value: Number, direction: int) -> Number:
        size = abs(value)
        if self.whole:
            return 1 if size < 20 else int(10 ** (len(str(int(size))) - 1))
        if size == 0:
            return 0.1
        exponent = math.floor(math.log10(size))
        if value * direction < 0 and math.isclose(size, 10.0**exponent):
            exponent -= 1  # from 0.01 down to 0.009, not to 0
        return float(10.0**exponent)

    def _bounded(self, value: Number) -> Number:
        value = min(max(value, self.minimum), self.maximum)
        return int(value) if self.whole else float(f"{value:.12g}")


def _text(number: Any) -> str:
    """Shortest text that reads back as the same number: 0.0001, 1e-05, 5."""
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text


class _NumberBackend(QBaseValueWidget):
    _qwidget: NumberBox

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(NumberBox, "value", "set_value", "value_changed", **kwargs)


class NumberEdit(ValueWidget):
    """:class:`NumberBox` as a magicgui widget."""

    def __init__(
        self,
        *,
        whole: bool,
        none_text: str | None = None,
        minimum: float = -math.inf,
        maximum: float = math.inf,
        **kwargs: Any,
    ) -> None:
        super().__init__(widget_type=_NumberBackend, nullable=True, **kwargs)
        box: NumberBox = self.native
        box.whole, box.nullable, box.none_text = whole, none_text is not None, none_text or ""
        box.minimum, box.maximum = minimum, maximum

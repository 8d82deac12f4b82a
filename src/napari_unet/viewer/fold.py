"""A heading that folds what is below it away; folded fields are out of the keyboard's way too."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """Folded at first.

    superqt's QCollapsible gives the folded content no height, but leaves its fields in the tab order.

    Signals
    -------
    toggled(bool)
        Unfolded or folded.

    Parameters
    ----------
    title : str
        The heading.
    content : QWidget
        What is folded.
    corner : QWidget, optional
        Stands at the end of the heading, folded or not.
    """

    toggled = Signal(bool)

    def __init__(
        self, title: str, content: QWidget, parent: QWidget | None = None, *, corner: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._content = content
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        heading = QHBoxLayout()
        heading.addWidget(self.button)
        if corner is not None:
            heading.addWidget(corner)
        column.addLayout(heading)
        column.addWidget(content)
        self.button.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def isExpanded(self) -> bool:
        """Whether the content can be seen."""
        return bool(self.button.isChecked())

    def expand(self) -> None:
        """Show the content."""
        self.button.setChecked(True)

    def collapse(self) -> None:
        """Fold the content away."""
        self.button.setChecked(False)

    def _on_toggled(self, unfolded: bool) -> None:
        self._content.setVisible(unfolded)
        self.button.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self.toggled.emit(unfolded)

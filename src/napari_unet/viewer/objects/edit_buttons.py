"""The buttons of the box "Correct"."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QPushButton, QSpinBox, QWidget

from napari_unet.viewer.objects.tools import Tool


class EditButtons(QWidget):
    """Tools that hear the mouse (checkable), and what they or the picked objects are for.

    Attributes
    ----------
    tools : dict of str to QPushButton
        A button per tool.
    radius : QSpinBox
        How much is smoothed, in pixels.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tools: dict[Tool, QPushButton] = {
            "pick": _button("Pick objects", "Click objects in the image to choose what is changed."),
            "line": _button("Split by line", "Draw a line across an object that should be two."),
            "clicks": _button(
                "Split by two clicks",
                "Click into both halves of an object: it is split at the waist between them.",
            ),
        }
        for button in self.tools.values():
            button.setCheckable(True)
        self.merge = _button("Merge", "Make the picked objects one, with the number of the first.")
        self.delete = _button("Delete", "Turn the picked objects into background.")
        self.fill = _button("Fill holes", "Fill the holes of the picked objects, slice by slice.")
        self.smooth = _button(
            "Smooth", "Remove spikes and notches of the picked objects; other objects keep their pixels."
        )
        self.radius = QSpinBox()
        self.radius.setRange(1, 50)
        self.radius.setValue(2)
        self.radius.setPrefix("by ")
        self.radius.setSuffix(" px")
        self.radius.setToolTip("Spikes and notches up to about twice as wide as this are removed.")
        self.radius.setAccessibleName("Smooth by pixels")
        self.relabel = _button("Relabel all", "Number all objects 1, 2, 3… without gaps.")
        self.undo = _button("Undo", "Take the last change back, like Ctrl+Z in the image.")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.addWidget(self.tools["pick"], 0, 0, 1, 6)
        for column, button in enumerate((self.merge, self.delete, self.fill)):
            grid.addWidget(button, 1, 2 * column, 1, 2)
        pairs: tuple[tuple[QWidget, QWidget], ...] = (
            (self.smooth, self.radius),
            (self.tools["line"], self.tools["clicks"]),
            (self.relabel, self.undo),
        )
        for line, (left, right) in enumerate(pairs, start=2):
            grid.addWidget(left, line, 0, 1, 3)
            grid.addWidget(right, line, 3, 1, 3)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button

"""What may be done with scores: errors as layers, tables as files."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_unet.viewer.score.error_layer import OF_OBJECTS, ONE_CLASS, RIGHT_AND_WRONG, legend
from napari_unet.viewer.score.results import Result, row

EVERY_CLASS = "all classes"
OBJECTS = "objects"


class Actions(QWidget):
    """The choice of errors, and three buttons; who owns them does what they say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.error_class = QComboBox()
        self.error_class.setToolTip("What the error layer shows.")
        self.error_class.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.error_class.setMinimumContentsLength(10)
        self.error_class.setAccessibleName("Errors of")
        self.error_button = QPushButton("Add error layer")
        self.error_button.setToolTip(
            "Add a labels layer that shows, pixel by pixel, where the prediction is right and wrong."
        )
        self.csv_button = QPushButton("Export CSV…")
        self.csv_button.setToolTip("Save all scores, per class and per slice, as a table.")
        self.objects_button = QPushButton("Export objects…")
        self.objects_button.setToolTip(
            "Save the table of objects: numbers, what became of each, IoU, size and place."
        )
        for button in (self.error_button, self.csv_button, self.objects_button):
            button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row(QLabel("Errors of"), self.error_class))
        column.addWidget(self.legend)
        column.addLayout(row(self.error_button, self.csv_button, self.objects_button))
        self.error_class.currentIndexChanged.connect(self._show_legend)

    @property
    def errors_of(self) -> Any:
        """The class value whose errors are wanted, :data:`OBJECTS`, or None for every class."""
        return self.error_class.currentData()

    def set_ready(self, is_ready: bool) -> None:
        """Let them be used, or not now."""
        for widget in (self.error_class, self.error_button, self.csv_button, self.objects_button):
            widget.setEnabled(is_ready)

    def show_result(self, result: Result | None) -> None:
        """Offer the errors that there are."""
        self.setVisible(result is not None)
        self.error_class.clear()
        if result is None:
            return
        self.objects_button.setVisible(result.objects is not None)
        if result.objects is not None:
            self.error_class.addItem("objects", OBJECTS)
        comparison, looks = result.comparison, result.looks
        if comparison.kind == "objects":
            self.error_class.addItem(looks.names[1], 1)
            return
        self.error_class.addItem(EVERY_CLASS, None)
        for value in comparison.values:
            self.error_class.addItem(looks.names[value], value)
        foreground = [value for value in comparison.values if value > 0]
        if len(foreground) == 1 and result.objects is None:
            self.error_class.setCurrentIndex(self.error_class.findData(foreground[0]))

    def _show_legend(self) -> None:
        value = self.errors_of
        meanings = OF_OBJECTS if value == OBJECTS else RIGHT_AND_WRONG if value is None else ONE_CLASS
        self.legend.setText(legend(meanings))
        self.error_button.setText("Add error layers" if value == OBJECTS else "Add error layer")

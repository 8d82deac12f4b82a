"""Choosing a model file: among recent ones, or any other by a file dialog."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from napari_unet.errors import ModelFileError
from napari_unet.models.header import read_record
from napari_unet.models.record import ModelRecord
from napari_unet.viewer import remembered
from napari_unet.viewer.sentence import Sentence


class ModelChoice(QWidget):
    """A list of recent models, and the file dialog; what is shown about the chosen one is for subclasses.

    Attributes
    ----------
    path : Path or None
        The chosen file.
    record : ModelRecord or None
        What that model knows about itself; ``None`` where there is none, or it cannot be opened.
    problem : str
        Why that file cannot be opened; empty where it can.
    box : QComboBox
        The list.
    about : Sentence
        Where subclasses describe the model, or say the problem.

    Signals
    -------
    changed
        Another model is chosen, or none.
    """

    changed = Signal()

    first_items: tuple[str, ...] = ()
    """Items above the models that mean "no model"."""
    last_items: tuple[str, ...] = ()
    """Items below the models that open the file dialog."""
    dialog_title = "Open a model"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self.record: ModelRecord | None = None
        self.problem = ""
        self.box = QComboBox()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        self.about = Sentence()
        self.box.activated.connect(self._on_activated)
        remembered.events.recent_models.connect(self.refresh)
        disconnect = remembered.events.recent_models.disconnect
        self.destroyed.connect(lambda *_, slot=self.refresh: disconnect(slot, missing_ok=True))

    def open(self, path: str | Path | None) -> bool:
        """Choose the model at ``path``, or none; returns whether it can be used. What is wrong is said."""
        self.path, self.record, self.problem = None, None, ""
        if path is not None:
            self.path = Path(path).absolute()
            try:
                self.record = read_record(self.path)
            except ModelFileError as error:
                self.problem = str(error)
            else:
                remembered.add_recent_model(self.path)
        self.refresh()
        self.show_model()
        self.changed.emit()
        return not self.problem

    def ask_for_file(self) -> None:
        """Let the user choose a file, beginning in the folder of the last one."""
        folders = remembered.load("folders") or {}
        name, _ = QFileDialog.getOpenFileName(
            self,
            self.dialog_title,
            str(folders.get("models", "")),
            "U-Net models (*.safetensors);;All files (*)",
        )
        if name:
            remembered.save("folders", {**folders, "models": str(Path(name).parent)})
            self.open(name)
        else:
            self.refresh()

    def refresh(self) -> None:
        """Fill the list anew."""
        models = remembered.recent_models()
        if self.path is not None and self.path not in models:
            models.insert(0, self.path)
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItems(self.first_items)
            for path in models:
                self.box.addItem(path.stem, path)
                self.box.setItemData(self.box.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
            self.box.addItems(self.last_items)
            first = 0 if self.first_items else -1
            self.box.setCurrentIndex(
                first if self.path is None else len(self.first_items) + models.index(self.path)
            )

    def show_model(self) -> None:
        """Show what there is to know about the chosen model, or what is wrong with it."""
        raise NotImplementedError  # each kind of choice says it in its own words

    def _on_activated(self, index: int) -> None:
        if index >= self.box.count() - len(self.last_items):
            self.ask_for_file()
        else:
            self.open(self.box.itemData(index))

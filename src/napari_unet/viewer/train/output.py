"""Where the model file goes."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path

from platformdirs import user_documents_path
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_unet.viewer.form import mark

SUFFIX = ".safetensors"
_TIP = "The model file that training writes; the best weights so far are there at any time."


def models_folder() -> Path:
    """Folder for this user's models, where nothing else was chosen; it may not exist yet."""
    redirected = os.environ.get("NAPARI_UNET_MODELS_DIR")
    return Path(redirected) if redirected else user_documents_path() / "U-Net models"


def unused_path(folder: Path, name: str, day: date) -> Path:
    """Return a path no file has: image name and date, numbered where that is taken.

    Parameters
    ----------
    folder : Path
        Where; need not exist.
    name : str
        Name of the image; what a file name cannot hold is left out.
    day : date
        When.
    """
    stem = re.sub(r"[^\w.+-]+", " ", name).strip(" .")[:60] or "U-Net"
    candidate = folder / f"{stem} {day.isoformat()}{SUFFIX}"
    number = 1
    while candidate.exists():
        number += 1
        candidate = folder / f"{stem} {day.isoformat()} {number}{SUFFIX}"
    return candidate


def with_suffix(path: Path) -> Path:
    """Return ``path`` with the suffix of a model file; a dot in a name does not make it one."""
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def output_problem(path: Path, *, may_replace: bool) -> str:
    """Return why a model cannot be written to ``path``; empty where it can."""
    if path.is_dir():
        return f"{path} is a folder. Add a file name."
    if path.exists() and not may_replace:
        return f"{path.name} exists already. Choose another name, or confirm with 'Browse…' to replace it."
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return f"Nothing can be written to {folder}. Choose another folder."
    return ""


class OutputRow(QWidget):
    """The path of the model file: chosen from image and date until the user chooses another.

    Signals
    -------
    changed
        Another path.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder = models_folder()
        self._image = ""
        self._is_automatic = True
        self._may_replace: Path | None = None
        self.edit = QLineEdit()
        self.edit.setAccessibleName("Model file")
        self.edit.setMinimumWidth(60)
        self.browse = QPushButton("Browse…")
        self.browse.setToolTip("Choose where the model is saved.")
        self.browse.setAccessibleName("Browse for the model file")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.edit)
        layout.addWidget(self.browse)
        self.edit.textEdited.connect(self._on_typed)
        self.edit.editingFinished.connect(self._on_left)
        self.browse.clicked.connect(self._on_browse)
        self.propose("")

    @property
    def path(self) -> Path:
        """Where the model goes; a name alone goes into the models folder."""
        path = self.folder / os.path.expanduser(self.edit.text().strip())
        return with_suffix(path) if path.name and path != self.folder else path

    @property
    def problem(self) -> str:
        """Why the model cannot be written there; empty where it can."""
        path = self.path
        if path == self.folder:
            return "Give the model file a name."
        try:
            return output_problem(path, may_replace=path == self._may_replace)
        except (OSError, ValueError) as error:
            return f"{path} cannot be used: {getattr(error, 'strerror', None) or error}."

    def propose(self, image: str) -> None:
        """Choose a new name after the image, unless the user chose one that is still unused."""
        self._image = image
        if self._is_automatic:
            self._show(unused_path(self.folder, image, date.today()))

    def after_run(self) -> None:
        """Propose a new name, for the next run: the file of this one stays."""
        self._is_automatic, self._may_replace = True, None
        self.propose(self._image)

    def choose(self, path: Path, *, may_replace: bool = False) -> None:
        """Take a path the user chose."""
        self._is_automatic = False
        self._may_replace = path if may_replace else None
        self.folder = path.parent
        self._show(path)
        self.changed.emit()

    def set_folder(self, folder: Path) -> None:
        """Propose names in another folder."""
        self.folder = folder
        self.propose(self._image)

    def mark(self, problem: str) -> None:
        """Frame the path if it cannot be used."""
        mark(self.edit, problem, f"{_TIP}<br>{self.path}")

    def _show(self, path: Path) -> None:
        # The folder would push the name out of sight; it is in the tooltip.
        self.edit.setText(path.stem if path.parent == self.folder else str(path))
        self.edit.setCursorPosition(0)
        self.mark("")

    def _on_typed(self) -> None:
        self._is_automatic = False
        self.changed.emit()

    def _on_left(self) -> None:
        if not self.edit.text().strip():  # whoever takes the name away wants another one proposed
            self.after_run()
            self.changed.emit()

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the model as", str(self.path), f"Models (*{SUFFIX})"
        )
        if name:
            path = with_suffix(Path(name))
            # The dialog has asked before replacing the very file it names, not one whose suffix came later.
            self.choose(path, may_replace=name == str(path))

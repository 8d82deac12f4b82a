"""A pair of folders to train on: images and labels of the same names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from napari_unet.errors import UNetError
from napari_unet.images import (
    AnnotatedImage,
    ArrayLike,
    Pair,
    Pairing,
    check_direction,
    pair_files,
    read_image,
    read_labels,
)
from napari_unet.viewer.form import mark
from napari_unet.viewer.style import set_tone

_TELLS_NOTHING = ("image", "images", "img", "imgs", "raw", "train", "training")
"""Names of folders that a model is not called after."""


class FolderEdit(QLineEdit):
    """A path, typed, browsed or dropped."""

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(f"<qt>{tip}</qt>")
        self.setPlaceholderText("folder…")
        self.setMinimumWidth(60)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the first dropped folder, or the folder of the first dropped file."""
        path = Path(event.mimeData().urls()[0].toLocalFile())
        self.setText(str(path if path.is_dir() else path.parent))
        event.acceptProposedAction()
        self.editingFinished.emit()


class FolderPair(QWidget):
    """Two folders and what could be paired in them.

    Signals
    -------
    changed
        Another folder was chosen.

    Attributes
    ----------
    pairing : Pairing or None
        Which files belong together, ``None`` where ``problem`` says why not.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images = FolderEdit("Folder of images", "Folder with the images to learn from.")
        self.labels = FolderEdit(
            "Folder of labels", "Folder with the label images; each has the name of its image."
        )
        self.pairing: Pairing | None = None
        self.problem = ""
        # Train cannot be clicked before the folders are known, so nothing else would end the typing.
        self._pair_later = QTimer(self)
        self._pair_later.setSingleShot(True)
        self._pair_later.setInterval(600)
        self._pair_later.timeout.connect(self._on_edited)
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for row, (title, edit) in enumerate((("Images", self.images), ("Labels", self.labels))):
            label, browse = QLabel(title), QPushButton("Browse…")
            label.setBuddy(edit)
            browse.setAccessibleName(f"Browse for the folder of {title.lower()}")
            browse.clicked.connect(lambda _=False, e=edit, t=title: self._browse(e, t))
            grid.addWidget(label, row, 0)
            grid.addWidget(edit, row, 1)
            grid.addWidget(browse, row, 2)
            edit.editingFinished.connect(self._on_edited)
            edit.textEdited.connect(self._pair_later.start)
        grid.addWidget(self._summary, 2, 0, 1, 3)
        self._paired: tuple[str, str] | None = None
        self._opened: dict[Pair, AnnotatedImage] = {}
        self.refresh()

    @property
    def folders(self) -> tuple[str, str]:
        """Both folders as shown."""
        return self.images.text().strip(), self.labels.text().strip()

    def set_folders(self, images: str, labels: str) -> None:
        """Show two folders."""
        self.images.setText(images)
        self.labels.setText(labels)
        self.refresh()

    @property
    def name(self) -> str:
        """What a model trained on the images is called after."""
        folder = Path(self.folders[0])
        telling = (f.name for f in (folder, *folder.parents) if f.name.lower() not in _TELLS_NOTHING)
        return next(telling, "")

    @property
    def opened(self) -> list[AnnotatedImage]:
        """The pairs opened so far, see :meth:`annotations`."""
        pairs = self.pairing.pairs if self.pairing is not None else ()
        return [self._opened[pair] for pair in pairs if pair in self._opened]

    def annotations(self) -> list[tuple[Pair, Callable[[], ArrayLike]]]:
        """Every pair, with what opens it; that takes time with many files, so it is for another thread."""
        pairs = self.pairing.pairs if self.pairing is not None else ()
        return [(pair, partial(_open, pair, pairs, self._opened)) for pair in pairs]

    def refresh(self) -> None:
        """Pair the files again: the folders may have changed."""
        images, labels = self._paired = self.folders
        self._opened = {}
        self.pairing, self.problem = None, ""
        mark(self.images, "", "Folder with the images to learn from.")
        if not images or not labels:
            self.problem = "Choose a folder of images and a folder of labels."
        else:
            try:
                self.pairing = pair_files(Path(images), Path(labels))
            except UNetError as error:
                self.problem = str(error)
            except OSError as error:
                self.problem = f"The folders cannot be read: {error.strerror or error}."
        if self.pairing is not None:
            self._summary.setText(" ".join(self.pairing.summary()))
            left_out = self.pairing.unpaired_images or self.pairing.unpaired_labels
            set_tone(self._summary, "warning" if left_out else "muted")
        else:
            self._summary.setText(self.problem)
            set_tone(self._summary, "muted")

    def _browse(self, edit: QLineEdit, title: str) -> None:
        folder = QFileDialog.getExistingDirectory(self, f"Folder of {title.lower()}", edit.text())
        if folder:
            edit.setText(folder)
            self._on_edited()

    def _on_edited(self) -> None:
        if self.folders != self._paired:
            self.refresh()
            self.changed.emit()


def _open(pair: Pair, pairs: tuple[Pair, ...], opened: dict[Pair, AnnotatedImage]) -> ArrayLike:
    """Open a pair and keep it in ``opened``; the first one also looks whether the folders were exchanged."""
    if not opened:
        check_direction(pairs, images="the folder of images", labels="the folder of labels")
    opened[pair] = AnnotatedImage(read_image(pair[0]), read_labels(pair[1]))
    return opened[pair].labels

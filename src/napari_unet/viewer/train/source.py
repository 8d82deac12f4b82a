"""What is trained on: pairs of layers, or a pair of folders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QRadioButton, QVBoxLayout, QWidget

from napari_unet.errors import InputError, UNetError
from napari_unet.images import AnnotatedImage, ArrayLike
from napari_unet.viewer.layers import level_for
from napari_unet.viewer.train.folders import FolderPair
from napari_unet.viewer.train.new_annotation import add_annotation_layer
from napari_unet.viewer.train.painting import PaintListener
from napari_unet.viewer.train.pair_row import PairRow
from napari_unet.viewer.train.pairs import (
    LayerPair,
    guess_pair,
    has_gone,
    image_layers,
    labels_layers,
    pair_of,
    read_pair,
    with_pair,
)
from napari_unet.viewer.train.regions import Placement

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels


class SourceBox(QWidget):
    """Chooses what is trained on, and follows the layers of the viewer.

    Signals
    -------
    changed
        Other layers, files or axes.
    painted(object)
        Key of an annotation whose pixels changed.
    """

    changed = Signal()
    painted = Signal(object)

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._is_guessed = True
        self.rows: list[PairRow] = []
        self._paint_listener = PaintListener(self._on_painted)
        self.use_layers = QRadioButton("Layers")
        self.use_layers.setToolTip("Learn from layers of this viewer.")
        self.use_folders = QRadioButton("Folders")
        self.use_folders.setToolTip(
            "Learn from a folder of images and a folder of label images of the same names."
        )
        self._modes = QButtonGroup(self)
        self._modes.addButton(self.use_layers)
        self._modes.addButton(self.use_folders)
        self.use_layers.setChecked(True)
        mode = QHBoxLayout()
        mode.addWidget(QLabel("Learn from"))
        mode.addWidget(self.use_layers)
        mode.addWidget(self.use_folders)
        mode.addStretch()
        self._layer_page = QWidget()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self.add_pair = QPushButton("Add pair")
        self.add_pair.setToolTip("Learn from one more image with its labels.")
        self.new_annotation = QPushButton("New annotation layer")
        self.new_annotation.setToolTip(
            "Add an empty labels layer that fits the image, ready to paint two classes on."
        )
        buttons = QHBoxLayout()
        buttons.addWidget(self.new_annotation)
        buttons.addWidget(self.add_pair)
        page = QVBoxLayout(self._layer_page)
        page.setContentsMargins(0, 0, 0, 0)
        page.addLayout(self._rows)
        page.addLayout(buttons)
        self.folder_pair = FolderPair()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(mode)
        layout.addWidget(self._layer_page)
        layout.addWidget(self.folder_pair)
        self.folder_pair.hide()
        self.use_folders.toggled.connect(self._on_mode)
        self.folder_pair.changed.connect(self.changed)
        self.add_pair.clicked.connect(self._on_add_pair)
        self.new_annotation.clicked.connect(self.add_annotation)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self.refresh)
        events = viewer.layers.events
        self._layer_events = (events.inserted, events.removed, events.reordered, events.renamed)
        for emitter in self._layer_events:
            emitter.connect(self._on_layers)
        viewer.layers.selection.events.changed.connect(self._on_layers)
        self.refresh()

    @property
    def pairs(self) -> list[LayerPair]:
        """The chosen pairs of layers."""
        return [row.pair for row in self.rows]

    @property
    def uses_folders(self) -> bool:
        """Whether files are trained on, not layers."""
        return bool(self.use_folders.isChecked())

    @property
    def name(self) -> str:
        """What a model trained on this is called after: the first image, or the folder of images."""
        if self.uses_folders:
            return self.folder_pair.name
        names = [pair.images[0].name for pair in self.pairs if pair.images]
        return names[0] if names else ""

    def annotations(self) -> list[tuple[Any, Callable[[], ArrayLike]]]:
        """Every chosen annotation: what identifies it, and what opens it in another thread."""
        if self.uses_folders:
            return list(self.folder_pair.annotations())
        chosen = [pair.labels for pair in self.pairs if pair.labels is not None]
        arrays = [(la, la.data[0] if la.multiscale else la.data) for la in chosen]
        return [((id(la), id(data)), partial(_same, data)) for la, data in arrays]

    def annotation_layers(self) -> list[Labels]:
        """The chosen labels layers."""
        return [] if self.uses_folders else [pair.labels for pair in self.pairs if pair.labels is not None]

    def read(self, *, snapshot: bool) -> tuple[list[AnnotatedImage], list[Placement | None]]:
        """Return what is trained on; of folders, the files opened so far.

        Parameters
        ----------
        snapshot : bool
            Whether labels are copied, as for a run; without, only shapes may be looked at.

        Raises
        ------
        UNetError
            What is missing or does not fit together.
        """
        if self.uses_folders:
            if self.folder_pair.pairing is None:
                raise InputError(self.folder_pair.problem)
            files = self.folder_pair.opened
            return files, [None] * len(files)
        images: list[AnnotatedImage] = []
        placements: list[Placement | None] = []
        for row in self.rows:
            pair = row.pair
            row.mark("", "")
            try:
                image = read_pair(pair, snapshot=snapshot, has_images=bool(self._image_layers()))
            except UNetError as error:
                row.mark("labels" if pair.images else "images", str(error))
                raise
            images.append(image)
            level = 0 if pair.labels is None else level_for(pair.images, pair.labels)
            placements.append(Placement.of(pair.images[0], image.image.label_shape, level))
        return images, placements

    def refresh(self) -> None:
        """Bring the choices up to date with the layers of the viewer."""
        layers = list(self._viewer.layers)
        pairs = [pair if pair.is_chosen else self._guess_another() for pair in self.pairs]
        pairs = [pair for pair in pairs if not has_gone(pair, layers)]
        self._is_guessed = self._is_guessed or not any(pair.is_chosen for pair in pairs)
        if self._is_guessed:
            pairs = [guess_pair(layers, self._viewer.layers.selection)]
        self._show(pairs)
        self.changed.emit()

    def show_pairs(self, pairs: list[LayerPair]) -> None:
        """Choose ``pairs``; they are kept whatever happens to other layers."""
        self._is_guessed = False
        self._show(pairs)
        self.changed.emit()

    def learn_from(self, pair: LayerPair) -> None:
        """Learn from this pair: in place of others of the same image, else as one pair more."""
        self.use_layers.setChecked(True)
        self.show_pairs(with_pair([] if self._is_guessed else self.pairs, pair))

    def use_labels(self, labels: Labels) -> LayerPair:
        """Learn from these labels: in place of others of the same image, else as one pair more. Returns the pair."""
        self.use_layers.setChecked(True)
        pairs = [] if self._is_guessed else self.pairs
        known = next((pair for pair in pairs if pair.labels is labels), None)
        pair = known or pair_of(labels, list(self._viewer.layers))
        if known is None:
            self.learn_from(pair)
        return pair

    def close_connections(self) -> None:
        """Hear no more of the viewer; the dock is going."""
        self._later.stop()
        for emitter in self._layer_events:
            emitter.disconnect(self._on_layers)
        self._viewer.layers.selection.events.changed.disconnect(self._on_layers)
        self._paint_listener.listen(())

    def _image_layers(self) -> list[Any]:
        return image_layers(list(self._viewer.layers))

    def _show(self, pairs: list[LayerPair]) -> None:
        layers = list(self._viewer.layers)
        images, labels = image_layers(layers), labels_layers(layers)
        while len(self.rows) < len(pairs):
            row = PairRow()
            row.changed.connect(self._on_edited)
            row.removed.connect(partial(self._on_removed, row))
            self.rows.append(row)
            self._rows.addWidget(row)
        while len(self.rows) > len(pairs):
            row = self.rows.pop()
            row.hide()
            self._rows.removeWidget(row)
            row.deleteLater()
        for row, pair in zip(self.rows, pairs, strict=True):
            row.show_pair(pair, list(reversed(images)), list(reversed(labels)))
            row.remove.setVisible(len(pairs) > 1)
        self.new_annotation.setEnabled(bool(images))
        order = [w for r in self.rows for w in (r.images, r.labels, r.remove, r.axes)]
        for before, after in pairwise([self.use_folders, *order, self.new_annotation, self.add_pair]):
            self.setTabOrder(before, after)
        self._listen_to_labels()

    def _listen_to_labels(self) -> None:
        self._paint_listener.listen(pair.labels for pair in self.pairs if pair.labels is not None)

    def _on_painted(self, layer: Labels) -> None:
        for key, _ in self.annotations():
            if not self.uses_folders and key[0] == id(layer):
                self.painted.emit(key)

    def _on_layers(self, _event: Any = None) -> None:
        self._later.start()  # several events, and a layer not yet complete: look once, afterwards

    def _on_mode(self, uses_folders: bool) -> None:
        self._layer_page.setVisible(not uses_folders)
        self.folder_pair.setVisible(uses_folders)
        self.changed.emit()

    def _on_edited(self) -> None:
        self._is_guessed = False
        self._listen_to_labels()
        self.changed.emit()

    def _on_add_pair(self) -> None:
        self.show_pairs([*self.pairs, self._guess_another()])
        self.rows[-1].images.setFocus()

    def _guess_another(self) -> LayerPair:
        """A pair of layers that are in no pair yet."""
        used = {id(la) for pair in self.pairs for la in (*pair.images, pair.labels)}
        return guess_pair([la for la in self._viewer.layers if id(la) not in used], [])

    def _on_removed(self, row: PairRow) -> None:
        self.show_pairs([r.pair for r in self.rows if r is not row])

    def add_annotation(self) -> None:
        """Add a layer to paint on, for the image that has none yet."""
        images = self._image_layers()
        row = next((r for r in self.rows if r.pair.images), self.rows[0])
        chosen = row.pair.images or (images[-1:] and (images[-1],))
        if not chosen:
            return
        try:
            layer = add_annotation_layer(self._viewer, chosen)
        except (UNetError, MemoryError) as error:
            row.mark("images", str(error) or "The image is too large for a labels layer in memory.")
            return
        if not self._is_guessed:
            self.learn_from(LayerPair(chosen, layer))


def _same(data: Any) -> Any:
    return data

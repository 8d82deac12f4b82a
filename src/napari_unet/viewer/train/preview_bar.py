"""What can be done with a prediction: take what it is sure of, go to where it is not, or correct a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QWidget

from napari_unet.viewer.key_button import KeyButton
from napari_unet.viewer.keys import ACCEPT, ACCEPT_HERE, WHERE_NEXT, Keys
from napari_unet.viewer.layers import METADATA
from napari_unet.viewer.live.accepting import accept
from napari_unet.viewer.live.run import live_run_of
from napari_unet.viewer.live.sight import region_in_view
from napari_unet.viewer.style import Tone, set_tone
from napari_unet.viewer.train.new_annotation import add_copy
from napari_unet.viewer.train.pairs import LayerPair, pair_of

if TYPE_CHECKING:
    import napari

    from napari_unet.viewer.live.preview import PreviewLayer
    from napari_unet.viewer.train.source import SourceBox

UNDO = "Ctrl+Z takes it back."


class PreviewBar(QWidget):
    """Three buttons and a box, seen where there is a prediction.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it is shown.
    source : SourceBox
        Which layers are learnt from.
    keys : Keys
        Which keys do the same.
    """

    def __init__(
        self, viewer: napari.Viewer, source: SourceBox, keys: Keys, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._source = source
        self._run = live_run_of(viewer)
        self.accept_button = QPushButton("Accept what is sure")
        self.accept_button.setToolTip(
            "<qt>Take the areas in view where the preview is sure of the class as annotation, in one step. "
            "What you painted stays as it is. The key beside it does so, the second one only under the pointer.</qt>"
        )
        self.where_button = QPushButton("Go where a label helps most")
        self.where_button.setToolTip(
            "<qt>Move the view to a place where the network is unsure and nothing is painted yet, in any slice of any "
            "image that is learnt from. Again: to another one.</qt>"
        )
        self.copy_button = QPushButton("Correct a copy")
        self.copy_button.setToolTip(
            "<qt>Copy the prediction into a new layer, with what you painted on top. Paint over it where it is "
            "wrong. From then on all of the copy counts as yours: erase what you have not checked.</qt>"
        )
        self.doubt = QCheckBox("Doubt")
        self.doubt.setToolTip(
            "<qt>Show where the network is not sure, in a layer that glows there: between classes, in what it has not "
            "seen yet, and where it answers otherwise to the mirror image.</qt>"
        )
        self.accept_key, self.here_key = KeyButton(keys, ACCEPT), KeyButton(keys, ACCEPT_HERE)
        self.where_key = KeyButton(keys, WHERE_NEXT)
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.line.hide()
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 0, 4, 0)
        grid.setSpacing(4)
        for column, widget in enumerate((self.accept_button, self.accept_key, self.here_key)):
            grid.addWidget(widget, 0, column)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.where_button, 1, 0)
        grid.addWidget(self.where_key, 1, 1)
        grid.addWidget(self.copy_button, 2, 0)
        grid.addWidget(self.doubt, 2, 1, 1, 2)
        grid.addWidget(self.line, 3, 0, 1, 3)
        for button in (self.accept_button, self.where_button, self.copy_button):
            button.setAutoDefault(False)
        for key in (self.accept_key, self.here_key, self.where_key):
            key.refused.connect(lambda problem: self._say(problem, "warning"))
        self.accept_button.clicked.connect(lambda: self.accept())
        self.where_button.clicked.connect(self._run.ask_where_next)
        self.copy_button.clicked.connect(self.correct_copy)
        self.doubt.toggled.connect(lambda on: self._run.previews.show_doubt(on))
        keys.pressed.connect(self._on_key)
        self._run.previewed.connect(self.draw)
        self._run.heard.connect(self._on_heard)
        source.changed.connect(self.draw)
        viewer.layers.selection.events.active.connect(self.draw)
        self.draw()

    def draw(self, _event: Any = None) -> None:
        """Offer what is possible now."""
        preview = self._preview()
        has_preview = preview is not None
        self.accept_button.setEnabled(has_preview)
        self.doubt.setEnabled(has_preview)
        with QSignalBlocker(self.doubt):
            self.doubt.setChecked(preview is not None and preview.shows_doubt)
        self._on_heard()
        self.setVisible(has_preview or self._prediction() is not None)

    def accept(self, *, here: bool = False) -> None:
        """Fill unlabelled pixels in view where the preview is sure, all of them or the area under the pointer."""
        preview = self._preview()
        if preview is None:
            return
        labels = preview.annotation_layer
        region = region_in_view(self._viewer, labels)
        if region is None:
            self._say(
                "A plane must be seen for that: switch to the 2D view, and have the image in sight.",
                "warning",
            )
            return
        at = None
        if here:
            position = self._viewer.cursor.position[-labels.ndim :]
            at = tuple(int(n) for n in labels.world_to_data(position).round())
        n = accept(preview, labels, region, at)
        self._viewer.layers.selection.active = labels  # whose step Ctrl+Z takes back
        place = "under the pointer" if here else "in view"
        if n:
            self._say(f"Accepted {n:,} pixels {place}. {UNDO}", "plain")
        else:
            self._say(f"Nothing unlabelled {place} is sure yet. Wait a little, or paint there.", "plain")

    def correct_copy(self) -> None:
        """Copy the prediction into a layer of its own that is painted on and learnt from."""
        prediction = self._prediction()
        if prediction is None:
            return
        preview, pair = self._preview(), self._pair_of(prediction)
        try:
            layer = add_copy(self._viewer, prediction, pair.labels, pair.images)
        except MemoryError:
            self._say("The prediction is too large for a copy in memory.", "warning")
            return
        text = f"Paint over {layer.name} where it is wrong."
        if preview is not None and preview.layer is prediction:
            self._run.learn_from(layer, instead_of=preview.annotation_layer)
        elif self._run.report.is_on:
            text += (
                " To learn from it, switch Live off and on."  # its values may be objects, or other classes
            )
        self._source.learn_from(LayerPair(pair.images, layer))
        self._say(text, "plain")

    def close_connections(self) -> None:
        """Hear no more of the viewer and the run; the dock is going."""
        self._run.previewed.disconnect(self.draw)
        self._run.heard.disconnect(self._on_heard)
        self._viewer.layers.selection.events.active.disconnect(self.draw)

    def _on_key(self, command: str) -> None:
        if command in (ACCEPT, ACCEPT_HERE):
            self.accept(here=command == ACCEPT_HERE)
        elif command == WHERE_NEXT:
            self._run.ask_where_next()

    def _on_heard(self) -> None:
        self.where_button.setEnabled(self._run.report.is_on)

    def _preview(self) -> PreviewLayer | None:
        """What is predicted beside the layer that is painted on, the active one first."""
        active = self._viewer.layers.selection.active
        layers = sorted(self._source.annotation_layers(), key=lambda la: la is not active)
        found = (self._run.previews.beside(layer) for layer in layers)
        return next((preview for preview in found if preview is not None), None)

    def _prediction(self) -> Labels | None:
        """What would be copied: the selected prediction, else the preview."""
        active, preview = self._viewer.layers.selection.active, self._preview()
        if isinstance(active, Labels) and active.metadata.get(METADATA, {}).get("prediction"):
            return active
        return preview.layer if preview is not None else None

    def _pair_of(self, prediction: Labels) -> LayerPair:
        """The image a prediction is of, and what was painted on it so far."""
        preview = self._preview()
        if preview is not None and preview.layer is prediction:
            return next(pair for pair in self._source.pairs if pair.labels is preview.annotation_layer)
        images = pair_of(prediction, list(self._viewer.layers)).images
        chosen = (pair for pair in self._source.pairs if pair.images and pair.images[:1] == images[:1])
        return next(chosen, LayerPair(images))

    def _say(self, text: str, tone: Tone) -> None:
        self.line.setText(text)
        self.line.setVisible(bool(text))
        set_tone(self.line, tone)

"""The upper part of the Scores dock: which two layers, and what the labels mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.images.image import ArrayLike
from napari_unet.labels import AnnotationKind, KindGuess, infer_kind, summarize_labels
from napari_unet.scores.comparison import check_comparable
from napari_unet.viewer.layer_box import LayerBox
from napari_unet.viewer.layers import METADATA, annotation_of
from napari_unet.viewer.score.background import Background, Steps
from napari_unet.viewer.score.error_layer import PLACEMENT, is_error_layer
from napari_unet.viewer.score.object_options import ObjectOptions
from napari_unet.viewer.style import set_tone

if TYPE_CHECKING:
    import napari

KIND_TIPS: dict[AnnotationKind, str] = {
    "scribbles": "0 is unlabelled and counts nowhere; every other value is a class.",
    "masks": "Every pixel counts; 0 is the background class.",
    "objects": "Every value above 0 is one object; objects are matched, and the foreground is scored.",
}


class LayerChoice(QWidget):
    """Chooses a prediction, the labels to compare it with, and what these labels mean.

    Signals
    -------
    changed
        After every change, also of what is wrong with the choice.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._guesses = Background()
        self._set_by_user: WeakKeyDictionary[Labels, AnnotationKind] = WeakKeyDictionary()
        self._chosen_by_user: WeakSet[Labels] = WeakSet()
        self._reason = ""
        self.prediction_box = LayerBox(_is_candidate, none_text="no labels layer")
        self.prediction_box.setToolTip("The labels layer to score.")
        self.labels_box = LayerBox(_is_candidate, none_text="no second labels layer")
        self.labels_box.setToolTip("The labels layer to take as the truth: an annotation.")
        self.kind_box = QComboBox()
        self.kind_box.setPlaceholderText("choose")
        for index, (kind, tip) in enumerate(KIND_TIPS.items()):
            self.kind_box.addItem(kind, kind)
            self.kind_box.setItemData(index, tip, 3)  # Qt.ToolTipRole
        self.kind_box.setToolTip("\n".join(f"{kind}: {tip}" for kind, tip in KIND_TIPS.items()))
        self.note = QLabel()
        self.note.setWordWrap(True)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Prediction", self.prediction_box)
        form.addRow("Labels", self.labels_box)
        form.addRow("Labels are", self.kind_box)
        self.options = ObjectOptions(form, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(self.note)
        self.prediction_box.layer_changed.connect(self._say)
        self.labels_box.layer_changed.connect(self._find_kind)
        self.prediction_box.activated.connect(self._choose_layer)
        self.labels_box.activated.connect(self._choose_layer)
        self.kind_box.activated.connect(self._choose_kind)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._refresh)
        self._refresh()

    def close_down(self) -> None:
        """Listen to nothing any more."""
        self._guesses.cancel()
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.disconnect(self._refresh)

    @property
    def prediction(self) -> Labels | None:
        """The layer to score."""
        return self.prediction_box.layer

    @property
    def labels(self) -> Labels | None:
        """The layer to compare it with."""
        return self.labels_box.layer

    @property
    def kind(self) -> AnnotationKind | None:
        """What the labels mean; None until it is known."""
        return self.kind_box.currentData()

    @property
    def is_guessing(self) -> bool:
        """Whether the labels are being looked at."""
        return self._guesses.is_busy

    def problem(self) -> str:
        """Why this choice cannot be compared; empty if it can."""
        prediction, labels = self.prediction, self.labels
        if prediction is None or labels is None:
            return "Two labels layers are needed: a prediction and an annotation."
        if prediction is labels:
            return "Choose two different layers."
        try:
            check_comparable(pixels(prediction), pixels(labels))
        except UNetError as error:
            return f"{prediction.name} and {labels.name} cannot be compared. {error}"
        if self.kind is None:
            return "" if self.is_guessing else f"{self._reason} Choose what the labels are."
        return ""

    def advice(self) -> str:
        """What to know about a choice that can be compared."""
        prediction, labels = self.prediction, self.labels
        if prediction is None or labels is None:
            return ""
        record = _record(prediction)
        if record.get("image") in record.get("trained_on", ()):
            seen = (
                "The model has learnt from this image: it scores better here than on images it has not seen."
            )
        else:
            seen = ""
        differ = [key for key in PLACEMENT[:5] if not _same(getattr(prediction, key), getattr(labels, key))]
        if not differ:
            return seen
        return f"{seen} " * bool(seen) + (
            f"The layers do not lie in the same place in the viewer ({_plainly(differ)} differ). "
            "They are compared pixel by pixel all the same."
        )

    def _refresh(self, event: Any = None) -> None:
        layers = list(self._viewer.layers)
        candidates = [layer for layer in reversed(layers) if _is_candidate(layer)]
        predicted = [layer for layer in candidates if layer.metadata.get(METADATA, {}).get("prediction")]
        prediction = next(iter(predicted or candidates), None)
        self.prediction_box.refresh(layers)
        if self.prediction not in self._chosen_by_user:
            self.prediction_box.choose(prediction)
        others = [layer for layer in candidates if layer is not self.prediction]

        def rank(layer: Labels) -> tuple[bool, ...]:
            return not self._fits(layer), layer in predicted, not self._is_of_same_image(layer)

        self.labels_box.refresh(layers)
        best = min(others, key=rank, default=None)  # of several the topmost
        kept = self.labels in self._chosen_by_user or (
            self.labels in others and rank(self.labels) == rank(best)
        )
        if not kept or self.labels is self.prediction:
            self.labels_box.choose(best)
        self._say()

    def _fits(self, layer: Labels | None) -> bool:
        """Whether a layer has the shape of the prediction."""
        return (
            layer is not None
            and self.prediction is not None
            and tuple(pixels(layer).shape) == tuple(pixels(self.prediction).shape)
        )

    def _is_of_same_image(self, layer: Labels) -> bool:
        """Whether a layer is called after the image that the prediction was made of."""
        image = _record(self.prediction).get("image")
        return isinstance(image, str) and layer.name.startswith(image)

    def _choose_layer(self) -> None:
        """The user chose: layers that come later change nothing about it."""
        self._chosen_by_user.update(layer for layer in (self.prediction, self.labels) if layer is not None)

    def _find_kind(self) -> None:
        self._guesses.cancel()
        labels = self.labels
        known = None if labels is None else annotation_of(labels)
        if labels is None:
            self._show_kind(None, "")
        elif labels in self._set_by_user:
            self._show_kind(self._set_by_user[labels], "Chosen by you.")
        elif known is not None:
            self._show_kind(known.kind, "As set for this layer.")
        else:
            self._show_kind(None, "")
            self._guesses.start(_guess(pixels(labels)), self._guessed)
        self._say()

    def _guessed(self, answer: KindGuess | UNetError) -> None:
        if isinstance(answer, UNetError):
            self._show_kind(None, str(answer))
        else:
            self._show_kind(answer.kind, answer.reason)
        self._say()

    def _choose_kind(self) -> None:
        if self.labels is not None and self.kind is not None:
            self._guesses.cancel()
            self._set_by_user[self.labels] = self.kind
            self._reason = "Chosen by you."
        self._say()

    def _show_kind(self, kind: AnnotationKind | None, reason: str) -> None:
        self._reason = reason
        with QSignalBlocker(self.kind_box):
            self.kind_box.setCurrentIndex(-1 if kind is None else self.kind_box.findData(kind))

    def _say(self) -> None:
        problem, advice = self.problem(), self.advice()
        self.kind_box.setEnabled(self.labels is not None)
        self.options.suit(self.kind, 0 if self.labels is None else self.labels.ndim)
        if problem:
            self.note.setText(problem)
        elif self.is_guessing:
            self.note.setText("Looking at the labels…")
        else:
            self.note.setText(advice or self._reason)
        waiting = self.prediction is None or self.labels is None
        set_tone(self.note, "warning" if (problem and not waiting) or advice else "muted")
        self.changed.emit()


def pixels(layer: Labels) -> ArrayLike:
    """The data of a layer, of its finest level where there are several."""
    return layer.data[0] if layer.multiscale else layer.data


def _record(prediction: Labels | None) -> dict[str, Any]:
    """Where a prediction came from."""
    return {} if prediction is None else prediction.metadata.get(METADATA, {}).get("record") or {}


def _guess(labels: ArrayLike) -> Steps:
    yield 0.0
    return infer_kind([summarize_labels(labels)])


def _is_candidate(layer: Any) -> bool:
    return isinstance(layer, Labels) and not is_error_layer(layer)


def _same(one: Any, other: Any) -> bool:
    one, other = (np.asarray(getattr(x, "affine_matrix", x)) for x in (one, other))
    return one.shape == other.shape and bool(np.allclose(one, other))


def _plainly(keys: list[str]) -> str:
    return " and ".join([", ".join(keys[:-1]), keys[-1]] if len(keys) > 1 else keys)

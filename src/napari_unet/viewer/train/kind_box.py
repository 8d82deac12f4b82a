"""What the labels are: found from the labels, or said by the user."""

from __future__ import annotations

from typing import cast

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_unet.labels import AnnotationKind, KindGuess
from napari_unet.viewer.form import mark
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import set_tone

_MEANING: dict[AnnotationKind, str] = {
    "scribbles": "0 is unlabelled",
    "masks": "0 is the background",
    "objects": "a value for each",
}
_TIP = "<br>".join(f"<b>{kind}</b>: {meaning}." for kind, meaning in _MEANING.items())


class KindBox(QWidget):
    """Shows the kind that was found and its reason, and asks where it is in doubt.

    Signals
    -------
    chosen
        The user chose a kind, or *auto*.
    """

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._guess = KindGuess(None, "")
        self.box = QComboBox()
        self.box.setAccessibleName("Labels are")
        self.box.addItem("auto", None)
        for kind, meaning in _MEANING.items():
            self.box.addItem(f"{kind} ({meaning})", kind)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(10)
        self.reason = Sentence()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.box)
        layout.addWidget(self.reason)
        self.box.activated.connect(lambda _: self.chosen.emit())
        self.ask("")

    @property
    def said(self) -> AnnotationKind | None:
        """What the user said, ``None`` for *auto*."""
        return cast("AnnotationKind | None", self.box.currentData())

    @property
    def kind(self) -> AnnotationKind | None:
        """What the labels are; ``None`` while in doubt."""
        return self.said or self._guess.kind

    def say(self, kind: AnnotationKind | None) -> None:
        """Choose ``kind`` on the user's behalf, ``None`` for *auto*."""
        self.box.setCurrentIndex(max(0, self.box.findData(kind)))
        self._show()

    def show_guess(self, guess: KindGuess) -> None:
        """Show what the labels look like."""
        self._guess = guess
        self.box.setItemText(0, f"auto ({guess.kind})" if guess.kind else "auto")
        self._show()

    def ask(self, problem: str) -> None:
        """Frame the choice and say what is in doubt; an empty problem takes both away."""
        mark(self.box, problem, _TIP)
        set_tone(self.reason, "warning" if problem else "muted")

    def _show(self) -> None:
        text = "" if self.said else self._guess.reason
        self.reason.setText(text)
        self.reason.setVisible(bool(text))

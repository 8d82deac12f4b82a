"""How objects are told apart before they are scored or measured: pieces of masks, slices of a stack."""

from __future__ import annotations

from qtpy.QtCore import QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout

from napari_unet.labels import AnnotationKind

STACKS: dict[str, tuple[bool | None, str]] = {
    "auto": (None, "One volume if the numbers go on from slice to slice, otherwise slice by slice."),
    "one volume": (True, "Objects go through the slices: they are looked at in 3D."),
    "slice by slice": (False, "Every slice is an image of its own, and every frame of a time series."),
}


def stack_box() -> QComboBox:
    """Whether a stack is one volume: its data is True, False, or None to find out."""
    box = QComboBox()
    for index, (name, (volume, tip)) in enumerate(STACKS.items()):
        box.addItem(name, volume)
        box.setItemData(index, tip, 3)  # Qt.ToolTipRole
    box.setToolTip("\n".join(f"{name}: {tip}" for name, (_, tip) in STACKS.items()))
    return box


class ObjectOptions(QObject):
    """Two rows of a form, seen where they mean something.

    Parameters
    ----------
    form : QFormLayout
        Where the rows are added.

    Signals
    -------
    changed
        When the user changed one.
    """

    changed = Signal()

    def __init__(self, form: QFormLayout, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._form = form
        self.components_box = QCheckBox("each connected piece")
        self.components_box.setToolTip(
            "Number the connected pieces of equal value in both layers, and score these as objects."
        )
        self.volume_box = stack_box()
        self._form.addRow("Objects", self.components_box)
        self._form.addRow("Stack as", self.volume_box)
        self.components_box.toggled.connect(self._on_changed)
        self.volume_box.activated.connect(self.changed)
        self._kind: AnnotationKind | None = None
        self._is_stack = False
        self._show()

    def suit(self, kind: AnnotationKind | None, ndim: int) -> None:
        """Show what matters for labels of this kind and number of axes."""
        if kind != self._kind:
            with QSignalBlocker(self.components_box):
                self.components_box.setChecked(False)
        self._kind, self._is_stack = kind, ndim > 2
        self._show()

    @property
    def components(self) -> bool:
        """Whether connected pieces are the objects."""
        return bool(self.components_box.isChecked())

    @property
    def scores_objects(self) -> bool:
        """Whether there are objects to score."""
        return self._kind == "objects" or (self._kind == "masks" and self.components)

    @property
    def volume(self) -> bool | None:
        """Whether a stack is one volume; None to find out."""
        return self.volume_box.currentData()

    def _on_changed(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self._form.setRowVisible(self.components_box, self._kind in ("masks", "objects"))
        self._form.setRowVisible(self.volume_box, self._is_stack and self.scores_objects)

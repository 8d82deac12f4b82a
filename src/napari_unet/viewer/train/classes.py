"""The classes of an annotation: value, colour, name, what is painted of each, and the key that selects it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unet.labels import Annotation, AnnotationKind, LabelClass, default_annotation
from napari_unet.viewer.key_button import KeyButton
from napari_unet.viewer.keys import Keys, class_command
from napari_unet.viewer.layers import METADATA, annotation_of, set_annotation

if TYPE_CHECKING:
    from napari.layers import Labels

_COLOR, _VALUE, _NAME, _PIXELS, _STROKES, _KEY = range(6)
_MOST_ROWS = 6


def annotation_for(
    kind: AnnotationKind,
    counts: Mapping[int, int],
    known: tuple[Annotation | None, ...] = (),
    announced: Collection[int] = (),
) -> Annotation:
    """Return the classes that are painted, with the names and colours already given to them.

    Parameters
    ----------
    kind : {"scribbles", "masks", "objects"}
        What the labels are.
    counts : mapping of int to int
        Pixels by value.
    known : tuple of (Annotation or None)
        Where names and colours are looked up, the first that gave a value more than its default name counts;
        those of another kind are passed over where the same value would mean something else.
    announced : collection of int
        Values of classes that nobody has painted yet.

    Raises
    ------
    AnnotationError
        If nothing is painted, or there are too many values to be classes.
    """
    values = [*announced, *(value for value, pixels in counts.items() if pixels and value >= 0)]
    annotation = default_annotation(kind, values)
    given: dict[int, LabelClass] = {}
    for other in reversed(known):
        if other is not None and any(other.values) and (other.kind == "objects") == (kind == "objects"):
            # by its own defaults: what was "foreground" alone is "class 1" beside others
            default = {*default_annotation(other.kind, other.values).classes, *annotation.classes}
            given |= {c.value: c for c in other.classes if c not in default}
    return annotation.model_copy(update={"classes": tuple(given.get(c.value, c) for c in annotation.classes)})


def announce(layer: Labels, values: Collection[int]) -> None:
    """Let these be classes of ``layer`` whether they are painted or not."""
    ours = layer.metadata.get(METADATA, {})
    layer.metadata[METADATA] = {**ours, "announced": sorted({*ours.get("announced", ()), *values})}


def announced_values(kind: AnnotationKind, layers: Sequence[Labels]) -> list[int]:
    """Values that were announced in ``layers``; numbers of objects are no classes."""
    if kind == "objects":
        return []
    return sorted({v for la in layers for v in la.metadata.get(METADATA, {}).get("announced", ())})


def painted_part(annotation: Annotation, counts: Mapping[int, int]) -> Annotation | None:
    """The classes that can be learnt: those painted, and the background of masks; ``None`` if nothing is painted."""
    if not any(pixels for value, pixels in counts.items() if value > 0):
        return None
    if annotation.kind == "objects":
        return annotation
    classes = tuple(c for c in annotation.classes if c.value == 0 or counts.get(c.value))
    return annotation.model_copy(update={"classes": classes})


def class_pixels(annotation: Annotation, counts: Mapping[int, int]) -> dict[int, int]:
    """Pixels by class value; for objects those of the background and of all objects together."""
    if annotation.kind == "objects":
        return {0: counts.get(0, 0), 1: sum(pixels for value, pixels in counts.items() if value > 0)}
    return {c.value: counts.get(c.value, 0) for c in annotation.classes}


def said_kind(layers: Sequence[Labels]) -> AnnotationKind | None:
    """What the user said ``layers`` are, the first that holds it; ``None`` where it was only ever guessed."""
    for layer in layers:
        annotation = annotation_of(layer)
        if annotation is not None and not layer.metadata[METADATA].get("kind_is_guessed"):
            return annotation.kind
    return None


def keep_annotation(layers: Sequence[Labels], annotation: Annotation, *, is_guessed: bool) -> None:
    """Keep ``annotation`` in ``layers`` where it is not kept yet; a guessed kind is guessed anew later."""
    for layer in layers:
        if annotation_of(layer) != annotation:
            set_annotation(layer, annotation)
        ours = layer.metadata.get(METADATA, {})
        if bool(ours.get("kind_is_guessed")) != is_guessed:
            layer.metadata[METADATA] = {**ours, "kind_is_guessed": is_guessed}


class ClassTable(QTableWidget):
    """Shows and edits an annotation.

    Parameters
    ----------
    keys : Keys or None
        Which keys select classes; without, none are shown.

    Signals
    -------
    edited(Annotation)
        When the user has given a class another name or colour.
    chosen(int)
        The value of a class whose row was clicked.
    refused(str)
        Why a key cannot select a class; empty once one can.
    """

    edited = Signal(object)
    chosen = Signal(int)
    refused = Signal(str)

    def __init__(self, keys: Keys | None = None, parent: QWidget | None = None) -> None:
        super().__init__(0, 6, parent)
        self._keys = keys
        self.annotation: Annotation | None = None
        self._dialog: QColorDialog | None = None
        self.setHorizontalHeaderLabels(["", "Value", "Class", "Pixels", "Strokes", "Key"])
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setAccessibleName("Classes")
        self.setToolTip(
            "Click a class to paint with it. Double-click a name, or click a colour or a key, to change it.\n"
            "Names and colours are kept in the labels layer and in the model."
        )
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setIconSize(QSize(14, 14))
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setHighlightSections(False)
        self.setColumnHidden(_KEY, keys is None)
        for column in (_COLOR, _VALUE, _PIXELS, _STROKES, _KEY):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setDefaultSectionSize(24)
        self.itemChanged.connect(self._on_item_changed)
        self.cellClicked.connect(self._on_cell)
        self.cellActivated.connect(self._on_cell)
        self.show_annotation(None, {})

    def show_annotation(
        self,
        annotation: Annotation | None,
        counts: Mapping[int, int],
        strokes: Mapping[int, int] | None = None,
    ) -> None:
        """Show the classes of ``annotation``, and how many pixels of ``counts`` and how many strokes each has."""
        if self.state() == QAbstractItemView.State.EditingState and annotation is not None:
            return  # a name is being typed; it arrives with ``edited``
        self.annotation = annotation
        classes = annotation.classes if annotation is not None else ()
        pixels = class_pixels(annotation, counts) if annotation is not None else {}
        is_scribbled = annotation is not None and annotation.kind == "scribbles"
        self.setColumnHidden(_STROKES, not (is_scribbled and (strokes or not any(pixels.values()))))
        self.blockSignals(True)
        self.setRowCount(len(classes))
        for row, label_class in enumerate(classes):
            painted = pixels.get(label_class.value, 0)
            n_strokes = strokes.get(label_class.value) if strokes is not None else None
            # of a dense annotation nobody counts strokes
            self._fill_row(
                row, label_class, f"{painted:,}", f"{n_strokes or 0:,}" if n_strokes or not painted else ""
            )
            self._show_key(row, label_class.value)
        self.blockSignals(False)
        rows = min(max(len(classes), 1), _MOST_ROWS)
        height = self.horizontalHeader().sizeHint().height() + rows * 24 + 4
        self.setFixedHeight(height)
        self.setVisible(bool(classes))

    def set_color(self, row: int, color: QColor) -> None:
        """Give the class in ``row`` another colour."""
        if self.annotation is not None and row < len(self.annotation.classes) and color.isValid():
            self._replace(row, color=color.name())

    def show_chosen(self, value: int) -> None:
        """Highlight the class of ``value``, or none where it is no class."""
        values = self.annotation.values if self.annotation is not None else ()
        if value in values:
            self.selectRow(values.index(value))
        else:
            self.clearSelection()

    def _show_key(self, row: int, value: int) -> None:
        button, command = self.cellWidget(row, _KEY), class_command(value)
        if self._keys is not None and (not isinstance(button, KeyButton) or button.command != command):
            button = KeyButton(self._keys, command)
            button.refused.connect(self.refused)
            self.setCellWidget(row, _KEY, button)

    def _fill_row(self, row: int, label_class: LabelClass, pixels: str, strokes: str) -> None:
        swatch = QPixmap(14, 14)
        swatch.fill(QColor(label_class.color))
        icon = QIcon(swatch)
        icon.addPixmap(swatch, QIcon.Mode.Selected)  # else Qt tints it, and it is no class's colour
        color = QTableWidgetItem(icon, "")
        color.setToolTip(f"Colour {label_class.color}: click to choose another one.")
        value, name = QTableWidgetItem(str(label_class.value)), QTableWidgetItem(label_class.name)
        counts = [QTableWidgetItem(pixels), QTableWidgetItem(strokes)]
        fixed = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        for item in (color, value, *counts):
            item.setFlags(fixed)
        for item in (value, *counts):
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, item in enumerate((color, value, name, *counts)):
            self.setItem(row, column, item)

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME and self.annotation is not None:
            name = item.text().strip()
            if name:
                self._replace(item.row(), name=name)
            else:  # a class needs a name: the old one comes back
                self.blockSignals(True)
                item.setText(self.annotation.classes[item.row()].name)
                self.blockSignals(False)

    def _on_cell(self, row: int, column: int) -> None:
        if self.annotation is None:
            return
        label_class = self.annotation.classes[row]
        if column != _COLOR:
            self.chosen.emit(label_class.value)
            return
        self._dialog = QColorDialog(QColor(label_class.color), self)
        self._dialog.setWindowTitle(f"Colour of {label_class.name}")
        self._dialog.colorSelected.connect(lambda color: self.set_color(row, color))
        self._dialog.open()

    def _replace(self, row: int, **changes: str) -> None:
        if self.annotation is None:
            return
        classes = list(self.annotation.classes)
        changed = classes[row].model_copy(update=changes)
        if changed == classes[row]:
            return
        classes[row] = changed
        self.annotation = self.annotation.model_copy(update={"classes": tuple(classes)})
        self.blockSignals(True)
        self._fill_row(row, changed, self.item(row, _PIXELS).text(), self.item(row, _STROKES).text())
        self.blockSignals(False)
        self.edited.emit(self.annotation)

"""Which part of a stack a correction changes: the slice that is shown, its volume, or everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unet.errors import InputError
from napari_unet.objects.edits import Part
from napari_unet.viewer.layers import layer_axes

if TYPE_CHECKING:
    import napari


def displayed_axes(viewer: napari.Viewer, layer: Labels) -> tuple[int, ...]:
    """The axes of a layer that are seen, rows before columns."""
    first = viewer.dims.ndim - layer.ndim
    return tuple(axis - first for axis in viewer.dims.displayed if axis >= first)


def shown_position(viewer: napari.Viewer, layer: Labels) -> tuple[int | None, ...]:
    """Where the sliders stand along each axis of a layer, in pixels; None along the axes that are seen."""
    point = np.asarray(layer.world_to_data(viewer.dims.point), float)[-layer.ndim :]
    seen = displayed_axes(viewer, layer)
    return tuple(None if axis in seen else round(float(p)) for axis, p in enumerate(point))


def space_axes(layer: Labels) -> tuple[int, ...]:
    """The axes of a layer that are in space."""
    return tuple(axis for axis, letter in enumerate(layer_axes(layer)) if letter in "ZYX")


class PartBox(QComboBox):
    """Chooses what of a stack a correction changes; hidden where there is nothing to choose.

    A frame of a time series is corrected by itself, a volume as a whole, unless the user says otherwise.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Change")
        self.setToolTip("Whether a correction changes the slice you see, or the objects as a whole.")
        self._offered: list[tuple[str, tuple[int, ...]]] = []

    def refresh(self, viewer: napari.Viewer, layer: Labels | None) -> None:
        """Offer what there is for the layer, seen like this; keeps the choice if the same is offered."""
        offered = [] if layer is None else _offers(viewer, layer)
        if offered != self._offered:
            self._offered = offered
            with QSignalBlocker(self):
                self.clear()
                for text, fixed in offered:
                    self.addItem(text, fixed)
                hidden = dict.fromkeys(axis for _, fixed in offered for axis in fixed)
                in_time = layer is not None and any(layer_axes(layer)[axis] == "T" for axis in hidden)
                self.setCurrentIndex(len(offered) - (2 if in_time else 1))

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to choose."""
        return len(self._offered) > 1

    def part(self, viewer: napari.Viewer, layer: Labels) -> Part:
        """The part of the layer that is chosen, at the place that is shown.

        Raises
        ------
        InputError
            If that place lies outside the layer.
        """
        fixed = self.currentData() or ()
        position = shown_position(viewer, layer)
        sides = zip(position, layer.data.shape, strict=True)
        if not all(0 <= (p or 0) < size for axis, (p, size) in enumerate(sides) if axis in fixed):
            raise InputError(f"The slice shown lies outside {layer.name}.", "Move the sliders to it.")
        return Part(tuple(p if axis in fixed else None for axis, p in enumerate(position)))


def _offers(viewer: napari.Viewer, layer: Labels) -> list[tuple[str, tuple[int, ...]]]:
    """What may be chosen, and which axes stay at their place then."""
    seen, letters = displayed_axes(viewer, layer), layer_axes(layer)
    hidden = tuple(axis for axis in range(layer.ndim) if axis not in seen)
    time = tuple(axis for axis in hidden if letters[axis] == "T")
    offers = []
    if set(hidden) - set(time):
        offers.append(("the slice shown", hidden))
    if time:
        offers.append(("all slices of the frame shown" if offers else "the frame shown", time))
    everything = "everything" if not hidden else "all frames" if time else "all slices"
    return [*offers, (everything, ())]

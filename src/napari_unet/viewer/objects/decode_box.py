"""The box "Find": objects of a prediction found again with other thresholds, at once, without predicting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QFormLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_unet.errors import UNetError
from napari_unet.settings import ObjectSettings
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.layers import unique_name
from napari_unet.viewer.number_box import NumberBox
from napari_unet.viewer.objects.kept_maps import KeptMaps, Position, keep_maps, maps_of
from napari_unet.viewer.score.background import Background
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import set_tone

if TYPE_CHECKING:
    import napari

NOTHING = "Objects that Segment U-Net found can be found again here, otherwise, as long as napari is open."
CORRECTED = (
    "These objects were corrected by hand. To keep that, they are found again in a layer of their own."
)


class DecodeBox(QWidget):
    """Finds the objects of the layer that the dock works on again, while its sliders are moved.

    The slice in view comes first. Objects that were changed since, by hand or otherwise, are not overwritten.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    chosen : callable
        The layer that the dock works on, None without one. Call :meth:`refresh` when it is another one.
    """

    def __init__(
        self, viewer: napari.Viewer, chosen: Callable[[], Labels | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.viewer: napari.Viewer = getattr(viewer, "__wrapped__", viewer)
        self._chosen = chosen
        self._layer: Labels | None = None
        self._run = Background()
        self._wanted: ObjectSettings | None = None
        self._build()
        self.refresh()

    def _build(self) -> None:
        fields = ObjectSettings.model_fields
        self.splitting = _slider(fields["splitting"].description, 0.0, 1.0)
        self.foreground = _slider(fields["foreground"].description, 0.05, 0.95)
        self.min_size = NumberBox()
        self.min_size.whole, self.min_size.minimum = True, 0
        self.min_size.setToolTip(f"<qt>{fields['min_size'].description}</qt>")
        self.fill_holes, self.edge_objects = QCheckBox("Fill holes"), QCheckBox("Keep objects at the edge")
        self.fill_holes.setToolTip(f"<qt>{fields['fill_holes'].description}</qt>")
        self.edge_objects.setToolTip(f"<qt>{fields['edge_objects'].description}</qt>")
        self.note = Sentence()
        self.again = QPushButton("Find again in a new layer")
        self.options = QWidget()
        form = QFormLayout(self.options)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        for name in ("splitting", "foreground", "min_size"):
            title = str(fields[name].title)
            getattr(self, name).setAccessibleName(title)
            form.addRow(title, getattr(self, name))
        form.addRow(self.fill_holes)
        form.addRow(self.edge_objects)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.options, self.note, self.again):
            column.addWidget(widget)
        self.fold = Fold("Find", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)
        for slider in (self.splitting, self.foreground):
            slider.valueChanged.connect(self._on_moved)
        self.min_size.value_changed.connect(self._on_moved)
        self.fill_holes.toggled.connect(self._on_moved)
        self.edge_objects.toggled.connect(self._on_moved)
        self.again.clicked.connect(self.find_in_new_layer)

    def close_down(self) -> None:
        """Leave what is under way."""
        self._run.cancel()

    def refresh(self, _event: Any = None) -> None:
        """Look again which layer the dock works on."""
        layer = self._chosen()
        if layer is not self._layer:
            self._run.cancel()
            self._wanted = None
        self._layer = layer
        kept = maps_of(layer)
        self.options.setVisible(kept is not None)
        self._say(NOTHING if kept is None else "")
        self.again.hide()
        if kept is None:
            return
        self.fold.expand()
        self._show(kept.settings)
        self._run.start(_ready(kept, self._position()), lambda _: None)  # basins, before a slider moves

    @property
    def settings(self) -> ObjectSettings | None:
        """What the fields say; None where that is no number."""
        size = self.min_size.value()
        if not isinstance(size, int) or size < 0:
            return None
        return ObjectSettings(
            foreground=round(self.foreground.value(), 2),
            splitting=round(self.splitting.value(), 2),
            min_size=size,
            fill_holes=self.fill_holes.isChecked(),
            edge_objects=self.edge_objects.isChecked(),
        )

    def find_in_new_layer(self) -> None:
        """Find the objects in a copy of the layer, which is then chosen; the layer stays as it was corrected."""
        layer, kept, settings = self._layer, maps_of(self._layer), self.settings
        if layer is None or kept is None or settings is None:
            return
        state = {
            key: getattr(layer, key)
            for key in ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels", "opacity")
        }
        copy = Labels(
            np.zeros(layer.data.shape, np.int32),
            name=unique_name(self.viewer, layer.name),
            metadata=dict(layer.metadata),
            **state,
        )
        self.viewer.add_layer(copy)
        keep_maps(copy, replace(kept, _written={}))
        self.viewer.layers.selection.active = copy
        self._wanted = settings
        self._find()

    def _on_moved(self, _value: Any = None) -> None:
        settings = self.settings
        if settings is None:
            self._say("The smallest object is a whole number of pixels, 0 or more.", "error")
            return
        was_busy = self._wanted is not None
        self._wanted = settings
        if not was_busy:
            self._find()

    def _find(self) -> None:
        """Find what is in view as the fields say now; then, where there is more, the rest."""
        layer, kept, settings = self._layer, maps_of(self._layer), self._wanted
        if layer is None or kept is None or settings is None:
            return
        if not kept.is_untouched(layer.data):
            self._leave_corrected()
            return
        position = self._position()
        if position not in kept.positions:
            self._wanted = None
            self._say("Nothing was segmented in this slice.")
            return

        def seen(objects: Any) -> None:
            if self._failed(objects):
                return
            if not kept.is_untouched(layer.data, position):  # painted on meanwhile
                self._leave_corrected()
                return
            self._write(layer, kept, position, objects)
            if self._wanted != settings:  # moved on meanwhile
                self._find()
            elif len(kept.positions) == 1:
                self._end(kept, settings)
            else:
                self._run.start(kept.finding(settings), everywhere, self._progressed)

        def everywhere(objects: Any) -> None:
            if self._failed(objects):
                return
            if self._wanted != settings:
                self._find()
                return
            if not kept.is_untouched(layer.data):  # painted on meanwhile
                self._leave_corrected()
                return
            for at in kept.positions:
                self._write(layer, kept, at, objects[at], draw=False)
            layer.refresh()
            self._end(kept, settings)

        self._run.start(_finding(kept, position, settings), seen)

    def _leave_corrected(self) -> None:
        """Keep what was painted, and offer a layer of its own."""
        self._wanted = None
        self._say(CORRECTED)
        self.again.show()

    def _write(
        self, layer: Labels, kept: KeptMaps, position: Position, objects: Any, draw: bool = True
    ) -> None:
        layer.data[position] = objects
        kept.note(position, objects)
        if draw:
            layer.refresh()
            self._say(f"{int(objects.max())} objects here.")

    def _end(self, kept: KeptMaps, settings: ObjectSettings) -> None:
        kept.settings, self._wanted = settings, None
        if self._layer is not None and len(kept.positions) > 1:
            self._say(f"{int(self._layer.data.max())} objects in all.")

    def _failed(self, answer: Any) -> bool:
        if isinstance(answer, UNetError):
            self._wanted = None
            self._say(str(answer), "error")
            return True
        return False

    def _progressed(self, fraction: float) -> None:
        self._say(f"Other slices: {fraction:.0%}")

    def _position(self) -> Position:
        """The plane in view."""
        layer, kept = self._layer, maps_of(self._layer)
        if layer is None or kept is None:
            return ()
        at = layer.world_to_data(self.viewer.dims.point)[: len(kept.leading)]
        return tuple(
            int(np.clip(round(p), 0, size - 1)) for p, size in zip(at, layer.data.shape, strict=False)
        )

    def _show(self, settings: ObjectSettings) -> None:
        fields = (self.splitting, self.foreground, self.min_size, self.fill_holes, self.edge_objects)
        blockers = [QSignalBlocker(field) for field in fields]
        self.splitting.setValue(settings.splitting)
        self.foreground.setValue(settings.foreground)
        self.min_size.set_value(settings.min_size)
        self.fill_holes.setChecked(settings.fill_holes)
        self.edge_objects.setChecked(settings.edge_objects)
        del blockers

    def _say(self, text: str, tone: Any = "plain") -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        set_tone(self.note, tone)


def _slider(description: str | None, lowest: float, highest: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(lowest, highest)
    slider.setSingleStep(0.01)
    slider.setDecimals(2)
    slider.setToolTip(f"<qt>{description}</qt>")
    return slider


def _ready(kept: KeptMaps, position: Position) -> Any:
    """Find the basins of a plane, so that what comes next is quick."""
    yield 0.0
    kept.find(position, kept.settings)


def _finding(kept: KeptMaps, position: Position, settings: ObjectSettings) -> Any:
    yield 0.0
    return kept.find(position, settings)

"""The box "Measure": a table of all objects of a Labels layer, and the layer coloured by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.objects.table import ObjectTable
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.objects.findings import Findings, Measured, narrow_form
from napari_unet.viewer.objects.measuring import fits, measuring
from napari_unet.viewer.objects.optional_layer_box import OptionalLayerBox
from napari_unet.viewer.score.background import Background
from napari_unet.viewer.score.changes import ChangeWatch
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari


class MeasureBox(QWidget):
    """Measures the objects of the layer that the dock works on.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    chosen : callable
        The layer that the dock works on, None without one. Call :meth:`refresh` when it is another one.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        chosen: Callable[[], Labels | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        # napari hands out a proxy whose layers are proxies too; layers are compared by identity here
        self.viewer: napari.Viewer = getattr(viewer, "__wrapped__", viewer)
        self._chosen = chosen
        self._has_gone = False
        self._run = Background()
        self._watch = ChangeWatch(self._on_layer_changed, self)
        self._build()
        self._connect()
        self._say("")
        self.refresh()

    def _build(self) -> None:
        self.image_box = OptionalLayerBox(lambda layer: isinstance(layer, ImageLayer))
        self.image_box.setToolTip("The image whose intensities are measured inside each object.")
        self.button = QPushButton("Measure")
        self.button.setToolTip("Measure size, place, shape and intensity of every object.")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.note = Sentence()
        self.findings = Findings(self.viewer)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(narrow_form(("Intensities of", self.image_box)))
        for widget in (self.button, self.progress, self.note):
            column.addWidget(widget)
        column.addWidget(self.findings, stretch=1)
        self.fold = Fold("Measure", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)

    def _connect(self) -> None:
        self.button.clicked.connect(self._measure_or_stop)
        self.image_box.layer_changed.connect(self._update)
        self.findings.said.connect(self._say)
        self.fold.toggled.connect(self.refresh)
        for event in self._events():
            event.connect(self.refresh)
        self.viewer.dims.events.current_step.connect(self._on_moved)
        me = ref(self)  # a signal that held the box would keep it alive after its dock has gone
        self.destroyed.connect(lambda: _release(me))

    def _events(self) -> tuple[Any, ...]:
        events = self.viewer.layers.events
        return events.inserted, events.removed, events.reordered, events.renamed

    def close_down(self) -> None:
        """Give the layer its own colours back, for which there is no button any more; hear no more of the viewer."""
        self.findings.give_colors_back()
        self._let_go()

    def _let_go(self) -> None:
        if self._has_gone:
            return
        self._has_gone = True
        self._run.cancel()
        self._watch.forget()
        for event in self._events():
            event.disconnect(self.refresh)
        self.viewer.dims.events.current_step.disconnect(self._on_moved)

    # measuring

    @property
    def is_busy(self) -> bool:
        """Whether objects are being measured."""
        return self._run.is_busy

    def refresh(self, event: Any = None) -> None:
        """Look again which layers there are, and which one the dock works on."""
        labels = self._chosen()
        layers = list(self.viewer.layers)
        fitting = [
            layer
            for layer in reversed(layers)
            if labels is not None and isinstance(layer, ImageLayer) and fits(layer, labels)
        ]
        self.image_box.refresh(layers, next(iter(fitting), None), required=False)
        if not self.image_box.is_chosen_by_user and self.image_box.layer not in fitting:
            self.image_box.choose(next(iter(fitting), None))
        result = self.findings.result
        if result is not None and result.layer() not in layers:
            self._watch.stop()
            self._say(f"{result.name} has been deleted; these are its objects of before.", "warning")
        self._update()

    def measure(self) -> None:
        """Measure the objects of the chosen layer; the table appears when it is done."""
        labels = self._chosen()
        if labels is None:
            self._say("Choose the labels layer whose objects to measure.", "warning")
            return
        try:
            steps = measuring(labels, self.image_box.layer)
        except UNetError as error:
            self._say(str(error), "error")
            return
        layer, name = ref(labels), labels.name
        self._watch.watch([labels])
        self._say("")

        def done(answer: ObjectTable | UNetError) -> None:
            if isinstance(answer, UNetError):
                self._say(str(answer), "error")
            else:
                self.findings.show_result(Measured(answer, layer, name))
            self._update()

        self._run.start(steps, done, lambda fraction: self.progress.setValue(round(1000 * fraction)))
        self._update()

    def _measure_or_stop(self) -> None:
        if not self._run.is_busy:
            self.measure()
            return
        self._run.cancel()
        self._say("Stopped; the table is that of before." if self.findings.result else "Stopped.", "muted")
        self._update()

    def _on_moved(self, event: Any = None) -> None:
        self.findings.on_moved()

    # what is shown

    def _update(self) -> None:
        busy = self._run.is_busy
        self.button.setText("Stop" if busy else "Measure")
        self.button.setEnabled(busy or self._chosen() is not None)
        self.image_box.setEnabled(not busy)
        self.progress.setVisible(busy)
        if not busy:
            self.progress.setValue(0)
        self.findings.refresh()

    def _say(self, text: str, tone: Tone = "plain") -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        set_tone(self.note, tone)

    def _on_layer_changed(self) -> None:
        self._say("The layer changed since it was measured. Measure again for its objects now.", "warning")


def _release(box: ref[MeasureBox]) -> None:
    """Let go of the viewer once the box's widgets are gone."""
    gone = box()
    if gone is not None:
        gone._let_go()

"""The box "Measure": a table of a layer's objects that follows the layer, and the layer coloured by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.objects.table import ObjectTable
from napari_unet.viewer.fold import Fold
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.objects.findings import Findings, Measured
from napari_unet.viewer.objects.following import Follower, is_mouse_held
from napari_unet.viewer.objects.measure_choice import MeasureChoice
from napari_unet.viewer.objects.measuring import measuring
from napari_unet.viewer.objects.pieces import NUMBER_PIECES, add_pieces, advice, looking, numbering
from napari_unet.viewer.score.background import Background, Steps
from napari_unet.viewer.score.choice import pixels
from napari_unet.viewer.sentence import Sentence
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari

SLOW = 3.0
"""Seconds: what took longer is measured again only when somebody asks for it."""

HITCH = 0.5
"""Seconds: likewise what held the window up for longer, while many objects were shown and coloured."""

PATIENCE = 1.0
"""Seconds after which a measurement that nobody asked for is seen, and can be stopped."""


class MeasureBox(QWidget):
    """Measures the objects of the layer that the dock works on, and again when they change.

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
        self.viewer: napari.Viewer = without_proxy(viewer)
        self._chosen = chosen
        self._has_gone = False
        self._run, self._looking = Background(), Background()
        self._is_shown = True
        self._is_slow = False
        self._follower = Follower(self._follow, self)
        self._build()
        self._connect()
        self._say("")
        self.refresh()

    def _build(self) -> None:
        self.choice = MeasureChoice()
        self.button = QPushButton("Measure")
        self.button.setToolTip("Measure size, place, shape and intensity of every object.")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.note = Sentence()
        self.pieces_button = QPushButton(NUMBER_PIECES)
        self.pieces_button.setToolTip("Every connected piece becomes an object; the mask stays as it is.")
        self.findings = Findings(self.viewer)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.choice, self.button, self.progress, self.note, self.pieces_button):
            column.addWidget(widget)
        column.addWidget(self.findings, stretch=1)
        self.fold = Fold("Measure", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)

    def _connect(self) -> None:
        self.button.clicked.connect(self._measure_or_stop)
        self.pieces_button.clicked.connect(self.number_pieces)
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
        self._follower.rest()
        self._let_go()

    def _let_go(self) -> None:
        if self._has_gone:
            return
        self._has_gone = True
        self._run.cancel()
        self._looking.cancel()
        self._follower.forget()
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
        layers = list(self.viewer.layers)
        self.choice.refresh(layers, self._chosen())
        result = self.findings.result
        if result is not None and result.layer() not in layers:
            if not self._is_shown:
                self._run.cancel()
            if not self._run.is_busy:
                self._follower.rest()
            self._say(f"{result.name} has been deleted; these are its objects of before.", "warning")
        self._update()

    def measure(self) -> None:
        """Measure the objects of the chosen layer; the table appears when it is done."""
        labels = self._chosen()
        if labels is None:
            self._say("Choose the labels layer whose objects to measure.", "warning")
        else:
            self._measure(labels, self.choice.images, self.choice.volume)

    def _measure(
        self, labels: Labels, images: Sequence[ImageLayer], volume: bool | None, *, asked: bool = True
    ) -> None:
        """Measure; what nobody ``asked`` for is neither seen nor said, unless it fails or takes long."""
        try:
            steps = measuring(labels, images, volume)
        except UNetError as error:
            self._say(str(error), "error")
            return
        layer, name, pictures = ref(labels), labels.name, tuple(ref(image) for image in images)
        begun = monotonic()

        def done(answer: ObjectTable | UNetError) -> None:
            if isinstance(answer, UNetError):
                self._follow_table(asked)
                self._say(str(answer), "error")
            elif not asked and is_mouse_held():  # a layer is not given other colours under a stroke
                self._follower.call_later()
            else:
                answered = monotonic()
                self.findings.show_result(Measured(answer, layer, name, pictures, volume))
                self._is_slow = answered - begun > SLOW or monotonic() - answered > HITCH
                if asked:
                    self._look_for_mask(layer, answer)
            self._update()

        self._follower.watch(labels)
        self._start(steps, done, shown=asked)

    def _start(self, steps: Steps, done: Callable[[Any], None], *, shown: bool = True) -> None:
        begun, self._is_shown = monotonic(), shown

        def progressed(fraction: float) -> None:
            if not self._is_shown and monotonic() - begun > PATIENCE:
                self._is_shown = True
                self._update()
            self.progress.setValue(round(1000 * fraction))

        if shown:
            self._say("")
        self._run.start(steps, done, progressed)
        self._update()

    def _measure_or_stop(self) -> None:
        if not self._run.is_busy or not self._is_shown:
            self.measure()
            return
        self._run.cancel()
        self._follow_table()
        self._say("Stopped; the table is that of before." if self.findings.result else "Stopped.", "muted")
        self._update()

    def _follow_table(self, wanted: bool = True) -> None:
        """Follow the layer of the table that is shown, or nothing."""
        self._follower.rest()
        if wanted and self.findings.layer is not None:
            self._follower.watch(self.findings.layer)

    def _follow(self) -> None:
        """Measure what has changed again, in the same way, once nobody is about to change it further."""
        result = self.findings.result
        if self._run.is_busy:
            self._follower.call_later()
            return
        if result is None:
            return
        labels, images = self.findings.layer, [image() for image in result.images]
        there = [image for image in images if image is not None and image in self.viewer.layers]
        if labels is None or len(there) < len(images) or self._is_slow:
            self._follower.rest()
            self._say(
                "The layer changed since it was measured. Measure again for its objects now.", "warning"
            )
            return
        self._measure(labels, there, result.volume, asked=False)

    def _on_moved(self, event: Any = None) -> None:
        self.findings.on_moved()

    # masks

    def _look_for_mask(self, layer: ref[Labels], table: ObjectTable) -> None:
        labels = layer()
        if labels is None:
            return

        def found(is_mask: Any) -> None:
            result = self.findings.result
            if is_mask is True and result is not None and result.layer is layer:
                self._say(advice(result.name, table), "warning")
                self.pieces_button.show()

        self._looking.start(looking(pixels(labels), table), found)

    def number_pieces(self) -> None:
        """Number the connected pieces of what was measured, in a new layer, and measure that."""
        layer, result = self.findings.layer, self.findings.result
        if layer is None or result is None:
            return

        def done(answer: Any) -> None:
            if isinstance(answer, UNetError):
                self._say(str(answer), "error")
                self._update()
                return
            pieces = add_pieces(self.viewer, layer, answer)
            images = [image for image in (known() for known in result.images) if image in self.viewer.layers]
            self._measure(pieces, images, result.volume)

        self._start(numbering(layer, volume=len(result.table.axes) == 3), done)

    # what is shown

    def _update(self) -> None:
        busy = self._run.is_busy and self._is_shown
        self.button.setText("Stop" if busy else "Measure")
        self.button.setEnabled(busy or self._chosen() is not None)
        self.choice.setEnabled(not busy)
        self.progress.setVisible(busy)
        if not busy:
            self.progress.setValue(0)
        self.findings.refresh()

    def _say(self, text: str, tone: Tone = "plain") -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        self.pieces_button.hide()  # it belongs to a sentence
        set_tone(self.note, tone)


def _release(box: ref[MeasureBox]) -> None:
    """Let go of the viewer once the box's widgets are gone."""
    gone = box()
    if gone is not None:
        gone._let_go()

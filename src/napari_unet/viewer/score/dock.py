"""The Scores dock: a prediction against an annotation, both Labels layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Labels
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.errors import UNetError
from napari_unet.images.storage import write_atomically
from napari_unet.scores.errors import error_steps, object_error_steps
from napari_unet.viewer import remembered
from napari_unet.viewer.dock import Dock
from napari_unet.viewer.layers import annotation_of, without_proxy
from napari_unet.viewer.places import centre_on, show_slice
from napari_unet.viewer.score.actions import OBJECTS, Actions
from napari_unet.viewer.score.background import Background, Steps
from napari_unet.viewer.score.changes import ChangeWatch
from napari_unet.viewer.score.choice import LayerChoice, pixels
from napari_unet.viewer.score.counting import Counted, counting_steps
from napari_unet.viewer.score.error_layer import add_error_layer, add_object_layers
from napari_unet.viewer.score.export import ask_path, objects_csv, scores_csv
from napari_unet.viewer.score.results import Result, ScoreTables
from napari_unet.viewer.score.tables import ClassLooks
from napari_unet.viewer.style import Tone, set_tone

if TYPE_CHECKING:
    import napari


class ScoresDock(Dock):
    """Scores of any two Labels layers: per class and slice, object by object, with their confusion matrix.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers are; napari recognises the parameter by this name.
    """

    def __init__(self, napari_viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # napari hands out a proxy whose layers are proxies too; layers are compared by identity here.
        self.viewer: napari.Viewer = without_proxy(napari_viewer)
        self.result: Result | None = None
        self._run = Background()
        self._watch = ChangeWatch(self._on_layers_changed, self)
        self._build()
        self._connect()
        self._show_result()
        self._say("")
        self._update()

    # the form

    def _build(self) -> None:
        self.choice = LayerChoice(self.viewer)
        self.compare_button = QPushButton("Compare")
        self.compare_button.setToolTip("Count the pixels of both layers and show the scores.")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.progress.hide()
        self.note = QLabel()
        self.note.setWordWrap(True)

        self.tables = ScoreTables()
        self.actions = Actions()

        layout = QVBoxLayout(self)
        layout.addWidget(self.choice)
        layout.addWidget(self.compare_button)
        layout.addWidget(self.progress)
        layout.addWidget(self.note)
        layout.addWidget(self.tables, stretch=1)
        layout.addWidget(self.actions)
        layout.addStretch(0)

    def _connect(self) -> None:
        self.choice.changed.connect(self._update)
        self.choice.options.changed.connect(self._update)
        self.compare_button.clicked.connect(self._compare_or_stop)
        self.tables.slice_chosen.connect(self._go_to_slice)
        self.tables.object_chosen.connect(self._go_to_object)
        self.actions.error_button.clicked.connect(self.add_errors)
        self.actions.csv_button.clicked.connect(self.export_csv)
        self.actions.objects_button.clicked.connect(self.export_objects)
        self.viewer.layers.events.removed.connect(self._on_layer_removed)
        me = ref(self)  # a signal that held the dock would keep it alive after napari let go of it
        self.destroyed.connect(lambda: _release(me))

    # comparing

    @property
    def is_busy(self) -> bool:
        """Whether something is being computed."""
        return self._run.is_busy

    def compare(self) -> None:
        """Compare the chosen layers; the scores appear when they are counted."""
        prediction, labels, kind = self.choice.prediction, self.choice.labels, self.choice.kind
        if self.choice.problem() or prediction is None or labels is None or kind is None:
            self._update()
            return
        known = [a for a in map(annotation_of, (labels, prediction)) if a is not None]
        annotations = [a for a in known if (a.kind == "objects") == (kind == "objects")]
        declared = {value for annotation in annotations for value in annotation.values}
        layers, names = (ref(prediction), ref(labels)), (prediction.name, labels.name)
        self._watch.watch([prediction, labels])

        def done(answer: Counted | UNetError) -> None:
            if isinstance(answer, Counted):
                looks = ClassLooks.of(kind, annotations, answer.comparison.values)
                self.result = Result(answer, layers, names, looks)
                self._show_result()
            self._ended(answer)

        options = self.choice.options
        steps = counting_steps(
            pixels(prediction), pixels(labels), kind, declared,
            objects=options.scores_objects, components=options.components, volume=options.volume,
        )  # fmt: skip
        self._say("")
        self._run.start(steps, done, self._show_progress)
        self._update()

    def add_errors(self) -> None:
        """Add a layer with the errors of what was compared last."""
        result, value = self.result, self.actions.errors_of
        if result is None or self._run.is_busy:
            return
        comparison = result.comparison
        prediction, labels = (layer() for layer in result.layers)
        if prediction not in self.viewer.layers or labels not in self.viewer.layers:
            self._say("A layer that was compared has been deleted: there are no pixels to show.", "warning")
            return
        name = None if value is None else self.actions.error_class.currentText()
        record = {
            "prediction": result.names[0],
            "labels": result.names[1],
            "labels_are": comparison.kind,
            "class": value,
        }

        def done(answer: Any) -> None:
            if isinstance(answer, dict) and result.objects is not None:
                if not add_object_layers(self.viewer, prediction, answer, result.objects, record):
                    self._ended("Every object is matched: there are no errors to show.")
                    return
            elif not isinstance(answer, UNetError):
                add_error_layer(self.viewer, prediction, answer, name, record)
            self._ended(answer)

        arrays = pixels(prediction), pixels(labels)
        if value == OBJECTS and result.objects is not None:
            steps: Steps = object_error_steps(*arrays, result.objects)
        else:
            steps = error_steps(*arrays, comparison.kind, comparison.values, value)
        self._say("")
        self._run.start(steps, done, self._show_progress)
        self._update()

    def export_csv(self) -> None:
        """Ask where to, and save all scores."""
        if self.result is not None:
            self._save(ask_path(self, self.result.names[0], "scores"), scores_csv(self.result))

    def export_objects(self) -> None:
        """Ask where to, and save the table of objects."""
        if self.result is not None:
            self._save(ask_path(self, self.result.names[0], "objects"), objects_csv(self.result))

    def save_csv(self, path: Path) -> None:
        """Save all scores to a file."""
        if self.result is not None:
            self._save(path, scores_csv(self.result))

    def _save(self, path: Path | None, text: str) -> None:
        if path is None:
            return
        try:
            write_atomically(path, lambda file: file.write(text.encode()))
        except UNetError as error:
            self._say(str(error), "error")
            return
        remembered.save("scores", {"folder": str(path.parent)})
        self._say(f"Saved {path}.", "muted")

    def _compare_or_stop(self) -> None:
        if self._run.is_busy:
            self._run.cancel()
            self._ended("Stopped; the scores below are those of before." if self.result else "Stopped.")
        else:
            self.compare()

    def _ended(self, answer: Any) -> None:
        if isinstance(answer, UNetError):
            self._say(str(answer), "error")
        elif isinstance(answer, str):
            self._say(answer, "muted")
        self._update()

    # what is shown

    def _update(self) -> None:
        busy = self._run.is_busy
        ready = not self.choice.problem() and self.choice.kind is not None
        self.compare_button.setText("Stop" if busy else "Compare")
        self.compare_button.setEnabled(busy or ready)
        self.choice.setEnabled(not busy)
        self.progress.setVisible(busy)
        if not busy:
            self.progress.setValue(0)
        self.actions.set_ready(self.result is not None and not busy)

    def _show_progress(self, fraction: float) -> None:
        self.progress.setValue(round(1000 * fraction))

    def _show_result(self) -> None:
        result = self.result
        self.tables.setVisible(result is not None)
        self.actions.show_result(result)
        if result is not None:
            self.tables.show_result(result)

    def _compared_layer(self) -> Labels | None:
        layer = self.result.layers[0]() if self.result is not None else None
        return layer if layer is not None and layer in self.viewer.layers else None

    def _go_to_slice(self, position: tuple[int, ...]) -> None:
        if (layer := self._compared_layer()) is not None:
            show_slice(self.viewer, layer, position)

    def _go_to_object(self, point: tuple[float, ...]) -> None:
        if (layer := self._compared_layer()) is not None:
            centre_on(self.viewer, layer, point)

    def _say(self, text: str, tone: Tone = "plain") -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
        set_tone(self.note, tone)

    def _on_layers_changed(self) -> None:
        self._say("A layer changed since it was compared. Compare again for its scores now.", "warning")

    def _on_layer_removed(self, event: Any) -> None:
        if self.result is not None and any(layer() is event.value for layer in self.result.layers):
            self._watch.stop()
            self._say(f"{event.value.name} has been deleted; these are its scores of before.", "warning")


def _release(dock: ref[ScoresDock]) -> None:
    """Let go of the viewer once the dock's widgets are gone."""
    gone = dock()
    if gone is not None:
        gone.choice.close_down()
        gone._run.cancel()
        gone._watch.forget()
        gone.viewer.layers.events.removed.disconnect(gone._on_layer_removed)

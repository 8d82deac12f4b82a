"""What the mouse does in the image while objects are corrected: pick, draw a line, click into two halves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.viewer.objects.editable import obstacle
from napari_unet.viewer.objects.gesture import Gesture, Point
from napari_unet.viewer.objects.highlight import Highlight

if TYPE_CHECKING:
    import napari

Tool = Literal["pick", "line", "clicks"]

NEXT: dict[Tool, str] = {
    "pick": "Click the objects in the image; click one again to let go of it. Esc ends.",
    "line": "Draw a line across an object, holding the mouse button down. Esc ends.",
    "clicks": "Click into the first half of the object. Esc ends.",
}
"""What to do with each tool, as a sentence."""


class CanvasTools(QObject):
    """One tool at a time on one layer, what was picked with it, and its outlines in the image.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is.

    Attributes
    ----------
    tool : {"pick", "line", "clicks"} or None
        The one in use.
    picked : list of int
        Objects, in the order in which they were clicked.

    Signals
    -------
    changed
        Another tool, or none.
    said(str, str)
        What happened or is to be done, and its tone.
    line_drawn(object)
        A list of points, in pixels along all axes of the layer.
    halves_clicked(object, object)
        Two such points.
    """

    changed = Signal()
    said = Signal(str, str)
    line_drawn = Signal(object)
    halves_clicked = Signal(object, object)

    def __init__(self, viewer: napari.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._gesture: Gesture | None = None
        self._highlight: Highlight | None = None
        self._first: Point | None = None
        self.tool: Tool | None = None
        self.picked: list[int] = []
        self._places: dict[int, int] = {}
        self._later = QTimer(self)  # undo is not announced but by the layer being drawn anew
        self._later.setSingleShot(True)
        self._later.setInterval(100)
        self._later.timeout.connect(self._forget_vanished)

    def start(self, tool: Tool, layer: Labels) -> None:
        """Hear what is clicked or drawn on a layer that can be changed."""
        self.end()
        if tool != "pick" and self._viewer.dims.ndisplay == 3:
            self._say("Objects are split in slices: leave napari's 3D view first.", "warning")
            self.changed.emit()
            return
        self.tool, self._layer = tool, layer
        on_line = self._on_line if tool == "line" else None
        self._gesture = Gesture(self._viewer, layer, self._on_click, self.end, on_line)
        self._highlight = Highlight(self._viewer, layer)
        layer.events.set_data.connect(self._on_drawn)
        self._say(NEXT[tool])
        self.changed.emit()

    def end(self) -> None:
        """Give the mouse back to napari; nothing is picked any more."""
        gesture, self._gesture = self._gesture, None
        highlight, self._highlight = self._highlight, None
        layer, self._layer = self._layer, None
        self.tool, self._first, self.picked, self._places = None, None, [], {}
        self._later.stop()
        if layer is not None:
            layer.events.set_data.disconnect(self._on_drawn)
        if gesture is not None:
            gesture.end()
            self._say("")
        if highlight is not None:
            highlight.remove()
        if gesture is not None:
            self.changed.emit()

    def pick(self, objects: Iterable[int]) -> None:
        """Pick these objects instead of any others."""
        self.picked = list(objects)
        self.outline(self.picked)

    def outline(self, objects: Sequence[int] = (), **more: Any) -> None:
        """Outline these objects in the image."""
        if self._highlight is not None:
            self._highlight.show(objects, **more)

    def forget_first_click(self) -> None:
        """The next click is a first one: the view has changed."""
        if self._first is not None:
            self._first = None
            self.outline()
            self._say(NEXT["clicks"])

    def _on_click(self, number: int, point: Point) -> None:
        if self.tool == "line":
            self._say("That was a click. " + NEXT["line"], "warning")
        elif number == 0 and self._first is None:
            self._say(f"That is background. {NEXT[self.tool or 'pick']}", "warning")
        elif self.tool == "pick":
            others = [other for other in self.picked if other != number]
            self.pick(others if number in self.picked else [*others, number])
            self._say_picked()
        elif self._first is None:
            self._first = point
            self.outline([number], mark=point)
            self._say(f"Now click into the other half of object {number}. Esc ends.")
        else:
            first, self._first = self._first, None
            self.outline()
            self.halves_clicked.emit(first, point)

    def _on_line(self, line: list[Point], finished: bool) -> None:
        self.outline(line=[] if finished else line)
        if finished:
            self.line_drawn.emit(line)

    def _on_drawn(self, _event: Any = None) -> None:
        if self.picked:
            self._later.start()

    def _forget_vanished(self) -> None:
        """Let go of picked objects that are no more, after an undo."""
        layer = self._layer
        if layer is None or obstacle(layer):
            return
        there = [number for number in self.picked if self._is_there(number, layer.data)]
        if there != self.picked:
            self.pick(there)
            self._say_picked()

    def _is_there(self, number: int, labels: Any) -> bool:
        """Whether an object is in the layer; looks first where it was found the last time."""
        place = self._places.get(number)
        if place is None or labels.reshape(-1)[place] != number:
            found = labels.reshape(-1) == number
            place = int(found.argmax())
            self._places[number] = place
            return bool(found[place])
        return True

    def _say_picked(self) -> None:
        self._say(f"Picked: {listed(self.picked)}." if self.picked else NEXT["pick"])

    def _say(self, text: str, tone: str = "plain") -> None:
        self.said.emit(text, tone)


def listed(numbers: Sequence[int], most: int = 8) -> str:
    """The numbers of objects in words."""
    shown = [str(number) for number in numbers]
    if len(shown) > most:
        shown = [*shown[:most], f"{len(shown) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

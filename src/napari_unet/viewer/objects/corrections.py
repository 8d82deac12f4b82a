"""Corrections of the objects of a layer: each one step of napari's undo, and a sentence about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_unet.errors import InputError, UNetError
from napari_unet.objects.editing import delete, fill_holes, merge, relabel, smooth
from napari_unet.objects.edits import Edit, Part
from napari_unet.objects.splitting import split_by_line, split_by_points
from napari_unet.viewer.objects.editable import obstacle
from napari_unet.viewer.objects.gesture import Point
from napari_unet.viewer.objects.part import PartBox, displayed_axes, space_axes
from napari_unet.viewer.objects.tools import CanvasTools, listed
from napari_unet.viewer.style import Tone

if TYPE_CHECKING:
    import napari

UNDO = "Ctrl+Z takes it back."

Say = Callable[[str, Tone], None]


class Corrections:
    """Changes what is picked in a layer, or drawn upon.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose slice is seen.
    tools : CanvasTools
        What picks, and shows what is picked.
    part_box : PartBox
        Which part of a stack is changed.
    say : callable
        Gets a sentence and its tone.

    Attributes
    ----------
    layer : Labels or None
        What is corrected; see :meth:`work_on`.
    """

    def __init__(self, viewer: napari.Viewer, tools: CanvasTools, part_box: PartBox, say: Say) -> None:
        self.layer: Labels | None = None
        self._viewer = viewer
        self._tools = tools
        self._part_box = part_box
        self._say = say
        self._done: tuple[tuple[int, ...], int] | None = None

    def work_on(self, layer: Labels | None) -> None:
        """Correct another layer, or none."""
        self.layer = layer
        self.forget()

    def forget(self) -> None:
        """The last correction is not what is seen any more."""
        self._done = None

    @property
    def is_undone(self) -> bool:
        """Whether the last correction has been taken back, which napari does not announce."""
        layer, done = self.layer, self._done
        if layer is None or done is None or layer.ndim != len(done[0]):
            return False
        if any(at >= size for at, size in zip(done[0], layer.data.shape, strict=True)):
            return False  # it got other data
        return bool(layer.data[done[0]] != done[1])

    # of what is picked

    def merge(self) -> None:
        """Make the picked objects one."""
        done = self._change_picked("merge", merge)
        if done:
            self._say(f"Merged {listed(done)} into {done[0]}. {UNDO}", "plain")
            self._tools.pick([])

    def delete(self) -> None:
        """Turn the picked objects into background."""
        done = self._change_picked("delete", delete)
        if done:
            self._say(f"Deleted {listed(done)}. {UNDO}", "plain")
            self._tools.pick([])

    def fill(self) -> None:
        """Fill the holes of the picked objects, in the slices as they are seen."""

        def make(labels: Any, objects: list[int], part: Part) -> Edit:
            return fill_holes(labels, objects, part, self._plane())

        done = self._change_picked("fill", make)
        if done:
            self._say(f"Filled the holes of {listed(done)}. {UNDO}", "plain")
            self._tools.pick(done)

    def smooth(self, radius: float) -> None:
        """Remove spikes and notches of the picked objects that are thinner than this, in pixels."""

        def make(labels: Any, objects: list[int], part: Part) -> Edit:
            layer = self.layer
            axes, spacing = (None, None) if layer is None else (space_axes(layer), layer.scale)
            return smooth(labels, objects, radius, part, axes, spacing)

        done = self._change_picked("smooth", make)
        if done:
            self._say(f"Smoothed {listed(done)}. {UNDO}", "plain")
            self._tools.pick(done)

    def _change_picked(self, verb: str, make: Callable[[Any, list[int], Part], Edit]) -> list[int]:
        """Change what is picked, and return it if that was possible; where nothing is, picking begins."""
        layer, picked = self.layer, list(self._tools.picked)
        if layer is None:
            return []
        if not picked:
            if self._tools.tool != "pick":
                self._tools.start("pick", layer)
            self._say(f"Click what to {verb}, then press this button again. Esc ends.", "plain")
            return []
        edit = self._apply(lambda: make(layer.data, picked, self._part(layer)))
        return [] if edit is None else picked

    # others

    def relabel(self) -> None:
        """Number all objects anew."""
        layer = self.layer
        if layer is not None and self._apply(lambda: relabel(layer.data)) is not None:
            self._tools.pick([])
            self._say(f"The objects are numbered without gaps now. {UNDO}", "plain")

    def split_by_line(self, line: list[Point]) -> None:
        """Cut the object that a line goes through."""
        layer = self.layer
        if layer is not None:
            rows, columns = self._plane()
            corners = [(point[rows], point[columns]) for point in line]
            self._split(lambda: split_by_line(layer.data, corners, (rows, columns), self._part(layer)))

    def split_by_points(self, first: Point, second: Point) -> None:
        """Cut an object between two of its points."""
        layer = self.layer
        if layer is not None:
            self._split(lambda: split_by_points(layer.data, first, second, self._part(layer), layer.scale))

    def _split(self, make: Callable[[], Edit]) -> None:
        edit = self._apply(make)
        if edit is not None:
            self._tools.outline(edit.objects)
            self._say(f"Object {edit.objects[0]} is now {listed(edit.objects)}. {UNDO}", "plain")

    def _apply(self, make: Callable[[], Edit]) -> Edit | None:
        """Make a change, as one step of napari's undo; None, and the reason said, where that is impossible."""
        layer = self.layer
        if layer is None:
            return None
        try:
            problem = obstacle(layer)
            if problem:
                raise InputError(problem)
            edit = make()
            indices, values = edit.changes(layer.data)
        except UNetError as error:
            self._say(str(error), "warning")
            return None
        except MemoryError:
            self._say("There is not enough memory to change so many pixels at once.", "error")
            return None
        layer.visible = True  # a hidden layer has no slice for napari to change with it
        with layer.block_history():
            layer.data_setitem(indices, values)
        self._done = tuple(int(axis[0]) for axis in indices), int(values[0])
        return edit

    def _part(self, layer: Labels) -> Part:
        return self._part_box.part(self._viewer, layer)

    def _plane(self) -> tuple[int, int]:
        """The two axes of the layer that make the slice shown."""
        if self.layer is None:
            return (-2, -1)
        rows, columns = displayed_axes(self._viewer, self.layer)[-2:]
        return rows, columns

"""Clicks and lines on a Labels layer, heard in the canvas while a tool is in use."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    import napari

CLICK = 4
"""Pixels of the canvas: the mouse moves that far while a button is pressed and released in one place."""

Point = NDArray[np.float64]


class Gesture:
    """From its making until :meth:`end`, a layer's clicks, and lines if wanted, are heard.

    The layer is made active and visible, in napari's mode for moving the view: dragging moves it, unless lines are
    wanted. Escape, another layer, or another mode of napari's (a brush) ask for the end.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is.
    layer : Labels
        Whose clicks are heard.
    on_click : callable
        Called with the object under the pointer (0 for none) and the place in pixels along all axes of the layer.
    on_line : callable, optional
        Called with the corners of a line while it is drawn, and whether it is finished. Dragging draws then.
    on_end : callable
        Called once when the user asks for the end; the one who made the gesture has to end it.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        layer: Labels,
        on_click: Callable[[int, Point], None],
        on_end: Callable[[], None],
        on_line: Callable[[list[Point], bool], None] | None = None,
    ) -> None:
        self.layer = layer
        self._viewer, self._on_click, self._on_line, self._on_end = viewer, on_click, on_line, on_end
        layer.visible = True
        viewer.layers.selection.active = layer
        layer.mode = "pan_zoom"
        layer.cursor = "pointing" if on_line is None else "cross"
        layer.mouse_pan = on_line is None
        layer.mouse_drag_callbacks.append(self._drag)
        layer.mouse_double_click_callbacks.append(self._double_click)
        # Two quick clicks are two clicks here; napari would zoom in.
        self._zooming = list(viewer.mouse_double_click_callbacks)
        viewer.mouse_double_click_callbacks.clear()
        self._escape = layer.keymap.get("Escape")
        layer.bind_key("Escape", self._on_escape, overwrite=True)
        self._looking = QTimer()  # when a layer is added, it is active for a moment
        self._looking.setSingleShot(True)
        self._looking.setInterval(0)
        self._looking.timeout.connect(self._look)
        layer.events.mode.connect(self._ask)
        viewer.layers.selection.events.active.connect(self._look_soon)

    def end(self) -> None:
        """Leave the layer as it was."""
        layer = self.layer
        self._looking.stop()
        layer.events.mode.disconnect(self._ask)
        self._viewer.layers.selection.events.active.disconnect(self._look_soon)
        layer.mouse_drag_callbacks.remove(self._drag)
        layer.mouse_double_click_callbacks.remove(self._double_click)
        self._viewer.mouse_double_click_callbacks[:] = self._zooming
        layer.bind_key("Escape", self._escape, overwrite=True)
        if layer.mode == "pan_zoom":  # else napari has set both for its own tool
            layer.cursor, layer.mouse_pan = "standard", True

    def _drag(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """Tell a click from a line, or from moving the view."""
        if event.button != 1 or "Alt" in event.modifiers:
            return
        start, first = np.asarray(event.pos, float), event.position
        line, is_click = [self._point(first)], True
        yield
        while event.type == "mouse_move":
            is_click = is_click and self._is_near(event, start)
            line.append(self._point(event.position))
            if self._on_line is not None and not is_click:
                self._on_line(line, False)
            yield
        line.append(self._point(event.position))
        if is_click and self._is_near(event, start):
            self._click(event)
        elif self._on_line is not None:
            self._on_line(line, True)

    @staticmethod
    def _is_near(event: Any, start: Point) -> bool:
        return float(np.abs(np.asarray(event.pos) - start).max()) < CLICK

    def _double_click(self, layer: Labels, event: Any) -> None:
        if event.button == 1:
            self._click(event)

    def _click(self, event: Any) -> None:
        value = self.layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=list(event.dims_displayed),
            world=True,
        )
        self._on_click(max(0, int(value or 0)), self._point(event.position))

    def _point(self, position: Any) -> Point:
        return np.asarray(self.layer.world_to_data(position), float)[-self.layer.ndim :]

    def _on_escape(self, layer: Labels) -> None:
        self._on_end()

    def _ask(self, event: Any = None) -> None:
        self._on_end()

    def _look_soon(self, event: Any = None) -> None:
        self._looking.start()

    def _look(self) -> None:
        if self._viewer.layers.selection.active is not self.layer:
            self._on_end()

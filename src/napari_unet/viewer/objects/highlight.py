"""What is picked or drawn, as lines in a layer of its own that comes and goes with a tool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Vectors
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_unet.objects.edits import among, bounds
from napari_unet.viewer.layers import METADATA, selection_kept, unique_name
from napari_unet.viewer.objects.part import displayed_axes, shown_position
from napari_unet.viewer.score.error_layer import PLACEMENT

if TYPE_CHECKING:
    import napari

WIDTH = 3
"""Pixels of the screen, whatever the zoom."""

DASH = 8
"""Length of a dash in pixels of the screen; black and white ones take turns, to be seen on any image."""

CROSS = 7
"""Half the length of a mark, in pixels of the screen."""

Floats = NDArray[np.float64]


class Highlight:
    """Outlines of objects, a line and a mark on top of a Labels layer; follows slider and zoom.

    Parameters
    ----------
    viewer : napari.Viewer
        Where to show them.
    layer : Labels
        Whose objects are outlined.
    """

    def __init__(self, viewer: napari.Viewer, layer: Labels) -> None:
        self._viewer, self._labels = viewer, layer
        self._objects: tuple[int, ...] = ()
        self._line: list[Floats] = []
        self._mark: Floats | None = None
        self._vectors = Vectors(
            np.empty((0, 2, layer.ndim)),
            ndim=layer.ndim,
            name=unique_name(viewer, "picked"),
            vector_style="line",
            opacity=1,
            metadata={METADATA: {"highlight": True}},
            **{key: getattr(layer, key) for key in PLACEMENT},
        )
        with selection_kept(viewer):
            viewer.add_layer(self._vectors)
        self._later = QTimer()
        self._later.setSingleShot(True)
        self._later.setInterval(20)
        self._later.timeout.connect(self._draw)
        dims, camera = viewer.dims.events, getattr(viewer, "scene", viewer).camera.events
        self._events = (dims.current_step, dims.order, dims.ndisplay, camera.zoom, layer.events.set_data)
        for event in self._events:
            event.connect(self._draw_soon)

    def remove(self) -> None:
        """Take everything away, the layer too."""
        self._later.stop()
        for event in self._events:
            event.disconnect(self._draw_soon)
        if self._vectors in self._viewer.layers:
            self._viewer.layers.remove(self._vectors)

    def show(
        self, objects: Iterable[int] = (), line: Sequence[Floats] = (), mark: Floats | None = None
    ) -> None:
        """Show this and nothing else."""
        self._objects, self._line, self._mark = tuple(objects), list(line), mark
        self._draw()

    def _draw_soon(self, event: Any = None) -> None:
        self._later.start()

    def _draw(self) -> None:
        layer, vectors = self._labels, self._vectors
        if vectors not in self._viewer.layers or layer not in self._viewer.layers:
            return  # the user has deleted one of them
        if layer.ndim != vectors.ndim:
            return  # the layer was given other data: the tool is about to end
        axes = displayed_axes(self._viewer, layer)
        zoom = getattr(self._viewer, "scene", self._viewer).camera.zoom
        pixel = 1 / (zoom * float(np.abs(layer.scale[list(axes)]).mean()))
        parts = [np.empty((0, 2, layer.ndim))]
        if self._objects:
            parts.append(self._outlines(axes[-2:], pixel * WIDTH))
        for start, stop in pairwise(self._line):
            parts.append(_cut(start, stop, pixel * DASH))
        if self._mark is not None:
            parts.append(_cross(self._mark, axes[-2:], pixel * CROSS))
        drawn = np.concatenate(parts)
        vectors.data = drawn
        if len(drawn):
            vectors.edge_width = pixel * WIDTH
            # not along rows, columns or diagonals, which outlines follow for long
            dashes = drawn[:, 0][:, list(axes[-2:])] @ (1.0, 1.6) / (pixel * DASH)
            vectors.edge_color = np.where((dashes % 2 < 1)[:, None], [0.0, 0, 0, 1], [1.0, 1, 1, 1])

    def _outlines(self, plane: tuple[int, ...], width: float) -> Floats:
        """Sides of pixels at which a picked object ends: of the slice shown, in 3D of all slices."""
        layer = self._labels
        position = shown_position(self._viewer, layer)
        inside_image = all(p is None or 0 <= p < n for p, n in zip(position, layer.data.shape, strict=True))
        if not inside_image:
            return np.empty((0, 2, layer.ndim))
        shown = layer.data[tuple(slice(None) if p is None else slice(p, p + 1) for p in position)]
        corner = np.array([p or 0 for p in position], float)
        picked = among(shown, self._objects)
        if not picked.any():
            return np.empty((0, 2, layer.ndim))
        box = bounds(picked)
        corner += [side.start for side in box]
        objects = np.where(picked[box], shown[box], 0)
        none = objects.dtype.type(0)  # of the same type, or large numbers would become floats
        found = [np.empty((0, 2, layer.ndim))]
        for along, across in (plane, plane[::-1]):
            ends = np.diff(objects, axis=across, prepend=none, append=none) != 0
            places = np.argwhere(ends) + corner
            sides = np.zeros((len(places), 2, layer.ndim))
            sides[:, 0] = places
            sides[:, 0, across] -= 0.5
            sides[:, 0, along] -= 0.5 + width / 2  # to the outer corners
            sides[:, 1, along] = 1 + width
            found.append(sides)
        return np.concatenate(found)


def _cut(start: Floats, stop: Floats, length: float) -> Floats:
    """A straight line in pieces no longer than a dash."""
    n = max(1, int(np.ceil(np.linalg.norm(stop - start) / length)))
    step = (stop - start) / n
    return np.stack([start + np.arange(n)[:, None] * step, np.tile(step, (n, 1))], axis=1)


def _cross(point: Floats, plane: tuple[int, ...], half: float) -> Floats:
    arms = np.zeros((2, 2, len(point)))
    for arm, axis in zip(arms, plane, strict=True):
        arm[0] = point
        arm[0, axis] -= half
        arm[1, axis] = 2 * half
    return arms

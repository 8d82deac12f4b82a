"""Labels layers whose strokes go to the disk as they are painted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.events import Box
from napari_unet.sessions import SessionWriter
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.live.following import Follower, follow


@dataclass
class _Painted:
    """A labels layer and its file of strokes, which is begun with the first stroke."""

    follower: Follower
    file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_begun: bool = False


class PaintedLayers:
    """Hands what is painted on layers to a session's writer.

    Parameters
    ----------
    writer : SessionWriter
        Writes it.
    """

    def __init__(self, writer: SessionWriter) -> None:
        self._writer = writer
        self._followed: dict[int, _Painted] = {}  # by the layer's identity
        self._n_files = 0
        self._unneeded: list[str] = []  # files that the next record does not name

    def follow(self, viewer: Any, layers: Sequence[Any], *, computed_too: bool) -> None:
        """Follow these layers too, if in the viewer; let go of those that are not any more, or got other data.

        Parameters
        ----------
        viewer : Viewer
            What is in it.
        layers : sequence of Labels
            What is to be followed from now on.
        computed_too : bool
            Whether to follow layers whose pixels are no array in memory.
        """
        present = {id(without_proxy(layer)) for layer in viewer.layers}
        for key, each in list(self._followed.items()):
            if key not in present or (each.shape, each.dtype) != _form(each.follower.layer):
                each.follower.close()
                del self._followed[key]
                if each.is_begun:
                    self._unneeded.append(each.file)
        for layer in layers:
            if id(layer) not in present or id(layer) in self._followed or layer.multiscale:
                continue
            if isinstance(layer.data, np.ndarray) or computed_too:
                self._n_files += 1
                file = f"annotation {self._n_files}.strokes"
                self._followed[id(layer)] = _Painted(follow(layer), file, *_form(layer))

    def pass_on(self, view_of: Callable[[Any], Box | None] = lambda _layer: None) -> None:
        """Hand over what was painted since the last time, what is in view first, as far as there is time."""
        for each in self._followed.values():
            for region, labels in each.follower.changes(view_of(each.follower.layer)):
                if not each.is_begun:
                    each.is_begun = True
                    self._writer.begin(each.file, each.shape, each.dtype)
                self._writer.paint(each.file, region, labels)

    def catch_up(self, seconds: float) -> None:
        """Hand over everything that is painted, if that takes no longer."""
        until = time.monotonic() + seconds
        self.pass_on()
        while self.has_more and time.monotonic() < until:
            self.pass_on()

    @property
    def has_more(self) -> bool:
        """Whether something is painted that the writer does not have yet, as far as is known."""
        return any(each.follower.is_behind for each in self._followed.values())

    @property
    def files(self) -> list[tuple[Any, str]]:
        """The layers that anything is painted on, and their files."""
        return [(each.follower.layer, each.file) for each in self._followed.values() if each.is_begun]

    def forget_unneeded(self) -> None:
        """Remove files of layers that are gone; the record names them no more."""
        for file in self._unneeded:
            self._writer.forget(file)
        self._unneeded = []

    def close(self) -> None:
        """Hear no more of the layers."""
        for each in self._followed.values():
            each.follower.close()


def _form(layer: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return tuple(int(n) for n in layer.data.shape), np.dtype(layer.data.dtype)

"""Several who follow the same labels layer, which is compared once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.live.watcher import LabelsWatcher

if TYPE_CHECKING:
    from napari.layers import Labels


class Follower:
    """Hears of everything that is and will be painted in a layer; from :func:`follow`.

    Attributes
    ----------
    layer : Labels
        What is followed.
    """

    def __init__(self, layer: Labels) -> None:
        self._is_open = False
        self._unheard: list[tuple[Box, NDArray[Any]]] = []
        self._join(layer)

    def follow(self, layer: Labels) -> None:
        """Look at another layer of the same shape from now on; what differs from the one before has changed."""
        before = self._shared.watcher.known
        self.close()
        self._unheard += [(box, np.zeros_like(labels)) for box, labels in before]
        self._join(layer)

    def _join(self, layer: Labels) -> None:
        key = id(without_proxy(layer))
        if key not in _SHARED:
            _SHARED[key] = _Shared(without_proxy(layer))
        self.layer = layer
        self._shared = _SHARED[key]
        self._unheard += self._shared.watcher.known
        self._shared.followers.append(self)
        self._is_open = True

    def changes(self, view: Box | None) -> list[tuple[Box, NDArray[Any]]]:
        """What is new to this follower, in order; see :meth:`LabelsWatcher.changes`.

        The arrays are not to be changed: others get them too.
        """
        found = self._shared.watcher.changes(view)
        for follower in self._shared.followers:
            follower._unheard.extend(found)
        heard, self._unheard = self._unheard, []
        return heard

    @property
    def values(self) -> set[int]:
        """Values that were seen, without 0."""
        return self._shared.watcher.values

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the layer's data; what was heard before it changed fits the data before."""
        return self._shared.watcher.shape

    @property
    def is_behind(self) -> bool:
        """Whether there is more to look at, or to hear."""
        return self._shared.watcher.is_behind or bool(self._unheard)

    def close(self) -> None:
        """Hear no more; the last one ends the watch."""
        if not self._is_open:
            return
        self._is_open = False
        self._shared.followers.remove(self)
        if not self._shared.followers:
            self._shared.watcher.close()
            del _SHARED[id(without_proxy(self.layer))]


class _Shared:
    """A watcher and those who hear of it."""

    def __init__(self, layer: Labels) -> None:
        self.watcher = LabelsWatcher(layer)
        self.followers: list[Follower] = []


_SHARED: dict[int, _Shared] = {}  # the watcher keeps its layer alive, so that a number stays its own


def follow(layer: Labels) -> Follower:
    """Follow a layer of one resolution, from what is in it now; GUI thread only."""
    return Follower(layer)

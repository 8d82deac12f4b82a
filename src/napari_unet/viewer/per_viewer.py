"""What there is once for every viewer, whichever dock asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from napari_unet.viewer.layers import without_proxy

T = TypeVar("T")


class OnePerViewer(Generic[T]):
    """Called with a viewer, returns what belongs to it: made when it is first asked for, let go with the viewer.

    Parameters
    ----------
    make : callable
        Makes it, given the viewer. It must not hold on to it.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[Any, T] = WeakKeyDictionary()

    def __call__(self, viewer: Any) -> T:
        """Return what belongs to ``viewer``."""
        key = without_proxy(viewer)
        if key not in self._made:
            self._made[key] = self._make(viewer)
        return self._made[key]

"""The live run of every viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_unet.viewer.layers import without_proxy
from napari_unet.viewer.live.run import LiveRun

if TYPE_CHECKING:
    import napari

_RUNS: WeakKeyDictionary[Any, LiveRun] = WeakKeyDictionary()


def live_run_of(viewer: napari.Viewer) -> LiveRun:
    """The live run that belongs to ``viewer``, whichever dock asks."""
    key = without_proxy(viewer)
    if key not in _RUNS:
        _RUNS[key] = LiveRun(viewer)
    return _RUNS[key]

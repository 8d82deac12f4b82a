"""Dropping a saved model on napari opens it in the dock that segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import napari

from napari_unet.errors import ForeignModelError, ModelFileError
from napari_unet.models.header import read_record
from napari_unet.viewer.bridge import show_error

PLUGIN = "napari-unet-live"
DOCK = "Segment with U-Net"

ReadModel = Callable[[Any], list[tuple[None]]]


def get_reader(path: str | Sequence[str]) -> ReadModel | None:
    """Return what opens the model file, None for anything else (the safetensors of other programs, say)."""
    paths = [path] if isinstance(path, str) else list(path)
    if len(paths) != 1 or not str(paths[0]).lower().endswith(".safetensors"):
        return None
    try:
        read_record(paths[0])
    except ForeignModelError:
        return None
    except ModelFileError as error:
        message = error

        def complain(_: Any) -> list[tuple[None]]:
            show_error(message.problem, message.remedy)
            return [(None,)]

        return complain
    return open_model


def open_model(path: str | Sequence[str]) -> list[tuple[None]]:
    """Open the model in the dock of the current viewer; adds no layer."""
    viewer = napari.current_viewer()
    if viewer is None:
        show_error("There is no napari window to open the model in.", "Open napari first.")
        return [(None,)]
    dock_widget, dock = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    dock_widget.show()
    dock_widget.raise_()
    dock.open_model(path if isinstance(path, str) else path[0])
    return [(None,)]

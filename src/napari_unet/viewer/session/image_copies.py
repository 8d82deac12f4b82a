"""Images recognised, and copied where they are in no file, while somebody works: in threads, as it may take long."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import ref

from napari_unet.errors import StorageError
from napari_unet.sessions import fingerprint, is_small, write_array
from napari_unet.viewer.session.collecting import pixels, recognisable, source_path

AGAIN = 60.0
"""Seconds after which an image whose pixels were replaced is looked at again, not at every change of a slider."""


@dataclass
class KnownImage:
    """What is known of an image.

    Attributes
    ----------
    fingerprint : str or None
        What it is recognised by.
    copy_name : str or None
        Its copy in the session's folder.
    is_busy : bool
        Whether it is still being read.
    """

    fingerprint: str | None = None
    copy_name: str | None = None
    is_busy: bool = True


class ImageCopies:
    """The images of one session.

    Parameters
    ----------
    folder : Path
        Of the session.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, KnownImage] = {}
        self._asked: dict[
            int, tuple[Any, Any, float]
        ] = {}  # the layer and data that were looked at, and when
        self._n_copies = 0
        self._one_at_a_time = threading.Lock()
        self._is_open = True

    def look(self, layer: Any) -> KnownImage:
        """What is known of a layer so far; it is looked at in the background if it is new or was given other pixels."""
        key, array = id(layer), pixels(layer)
        asked = self._asked.get(key)
        if asked is not None and asked[0]() is not layer:
            asked = None  # that one is gone, and this one has its number now
        if asked is None or (asked[1] is not array and time.monotonic() - asked[2] > AGAIN):
            known = KnownImage(copy_name=None if asked is None else self._known[key].copy_name)
            self._known[key], self._asked[key] = known, (ref(layer), array, time.monotonic())
            name = None
            if source_path(layer) is None and is_small(array):
                self._n_copies += 1
                name = known.copy_name or f"image {self._n_copies}.npy"
            threading.Thread(
                target=self._read, args=(known, recognisable(layer), array, name), daemon=True,
                name="napari-unet image",
            ).start()  # fmt: skip
        return self._known[key]

    @property
    def is_busy(self) -> bool:
        """Whether an image is still being read."""
        return any(known.is_busy for known in self._known.values())

    def close(self) -> None:
        """Begin nothing more, and wait a moment for what is being written."""
        self._is_open = False
        if self._one_at_a_time.acquire(timeout=2.0):
            self._one_at_a_time.release()

    def _read(self, known: KnownImage, image: Any, array: Any, name: str | None) -> None:
        with self._one_at_a_time:
            if not self._is_open:
                return
            if name is not None:
                try:
                    write_array(self._folder / name, array)
                    known.copy_name = name
                except (StorageError, ValueError, TypeError):
                    known.copy_name = None  # it is then said to be lost, should it come to that
            known.fingerprint = fingerprint(image)
            known.is_busy = False

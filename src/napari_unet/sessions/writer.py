"""Writes a session while somebody works, in a thread of its own: no stroke waits for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from numpy.typing import NDArray

from napari_unet.errors import StorageError, UNetError
from napari_unet.events import Box
from napari_unet.sessions.folders import SIGN_OF_LIFE, give_sign_of_life, new_folder, remove_folder
from napari_unet.sessions.record import Session, write_session
from napari_unet.sessions.strokes import StrokeFile


class SessionWriter:
    """One folder, written to in the order of the calls; no call waits but :meth:`close` and :meth:`wait`.

    The first failure is the last thing that is done: what comes later is left out, and :attr:`problem` says why.

    Parameters
    ----------
    root : Path
        Where the session gets its folder, made when there is something to write.

    Attributes
    ----------
    folder : Path or None
        The session's folder, once there is one.
    problem : UNetError or None
        Why nothing is written any more.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder: Path | None = None
        self.problem: UNetError | None = None
        self._files: dict[str, StrokeFile] = {}
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting = 0
        self._is_unwanted = False
        self._lock = threading.Lock()

    def begin(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """Begin a file of strokes, ``name`` within the folder."""
        self._do(partial(self._begin, name, shape, dtype))

    def paint(self, name: str, region: Box, labels: NDArray[Any]) -> None:
        """Append to a file of strokes; ``labels`` must not be changed afterwards."""
        self._do(lambda: self._files[name].append(region, labels))

    def record(self, session: Session) -> None:
        """Write what is known besides strokes; the files it names were begun before."""
        self._do(lambda: write_session(self._there(), session))

    def forget(self, name: str) -> None:
        """Remove a file of strokes that the record does not name any more."""
        self._do(partial(self._forget, name))

    def then(self, task: Callable[[], None]) -> None:
        """Do ``task`` in the thread once all that was asked for before is on the disk."""

        def flushed() -> None:
            self._flush()
            task()

        self._do(flushed)

    @property
    def is_busy(self) -> bool:
        """Whether there is anything still to be done."""
        return self._waiting > 0

    def wait(self, seconds: float) -> bool:
        """Wait until all is on the disk that was asked for before; returns whether it is."""
        done = threading.Event()
        self.then(done.set)
        return done.wait(seconds) and self.problem is None

    def close(self, *, remove: bool, seconds: float = 5.0) -> None:
        """End the thread, and remove the folder if that is wanted; nothing more is written then."""
        self._is_unwanted = remove
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join(seconds)
            self._thread = None
        if remove and self.folder is not None:
            remove_folder(self.folder)

    # In the thread

    def _do(self, task: Callable[[], None]) -> None:
        with self._lock:
            self._waiting += 1
        self._tasks.put(task)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="napari-unet session", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=SIGN_OF_LIFE)
            except Empty:
                if self.folder is not None:
                    with suppress(OSError):
                        give_sign_of_life(self.folder)
                continue
            if task is None:
                break
            self._try(task)
            if self._tasks.empty():
                self._try(self._flush)
            with self._lock:
                self._waiting -= 1
        for file in self._files.values():
            file.close()

    def _try(self, task: Callable[[], None]) -> None:
        if self.problem is not None or self._is_unwanted:
            return
        try:
            task()
        except UNetError as error:
            self.problem = error
        except Exception as error:  # noqa: BLE001 - the boundary: whoever paints has to hear of it
            self.problem = StorageError(f"The session cannot be written: {error}.", "Save your layers.")

    def _there(self) -> Path:
        if self.folder is None:
            self.folder = new_folder(self._root)
        return self.folder

    def _begin(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self._files[name] = StrokeFile(self._there() / name, shape, dtype)

    def _forget(self, name: str) -> None:
        file = self._files.pop(name)
        file.close()
        file.path.unlink(missing_ok=True)

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()

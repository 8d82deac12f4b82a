"""Files that carry large arrays to the child process: reserved before they are written, gone when the job is.

Writing to a memory-mapped file past a full /dev/shm kills the process. So room is reserved first, and the
data is then written with ``write``, which raises an error where a memory map would not survive.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE_BYTES = 16 << 20
"""Copied at once; between two pieces a copy can be stopped."""

DISK_SPARE_BYTES = 1 << 30
"""Left free on the disk."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - names in it are made by mkstemp
_NAME = re.compile(r"napari-unet-(\d+)-.*\.scratch")
_left: set[Path] = set()
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class StoppedError(Exception):
    """The user stopped the job while its images were being copied."""


class ScratchFiles:
    """The scratch files of one job."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def store(self, array: NDArray[Any], stop: Callable[[], bool]) -> Path | None:
        """Copy an array into a new file, in C order.

        Parameters
        ----------
        array : ndarray
            Any layout.
        stop : callable
            Asked between two pieces.

        Returns
        -------
        Path or None
            ``None`` where there is no room for it: neither in shared memory nor on the disk.

        Raises
        ------
        StoppedError
            If ``stop`` said so.
        """
        for folder in _folders(array.nbytes):
            try:
                descriptor, name = tempfile.mkstemp(".scratch", f"napari-unet-{os.getpid()}-", folder)
            except OSError:
                continue  # no permission here: the next folder
            path = Path(name)
            self._paths.append(path)
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    _reserve(file.fileno(), array.nbytes)
                    for piece in _pieces(array):
                        if stop():
                            raise StoppedError
                        view = piece.reshape(-1).view(np.uint8).data
                        while view.nbytes:
                            view = view[file.write(view) :]
                return path
            except OSError:
                self.remove(path)  # full: the next folder
        return None

    def remove(self, path: Path | None = None) -> None:
        """Delete one file, or all; those in use (on Windows) stay for a later :func:`sweep`."""
        for each in [path] if path is not None else list(self._paths):
            try:
                each.unlink(missing_ok=True)
            except OSError:
                _left.add(each)
            if each in self._paths:
                self._paths.remove(each)


def sweep() -> None:
    """Delete what could not be deleted before, and what processes left behind that were killed."""
    for path in list(_left):
        with suppress(OSError):
            path.unlink(missing_ok=True)
            _left.discard(path)
    for folder in {_SHARED_MEMORY, _disk_folder()}:
        with suppress(OSError):  # another user's file, or no such folder
            for path in list(folder.iterdir()):
                match = _NAME.fullmatch(path.name)
                if match and not _is_alive(int(match[1])):
                    with suppress(OSError):
                        path.unlink()


def available_memory() -> int:
    """Memory a program can still take on Linux, in bytes, its container's limit included; 0 elsewhere."""
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0
    with suppress(OSError, ValueError):  # no container, or "max": no limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        available = min(available, limit - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    return max(0, available)


def _folders(nbytes: int) -> Iterator[Path]:
    """Where to try, in this order. What lies in shared memory is memory that everything else lacks."""
    if sys.platform == "linux" and nbytes <= available_memory() // 4:
        yield _SHARED_MEMORY
    disk = _disk_folder()
    with suppress(OSError):
        if shutil.disk_usage(disk).free - nbytes >= DISK_SPARE_BYTES:
            yield disk


def _disk_folder() -> Path:
    """Folder for large temporary files: on many Linux systems /tmp is memory, and /var/tmp is not."""
    large = Path("/var/tmp")  # noqa: S108
    if sys.platform == "linux" and "TMPDIR" not in os.environ and os.access(large, os.W_OK):
        return large
    return Path(tempfile.gettempdir())


def _reserve(descriptor: int, nbytes: int) -> None:
    """Make sure the file can grow to ``nbytes``, or raise OSError; where nobody can tell, writing will."""
    if sys.platform != "win32" and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise


def _pieces(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Contiguous copies or views of at most about PIECE_BYTES that make up the array in C order."""
    if array.nbytes <= PIECE_BYTES or array.ndim == 0:
        yield np.ascontiguousarray(array)
        return
    row = array.nbytes // array.shape[0]
    if row > PIECE_BYTES:
        for part in array:
            yield from _pieces(part)
        return
    step = max(1, PIECE_BYTES // max(1, row))
    for start in range(0, array.shape[0], step):
        yield np.ascontiguousarray(array[start : start + step])


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return pid == os.getpid()  # asking would end it; Windows refuses to delete a file that is in use
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True

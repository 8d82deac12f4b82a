"""Folders of sessions that are kept while somebody works: which are in use, which were interrupted, which closed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from napari_unet.errors import SessionError
from napari_unet.images.storage import storage_error, write_atomically
from napari_unet.sessions.record import FILE_NAME, Session, read_session

MOST_KEPT = 10
"""Sessions that have ended; of more, the oldest go."""

MARKER, CLOSED = "in-use.json", "closed"
SIGN_OF_LIFE = 60.0
"""Seconds between two signs of life of a session that is open, see :func:`give_sign_of_life`."""

_SILENT = 600.0
"""Seconds without a sign of life after which a process of another machine is held to have ended."""

_CLOCK = 60.0
"""Seconds by which the start of a process may seem to move when the clock is set."""


@dataclass(frozen=True)
class EarlierSession:
    """A session that has ended: its process is no more, or it was closed.

    Attributes
    ----------
    folder : Path
        Where it is.
    session : Session
        What it says about itself.
    changed : datetime
        When it was written to last, in local time.
    """

    folder: Path
    session: Session
    changed: datetime


def new_folder(root: Path) -> Path:
    """Make a folder for a session, marked as in use by this process.

    Raises
    ------
    StorageError
        Without permission or room.
    """
    stem = f"{datetime.now():%Y-%m-%d %H.%M.%S} {os.getpid()}"
    number = 1
    while True:
        folder = root / (stem if number == 1 else f"{stem} {number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise storage_error(folder, error) from error
        break
    mark = {"pid": os.getpid(), "started": psutil.Process().create_time(), "host": socket.gethostname()}
    data = json.dumps(mark).encode()
    write_atomically(folder / MARKER, lambda file: file.write(data))
    return folder


def give_sign_of_life(folder: Path) -> None:
    """Say that the session is still open, to whoever shares the folder on another machine."""
    os.utime(folder / MARKER)


def is_in_use(folder: Path) -> bool:
    """Whether the process that opened the session still runs."""
    marker = folder / MARKER
    try:
        mark: Any = json.loads(marker.read_text())
        pid, started, host = int(mark["pid"]), float(mark["started"]), str(mark["host"])
        if host != socket.gethostname():  # its processes cannot be seen from here
            return time.time() - marker.stat().st_mtime < _SILENT
    except (OSError, ValueError, KeyError, TypeError):
        return False
    try:
        return bool(abs(psutil.Process(pid).create_time() - started) < _CLOCK)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # somebody else's, or not to be asked
        return True


def mark_closed(folder: Path) -> None:
    """Say that the user ended the session: it is kept, and nobody has to be asked about it.

    Where that cannot be written it is offered as one that was interrupted.
    """
    with suppress(OSError):
        (folder / CLOSED).touch()


def earlier_sessions(root: Path, *, closed: bool) -> list[EarlierSession]:
    """Sessions that have ended, the latest first; those in use and those that cannot be read left out.

    Parameters
    ----------
    root : Path
        Where they are.
    closed : bool
        Those that the user closed, else those that were interrupted.
    """
    found = []
    for folder in _left_behind(root):
        if (folder / CLOSED).exists() != closed:
            continue
        try:
            session = read_session(folder)
        except SessionError:
            continue  # of a newer version, maybe: it stays where it is
        if session.annotations:
            found.append(EarlierSession(folder, session, datetime.fromtimestamp(_changed(folder))))
    return found


def limit_sessions(root: Path, most: int = MOST_KEPT) -> int:
    """Remove the oldest sessions that have ended; returns how many."""
    too_many = _left_behind(root)[most:]
    for folder in too_many:
        remove_folder(folder)
    return len(too_many)


def remove_folder(folder: Path) -> None:
    """Remove a session; what cannot be removed stays, without its record."""
    (folder / FILE_NAME).unlink(missing_ok=True)  # first: half a session is offered to nobody
    shutil.rmtree(folder, ignore_errors=True)


def _left_behind(root: Path) -> list[Path]:
    """Folders of sessions that have ended, the latest first."""
    try:
        folders = [folder for folder in root.iterdir() if folder.is_dir()]
    except OSError:
        return []
    left = [folder for folder in folders if (folder / CLOSED).exists() or not is_in_use(folder)]
    return sorted(left, key=lambda folder: (_changed(folder), folder.name), reverse=True)


def _changed(folder: Path) -> float:
    """When anything in it was written to last."""
    times = []
    for path in (folder, *folder.rglob("*")):
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)

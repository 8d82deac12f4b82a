"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any, BinaryIO

from napari_unet.errors import StorageError


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file under a temporary name beside ``path``, then rename it; missing folders are made.

    A reader sees the old file or the new one, never half of one, and so does a machine that loses its power.

    Parameters
    ----------
    path : Path
        Where the file goes. A link is followed; what is no file, ``/dev/stdout`` for example, is written to.
    write : callable
        Writes the content into an open binary file.

    Raises
    ------
    StorageError
        Without permission or room; the old file survives and no temporary file is left.
    """
    temporary = None
    try:
        if path.exists() and not path.is_file():  # renaming would put a file in the place of a device
            with path.open("wb", buffering=0) as device:
                write(device)
            return
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        # part of the name only: names may have 255 bytes, of which a letter takes up to four
        descriptor, temporary = tempfile.mkstemp(
            prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent
        )
        os.close(descriptor)
        with open(temporary, "wb") as file:  # by name: tifffile asks for it
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # gone already: it was renamed
                os.unlink(temporary)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Why a file could not be written, in words."""
    if error.errno in (ENOSPC, EDQUOT):
        return StorageError(
            f"The disk is full: {path.name} could not be written to {path.parent}.",
            "Free some space or choose another folder; what was there before is kept.",
        )
    if isinstance(error, PermissionError):
        return StorageError(
            f"{path} could not be written: there is no permission.", "Choose a folder in which you may write."
        )
    return StorageError(f"{path} could not be written: {error.strerror or error}.", "Choose another folder.")


def _umask() -> int:
    """Permissions that new files lack; mkstemp makes private files, which colleagues could not read."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

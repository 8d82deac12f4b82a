"""The images of a session: recognised by their pixels, copied in where nothing else holds them, found again."""

from __future__ import annotations

from math import prod
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO

import numpy as np

from napari_unet.images.hashes import image_hash
from napari_unet.images.image import Image
from napari_unet.images.storage import write_atomically
from napari_unet.sessions.record import ImageRecord, inside

SMALL = 64 << 20
"""Bytes up to which an image that is in no file is copied into the session while somebody works."""

_PIECE = 64 << 20


def is_small(array: Any) -> bool:
    """Whether an image is copied into every session that shows it."""
    return bool(prod(array.shape) * np.dtype(array.dtype).itemsize <= SMALL)


def fingerprint(image: Image | None) -> str | None:
    """Fingerprint of an image's pixels; ``None`` where there is no image, or it cannot be read."""
    if image is None:
        return None
    try:
        return image_hash(image)
    except Exception:  # noqa: BLE001 - a layer's data can be anything that raises anything when read
        return None


def write_array(path: Path, array: Any) -> None:
    """Write an array as .npy, piece by piece, whole or not at all.

    Parameters
    ----------
    path : Path
        Where.
    array : array-like
        With at least one axis; read in pieces of at most about 64 MB along the first.

    Raises
    ------
    StorageError
        Without permission or room.
    """
    shape, dtype = tuple(int(n) for n in array.shape), np.dtype(array.dtype)

    def write(file: BinaryIO) -> None:
        described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(file, described)
        step = max(1, _PIECE // max(1, prod(shape[1:]) * dtype.itemsize))
        for start in range(0, shape[0], step):
            file.write(np.ascontiguousarray(array[start : start + step], dtype).tobytes())

    write_atomically(path, write)


def find_image(folder: Path, record: ImageRecord) -> Path | None:
    """Where an image's file is now; ``None`` if nowhere that could be guessed.

    Tried are, in this order: the copy inside of the session's folder, the same way from the folder as when it was
    saved, the folder itself, and the path as it was.

    Parameters
    ----------
    folder : Path
        Of the session.
    record : ImageRecord
        What is looked for.
    """
    tried: list[Path] = []
    if record.copy_name is not None:
        tried.append(inside(folder, record.copy_name))
    if record.relative is not None:
        tried.append(folder / record.relative)
    if record.path is not None:
        tried += [folder / file_name(record.path), Path(record.path)]
    for path in tried:
        try:
            if path.exists():
                return path
        except OSError:  # no permission, or no path of this system
            continue
    return None


def file_name(path: str) -> str:
    """Last part of a path of whatever system."""
    return PureWindowsPath(path).name

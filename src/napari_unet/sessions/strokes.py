"""Labels on disk while they are painted: a file that only grows, so that a stroke costs what the stroke is large.

The file: a line that names the format, then records. A record is its length and its checksum (4 bytes each, little
endian), then zlib-compressed content. The first record is JSON with ``shape`` and ``dtype``; every other one is a
region (two int64 for each axis) and how its labels look from then on, in C order.

Whenever writing ends, the file is good up to its last whole record. What follows it is passed over in reading.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import SessionError, ShapeMismatchError
from napari_unet.events import Box
from napari_unet.images.storage import storage_error, write_atomically
from napari_unet.labels.snapshot import LabelBlocks, block_sides, blocks_of

FIRST_LINE = b"napari-unet strokes 1\n"
SMALLEST_REWRITTEN = 16 << 20
"""Bytes; a smaller file is never rewritten without what was painted over."""

GROWTH = 4
"""A file that has grown to so many times its size after the last rewriting is rewritten."""

_FRAME = struct.Struct("<II")


class StrokeFile:
    """A new file that strokes are appended to.

    Parameters
    ----------
    path : Path
        Must not exist.
    shape : tuple of int
        Of the whole label array.
    dtype : dtype of int
        Its type.

    Raises
    ------
    StorageError
        Without permission or room.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._is_behind = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)  # a crash of this process loses nothing written
        except OSError as error:
            raise storage_error(path, error) from error
        self._size = self._size_rewritten = 0
        self._write(FIRST_LINE + _record(_header(self.shape, self.dtype)))
        self.flush()

    def append(self, region: Box, labels: NDArray[Any]) -> None:
        """Note how a region looks now; it survives a crash of this process, after :meth:`flush` one of the machine.

        Parameters
        ----------
        region : Box
            Half-open bounds for every axis.
        labels : ndarray of int, of the region's shape
            Values that fit the type.

        Raises
        ------
        ShapeMismatchError
            If the labels are not of the region's shape.
        StorageError
            If the disk is full, say. The file stays good, without this stroke.
        """
        if labels.shape != tuple(high - low for low, high in region):
            raise ShapeMismatchError(
                f"Labels of the shape {labels.shape} do not fit the region {region} of {self.shape}."
            )
        self._write(_record(_content(region, labels, self.dtype)))

    def flush(self) -> None:
        """Bring it to the disk itself; rewrites a file that is mostly painted over."""
        if not self._is_behind:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(self.path, error) from error
        self._is_behind = False
        if self._size > max(SMALLEST_REWRITTEN, GROWTH * self._size_rewritten):
            self._rewrite()

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._is_behind = True
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with suppress(OSError):  # else a later stroke would stand behind half of this one
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise storage_error(self.path, error) from error
        self._size += len(data)

    def _rewrite(self) -> None:
        labels, _ = read_strokes(self.path)
        self._file.close()  # Windows replaces no open file
        try:
            write_strokes(self.path, labels)
        finally:
            self._file = self.path.open("r+b", buffering=0)
            self._size = self._size_rewritten = self._file.seek(0, os.SEEK_END)


def write_strokes(path: Path, labels: Any) -> None:
    """Write labels as they are, whole or not at all, under a temporary name first.

    Parameters
    ----------
    path : Path
        Where.
    labels : LabelBlocks or array-like of int
        Read block by block; only where anything is painted takes room.

    Raises
    ------
    StorageError
        Without permission or room; an older file survives.
    """
    shape, dtype = tuple(int(n) for n in labels.shape), np.dtype(labels.dtype).newbyteorder("<")

    def write(file: BinaryIO) -> None:
        file.write(FIRST_LINE + _record(_header(shape, dtype)))
        for bounds in _bounds_of_blocks(labels, shape):
            block = np.asarray(labels[tuple(slice(*pair) for pair in bounds)])
            if block.any():
                file.write(_record(_content(bounds, block, dtype)))

    write_atomically(path, write)


def read_strokes(path: Path) -> tuple[LabelBlocks, int]:
    """Read labels as far as they were written.

    Parameters
    ----------
    path : Path
        Of a :class:`StrokeFile`, or from :func:`write_strokes`.

    Returns
    -------
    LabelBlocks
        Shape, type and values as painted.
    int
        Bytes that were passed over: half a record at the end, where writing was cut short, or damaged ones.

    Raises
    ------
    SessionError
        If the file cannot be read, or not even its beginning is good.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(FIRST_LINE)) != FIRST_LINE:
                raise SessionError(f"{path.name} holds no annotation.", "It was written by another program.")
            unread = 0
            header: dict[str, Any] | None = None
            labels = LabelBlocks((), np.dtype(np.uint8), {})
            for content, size in _records(file):
                if content is None:
                    unread += size
                elif header is None:
                    header = json.loads(content)
                    labels = LabelBlocks(tuple(header["shape"]), np.dtype(header["dtype"]), {})
                else:
                    region, values = _region(content, labels.shape, labels.dtype)
                    labels.write(region, values)
    except OSError as error:
        raise SessionError(f"{path} cannot be read: {error.strerror or error}.", "Check the disk.") from error
    except (ValueError, KeyError, TypeError, ShapeMismatchError) as error:
        raise SessionError(f"{path.name} is damaged.", "Take the file from a backup.") from error
    if header is None:
        raise SessionError(f"{path.name} is empty or damaged.", "Take the file from a backup.")
    return labels, unread


def _header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    return json.dumps({"shape": [int(n) for n in shape], "dtype": dtype.str}).encode()


def _content(region: Box, labels: NDArray[Any], dtype: np.dtype[Any]) -> bytes:
    values = np.ascontiguousarray(labels, dtype)
    return np.asarray(region, "<i8").tobytes() + values.tobytes()


def _region(content: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Box, NDArray[Any]]:
    bounds = np.frombuffer(content, "<i8", 2 * len(shape)).reshape(-1, 2)
    values = np.frombuffer(content, dtype, offset=bounds.nbytes)
    return (
        tuple((int(low), int(high)) for low, high in bounds),
        values.reshape([int(high - low) for low, high in bounds]),
    )


def _record(content: bytes) -> bytes:
    packed = zlib.compress(content, 1)
    return _FRAME.pack(len(packed), _checksum(packed)) + packed


def _checksum(packed: bytes) -> int:
    """Of the length too: zeros, which some disks leave behind when the power fails, are then no record."""
    return zlib.crc32(packed, zlib.crc32(len(packed).to_bytes(4, "little")))


def _records(file: BinaryIO) -> Iterator[tuple[bytes | None, int]]:
    """Content and size of every record; ``None`` where it is damaged or cut short."""
    while frame := file.read(_FRAME.size):
        packed = b""
        if len(frame) == _FRAME.size:
            length, checksum = _FRAME.unpack(frame)
            packed = file.read(length)
            if len(packed) == length and _checksum(packed) == checksum:
                yield zlib.decompress(packed), _FRAME.size + length
                continue
        yield None, len(frame) + len(packed)


def _bounds_of_blocks(labels: Any, shape: tuple[int, ...]) -> Iterator[Box]:
    """Bounds of the blocks that may hold anything."""
    if isinstance(labels, LabelBlocks):
        sides = block_sides(len(shape))
        for index, block in labels.blocks.items():
            yield tuple(
                (i * side, i * side + size) for i, side, size in zip(index, sides, block.shape, strict=True)
            )
        return
    for _, bounds in blocks_of(tuple((0, size) for size in shape), shape):
        yield bounds

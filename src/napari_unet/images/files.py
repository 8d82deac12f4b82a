"""Images and labels in files: references that are read on demand, and lossless writing."""

from __future__ import annotations

import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.axes import check_axes
from napari_unet.errors import InputError
from napari_unet.images.formats import SUFFIXES, Opened, open_file, suffix
from napari_unet.images.image import ArrayLike, Image
from napari_unet.images.storage import write_atomically

CACHE_BYTES = 1 << 30
"""Decoded files are kept in memory up to this total; the longest unused go first."""

OPEN_FILES = 256
"""Files kept open or decoded at most."""

PROGRAM = "napari-unet"
"""Named in the files that are written here, so that nobody else's are ever overwritten."""

_PNG_MARK = b"tEXtSoftware\0" + PROGRAM.encode()

_cache: OrderedDict[tuple[str, int, int], Opened] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, eq=False)
class FileArray:
    """A file as an array: a reference that is cheap to pickle, reads on demand and keeps nothing itself.

    Attributes
    ----------
    path : Path
        The file or zarr folder.
    shape : tuple of int
        Size of every dimension.
    dtype : numpy.dtype
        Of what is read.
    labels : bool
        Whether colours are reduced to one value and whole floats converted to integers.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    labels: bool = field(default=False)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        """Read a region; raises InputError where the file has gone or changed its shape since."""
        array = _open(self.path, labels=self.labels).array
        if tuple(array.shape) != self.shape:
            raise InputError(
                f"{self.path.name} changed while it was in use: its shape is {tuple(array.shape)} instead of "
                f"{self.shape}.",
                "Start again with the new file.",
            )
        return np.asarray(array[key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return np.array(self[...], dtype=dtype)


def read_image(path: Path | str, axes: str | None = None) -> Image:
    """Refer to an image file; pixels are read when needed and kept only as long as they are used.

    PNG, JPEG, BMP, TIFF and OME-TIFF (with the axes they name), NPY and zarr (OME-Zarr at full resolution).
    Colour becomes the axis ``C``; alpha is left out.

    Parameters
    ----------
    path : Path
        The file, or the zarr folder.
    axes : str, optional
        A letter per dimension, if those of the file are missing or wrong.

    Raises
    ------
    InputError
        If it is missing, damaged, of another format, or no image with axes ``Y`` and ``X``.
    """
    path = Path(path).absolute()
    opened = _open(path, labels=False)
    shape = tuple(int(n) for n in opened.array.shape)
    return Image(
        name=path.name,
        channels=(FileArray(path, shape, np.dtype(opened.array.dtype)),),
        axes=check_axes(axes or opened.axes, shape),
    )


def read_labels(path: Path | str) -> ArrayLike:
    """Refer to a label file; pixels are read when needed.

    Labels saved as RGB with three equal channels count as grey; of a palette the colours' numbers are taken.
    Floats are converted if all of them are whole numbers; then the file is read at once.

    Parameters
    ----------
    path : Path
        Any format that :func:`read_image` reads.

    Returns
    -------
    ArrayLike of int
        In label axes (no ``C``).

    Raises
    ------
    InputError
        If it is missing, damaged, of another format, in colour, or holds fractions.
    """
    path = Path(path).absolute()
    array = _open(path, labels=True).array
    return FileArray(path, tuple(int(n) for n in array.shape), np.dtype(array.dtype), labels=True)


def write_labels(path: Path | str, labels: NDArray[Any]) -> None:
    """Write a label image without loss, whole or not at all.

    Parameters
    ----------
    path : Path
        ``.png`` for a 2D image of up to 16 bit; ``.tif`` (zlib) for anything.
    labels : ndarray of int or bool
        Stored as uint8 or uint16 in PNG where the values fit, otherwise in the given type.

    Raises
    ------
    InputError
        If the format cannot hold these labels.
    StorageError
        Without permission or on a full disk; the old file survives.
    """
    path = Path(path)
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biu":
        raise InputError(f"{path.name} cannot hold {labels.dtype} labels.", "Convert them to integers.")
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    if suffix(path) in (".tif", ".tiff"):
        write_atomically(
            path,
            lambda file: tifffile.imwrite(
                file,
                labels,
                compression="zlib",
                photometric="minisblack",
                software=PROGRAM,
                metadata={"axes": "QRSUVTZYX"[-labels.ndim :]},
            ),
        )
        return
    if suffix(path) != ".png":
        raise InputError(f"Labels cannot be written as {path.name}.", "Use .png or .tif.")
    largest = int(labels.max(initial=0))
    if labels.ndim != 2 or largest > 65535 or int(labels.min(initial=0)) < 0:
        raise InputError(f"A PNG cannot hold the labels of {path.name}.", "Write a .tif instead.")
    if labels.dtype not in (np.uint8, np.uint16):
        labels = labels.astype(np.uint8 if largest < 256 else np.uint16)
    data = _mark_png(bytes(imagecodecs.png_encode(np.ascontiguousarray(labels))))
    write_atomically(path, lambda file: file.write(data))


def is_written_here(path: Path) -> bool:
    """Whether a file names this program as its writer, and not a person or another program."""
    try:
        if suffix(path) == ".png":
            with path.open("rb") as file:
                return _PNG_MARK in file.read(128)
        with tifffile.TiffFile(path) as tiff:
            return bool(tiff.pages[0].tags.valueof("Software") == PROGRAM)
    except (OSError, ValueError, IndexError):  # TiffFileError is a ValueError
        return False


def _mark_png(data: bytes) -> bytes:
    """Name this program in a text chunk after the first chunk, which has 25 bytes after the signature of 8."""
    length, check = len(_PNG_MARK) - 4, zlib.crc32(_PNG_MARK)
    return data[:33] + struct.pack(">I", length) + _PNG_MARK + struct.pack(">I", check) + data[33:]


def label_suffix(labels: Any) -> str:
    """Suffix of the file that holds these labels: ``.png`` for 2D up to 16 bit, else ``.tif``."""
    return ".png" if len(labels.shape) == 2 and np.dtype(labels.dtype).itemsize <= 2 else ".tif"


def image_paths(source: Path | str | Sequence[Path | str]) -> list[Path]:
    """Image files of a folder, a file or several of either, in natural order (``2`` before ``10``).

    Hidden files, other formats and sub-folders (but for ``.zarr``) are left out of a folder.

    Raises
    ------
    InputError
        If something is not there, or there is no image in it.
    """
    if not isinstance(source, (str, Path)):
        paths = [path for part in source for path in image_paths(part)]
        if not paths:
            raise InputError("No images are given.", "Name a folder or files.")
        return list(dict.fromkeys(paths))
    path = Path(source)
    if not path.exists():
        raise InputError(f"There is no file or folder {path}.", "Check the path.")
    if path.is_file() or suffix(path) == ".zarr":
        if suffix(path) not in SUFFIXES:
            raise InputError(
                f"{path.name} is no image that can be read.", f"Use one of {', '.join(SUFFIXES)}."
            )
        return [path]
    try:
        found = [
            entry
            for entry in path.iterdir()
            if not entry.name.startswith(".")
            and suffix(entry) in SUFFIXES
            and (entry.is_file() or suffix(entry) == ".zarr")
        ]
    except PermissionError as error:
        raise InputError(f"The folder {path} may not be read.", "Change its permissions.") from error
    if not found:
        raise InputError(f"There are no images in {path}.", f"Images end in {', '.join(SUFFIXES)}.")
    return sorted(found, key=lambda p: natural_key(p.name))


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that takes runs of digits as numbers."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"(\d+)", name)
    ]


def _open(path: Path, *, labels: bool) -> Opened:
    """Open a file, or take it from the cache; a file that was replaced meanwhile is read anew."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    key = (f"{path}{' as labels' if labels else ''}", status.st_mtime_ns, status.st_size)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    opened = open_file(path, indexed=labels)
    if labels:
        opened = _as_labels(opened, path.name)
    with _lock:
        _cache[key] = opened
        while len(_cache) > OPEN_FILES or (
            len(_cache) > 1 and sum(o.held_bytes for o in _cache.values()) > CACHE_BYTES
        ):
            _cache.popitem(last=False)
    return opened


def _as_labels(opened: Opened, name: str) -> Opened:
    array, axes = opened.array, opened.axes
    if "C" in axes:
        channels = np.moveaxis(np.asarray(array[...]), axes.index("C"), 0)
        if any(not np.array_equal(channels[0], other) for other in channels[1:]):
            raise InputError(
                f"{name} is a colour image: its {len(channels)} channels differ.",
                "Labels hold one whole number per pixel: export them without colours, and check that images "
                "and labels are not the wrong way round.",
            )
        array, axes = np.ascontiguousarray(channels[0]), axes.replace("C", "")
    if np.dtype(array.dtype).kind == "f":
        values = np.asarray(array[...])
        if not (np.isfinite(values) & (np.round(values) == values)).all():
            raise InputError(f"{name} holds fractions or NaN.", "Labels are whole numbers: 0, 1, 2, …")
        if (np.abs(values) >= 2**31).any():
            raise InputError(
                f"{name} holds {np.abs(values).max():g}, too large for a label that is saved as a float.",
                "Save the labels as integers.",
            )
        array = values.astype(np.int32)
    held = array.nbytes if isinstance(array, np.ndarray) and array is not opened.array else opened.held_bytes
    return Opened(array, axes, held)

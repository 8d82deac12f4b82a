"""How the arrays of a request reach the child process.

Nothing here runs on the GUI thread, and nothing large is pickled:

===============================  ==================================================================
in the request                   in the child
===============================  ==================================================================
array in a file of ours          the same reference (``images.FileArray``)
memory-mapped NumPy array        mapped again, from the same file
zarr array in a local folder     opened again
NumPy array up to 4 MB           copied with the request
larger NumPy array               copied in pieces to a scratch file, which is mapped; without room: served
anything else (dask, HDF5, ...)  served: the parent reads a region whenever the child wants one
===============================  ==================================================================
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.images import AnnotatedImage, ArrayLike, Image
from napari_unet.jobs.messages import PackedRequest
from napari_unet.jobs.scratch import ScratchFiles

SMALL_BYTES = 4 << 20
"""NumPy arrays up to this size are sent with the request."""

_LOCAL_ZARR_STORES = ("LocalStore", "DirectoryStore", "NestedDirectoryStore")
_PLAIN = (str, bytes, int, float, bool, tuple, list, dict, set, type(None), type, np.generic, np.dtype)


@dataclass(frozen=True)
class MappedFile:
    """An array in a file, to be mapped; ``scratch`` files are deleted as soon as they are.

    ``strides`` ``None`` is C order.
    """

    path: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    offset: int
    scratch: bool


@dataclass(frozen=True)
class ServedReference:
    """An array that the parent reads."""

    number: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class ServedArray:
    """The child's side of an array that the parent reads, region by region."""

    def __init__(self, reference: ServedReference, read: Callable[[int, Any], NDArray[Any]]) -> None:
        self.shape = reference.shape
        self.dtype = reference.dtype
        self.ndim = len(reference.shape)
        self._number = reference.number
        self._read = read

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        """Read a region; raises InputError if the parent cannot read it any more."""
        return self._read(self._number, key)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return np.asarray(self[...], dtype=dtype)


class ServedArrays:
    """The parent's side: reads regions for the child."""

    def __init__(self) -> None:
        self._arrays: list[tuple[ArrayLike, str]] = []

    def add(self, array: ArrayLike, name: str) -> ServedReference:
        """Serve an array; ``name`` is what to call it in messages."""
        self._arrays.append((array, name))
        shape = tuple(int(n) for n in array.shape)
        return ServedReference(len(self._arrays) - 1, np.dtype(array.dtype), shape)

    def read(self, number: int, key: Any) -> NDArray[Any]:
        """Read a region.

        Raises
        ------
        InputError
            If it cannot be read, whatever the reason.
        """
        array, name = self._arrays[number]
        try:
            return np.asarray(array[key], order="C")
        except Exception as error:
            raise InputError(
                f"{name} could not be read any more: {error or type(error).__name__}.",
                "Its file may have been closed, moved or changed. Open it again, then start again.",
            ) from error


def pack(
    request: Any, scratch: ScratchFiles, stop: Callable[[], bool] = lambda: False
) -> tuple[PackedRequest, ServedArrays]:
    """Turn a request into a message; see the table above.

    Parameters
    ----------
    request : object
        Anything picklable but for the arrays in it, which may be of any kind.
    scratch : ScratchFiles
        Where copies go; its owner deletes them when the job has ended.
    stop : callable
        Asked while copying.

    Raises
    ------
    StoppedError
        If ``stop`` said so.
    """
    file = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    packer = _Packer(file, buffers, scratch, stop)
    packer.dump(request)
    return PackedRequest(file.getvalue(), buffers), packer.served


def unpack(packed: PackedRequest, read: Callable[[int, Any], NDArray[Any]]) -> Any:
    """Rebuild a request in the child.

    Parameters
    ----------
    packed : PackedRequest
        From :func:`pack`.
    read : callable
        Asks the parent for a region: array number and key to block.

    Raises
    ------
    InputError
        If a file that is referred to has gone.
    """
    return _Unpacker(packed, read).load()


class _Packer(pickle.Pickler):
    """Replaces arrays by references; an array that is used twice gets one."""

    def __init__(
        self, file: io.BytesIO, buffers: list[Any], scratch: ScratchFiles, stop: Callable[[], bool]
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self.served = ServedArrays()
        self._scratch = scratch
        self._stop = stop
        self._names: dict[int, str] = {}
        self._references: dict[int, MappedFile | ServedReference | None] = {}

    def persistent_id(self, obj: Any) -> MappedFile | ServedReference | None:
        if isinstance(obj, _PLAIN):
            return None
        if isinstance(obj, Image):
            self._names |= {id(channel): obj.name for channel in obj.channels}
        if isinstance(obj, AnnotatedImage):
            self._names[id(obj.labels)] = f"The labels of {obj.image.name}"
        if not all(hasattr(obj, name) for name in ("shape", "dtype", "__getitem__")):
            return None
        if id(obj) not in self._references:
            self._references[id(obj)] = self._refer(obj)
        return self._references[id(obj)]

    def _refer(self, array: Any) -> MappedFile | ServedReference | None:
        """Return a reference, or ``None`` for what is pickled as it is."""
        if type(array).__module__.startswith("napari_unet."):
            return None
        if isinstance(array, np.ndarray):
            mapped = _mapped_file(array)
            if mapped is not None or array.nbytes <= SMALL_BYTES or array.dtype.hasobject:
                return mapped
            path = self._scratch.store(array, self._stop)
            if path is not None:
                return MappedFile(str(path), array.dtype, array.shape, None, 0, scratch=True)
        if _is_local_zarr(array):
            return None
        return self.served.add(array, self._names.get(id(array), "An image"))


class _Unpacker(pickle.Unpickler):
    def __init__(self, packed: PackedRequest, read: Callable[[int, Any], NDArray[Any]]) -> None:
        super().__init__(io.BytesIO(packed.data), buffers=packed.buffers)
        self._read = read
        self._arrays: dict[MappedFile | ServedReference, Any] = {}

    def persistent_load(self, reference: MappedFile | ServedReference) -> Any:
        if reference not in self._arrays:
            if isinstance(reference, ServedReference):
                self._arrays[reference] = ServedArray(reference, self._read)
            else:
                self._arrays[reference] = _map(reference)
        return self._arrays[reference]


def _mapped_file(array: NDArray[Any]) -> MappedFile | None:
    """Where a memory-mapped array, or a view of one, lies in its file; ``None`` if it does not."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    # mode "c" may have been changed in memory; an unnamed or deleted file cannot be opened again
    if (
        not isinstance(root, np.memmap)
        or root.filename is None
        or root.mode == "c"
        or not _is_mapping(root.base)
    ):
        return None
    # a view of a memmap repeats the offset of the whole, so the difference of the addresses counts
    offset = root.offset + array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    try:
        path = Path(os.fspath(root.filename)).absolute()
        if path.stat().st_size < root.offset + root.nbytes:
            return None
    except (OSError, TypeError):
        return None
    return MappedFile(str(path), array.dtype, array.shape, array.strides, offset, scratch=False)


def _is_mapping(base: object) -> bool:
    return isinstance(base, mmap.mmap)


def _map(reference: MappedFile) -> NDArray[Any]:
    try:
        whole = np.memmap(reference.path, np.uint8, mode="r")
        array: NDArray[Any] = np.ndarray(
            reference.shape, reference.dtype, whole, reference.offset, reference.strides
        )
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{Path(reference.path).name} could not be read any more: {error}.",
            "Open it again, then start again.",
        ) from error
    if reference.scratch:
        with suppress(OSError):  # Windows keeps what is mapped; the parent deletes it later
            os.unlink(reference.path)
    return array


def _is_local_zarr(array: Any) -> bool:
    if type(array).__module__.partition(".")[0] != "zarr":
        return False
    return type(getattr(array, "store", None)).__name__ in _LOCAL_ZARR_STORES

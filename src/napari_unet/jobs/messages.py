"""What parent and child say to each other, and how it goes through a pipe.

A message is pickled with protocol 5; arrays travel beside the pickle, uncopied: writing and reading them
releases the interpreter lock, so that a large one does not hold up the GUI thread.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from io import RawIOBase
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import UNetError
from napari_unet.events import Event, Failed, Finished

Pipe = IO[bytes] | RawIOBase


@dataclass(frozen=True, slots=True)
class PackedRequest:
    """A pickled request whose large arrays are references; the small ones are in ``buffers``."""

    data: bytes
    buffers: list[Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """Child: the interpreter is up."""


@dataclass(frozen=True, slots=True)
class Run:
    """Parent: run this request."""

    job: int
    request: PackedRequest


@dataclass(frozen=True, slots=True)
class Stop:
    """Parent: end this job soon and keep what it reached."""

    job: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Parent: something that this running job should know; what it means is the job's affair."""

    job: int
    message: Any


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Child: send me a region of an array that only you can read."""

    job: int
    read: int
    array: int
    key: Any


@dataclass(frozen=True, slots=True)
class ReadReply:
    """Parent: here it is, or why not."""

    read: int
    block: NDArray[Any] | None
    error: UNetError | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """Child: I have the request. Without this, the child was gone before it, and another one may try."""

    job: int


@dataclass(frozen=True, slots=True)
class Said:
    """Child: the job says something; not the last."""

    job: int
    event: Event


@dataclass(frozen=True, slots=True)
class Ended:
    """Child: the last the job says. Not ``reusable``: only the end of this process frees a GPU's memory."""

    job: int
    event: Finished | Failed
    reusable: bool


def write_message(pipe: Pipe, message: Any) -> None:
    """Write one message; nothing is written if it cannot be pickled.

    Raises
    ------
    OSError
        If the other side has gone.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    lengths = struct.pack(f"<I{len(parts)}Q", len(parts), *(part.nbytes for part in parts))
    for part in (memoryview(lengths), *parts):
        while part.nbytes:
            part = part[pipe.write(part) :]


def read_message(pipe: Pipe) -> Any:
    """Read one message; ``None`` once the other side has gone, be it in the middle of one."""
    try:
        (n,) = struct.unpack("<I", _read(pipe, 4))
        lengths = struct.unpack(f"<{n}Q", _read(pipe, 8 * n))
        head, *buffers = [_read(pipe, length) for length in lengths]
    except EOFError:
        return None
    return pickle.loads(head, buffers=buffers)  # of our own child or parent: nobody else holds the pipe


def _read(pipe: Pipe, length: int) -> memoryview:
    data = view = np.empty(length, np.uint8).data
    while view.nbytes:
        n = pipe.readinto(view)  # type: ignore[union-attr]
        if not n:
            raise EOFError
        view = view[n:]
    return data

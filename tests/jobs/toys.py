"""Requests small enough to watch the machinery at work; the child imports them from here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from napari_unet.errors import InputError
from napari_unet.events import Event, Finished, ModelSaved, Notice, PredictedRegion, Progress, Started


@dataclass(frozen=True, eq=False)
class Toy:
    """What to do, by the name of a function below, and with what."""

    do: str
    arrays: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    runner = "jobs.toys:run"


@dataclass(frozen=True, eq=False)
class Chat:
    """Says everything again that is said to it, until that is ``"enough"``."""

    runner = "jobs.toys:chat"
    listens = True


def chat(request: Chat, stop: Callable[[], bool], inbox: SimpleQueue[Any]) -> Iterator[Event]:
    yield Started("cpu")
    while not stop():
        words = "" if inbox.empty() else str(inbox.get())
        if words == "enough":
            yield Finished()
        elif words:
            yield Notice(words)
        time.sleep(0.001)
    yield Finished(stopped=True)


def run(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield from globals()[f"_{request.do}"](request, stop)


def _count(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    n = request.options.get("n", 10)
    for i in range(n):
        yield Progress(i / n)
    yield Finished(summary={"pid": os.getpid()})


def _until_stopped(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Started(request.options.get("device", "cpu"), {"pid": os.getpid()})
    while not stop():
        time.sleep(0.01)
    if "mark" in request.options:
        Path(request.options["mark"]).write_text("saved")
    yield Finished(stopped=True, summary={"pid": os.getpid()})


def _ignores_stop(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield ModelSaved("best.safetensors")
    yield Started("cpu", {"pid": os.getpid()})
    time.sleep(60)
    yield Finished()


def _starts_a_program(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield Started("cpu", {"pid": child.pid})
    time.sleep(60)
    yield Finished()


def _gpu(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Started("cuda", {"pid": os.getpid()})
    yield Finished()


def _dies(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    print("last words", file=sys.stderr, flush=True)
    if request.options.get("saved"):
        yield ModelSaved("/models/best.safetensors")
    yield Progress(0.5)
    os.kill(os.getpid(), request.options.get("signal", signal.SIGKILL))
    time.sleep(5)
    yield Finished()


def _exits(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Progress(0.5)
    os._exit(3)


def _prints(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    print("printed", flush=True)
    sys.__stdout__.write("x" * 100_000)
    sys.__stdout__.flush()
    os.write(1, b"written by a C library" * 10_000)
    os.write(2, b"to stderr" * 100_000)
    subprocess.run([sys.executable, "-c", "print('a program of its own')"], check=True)
    yield Notice(f"stdin: {sys.stdin.read()!r}")
    yield Finished()


def _raises(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Progress(0.0)
    raise request.options["error"]


def _ends_silently(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Progress(0.0)


def _says_too_much(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Finished()
    yield Finished()


def _cannot_be_pickled(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Started("cpu", {"plan": lambda: None})
    yield Finished()


def _sums(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    """Say type and checksum of every array."""
    for array in request.arrays:
        yield Notice(f"{type(array).__name__} {checksum(array[...])}")
    same = len({id(array) for array in request.arrays})
    yield Finished(summary={"different": same})


def _reads(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    array = request.arrays[0]
    for y in range(0, array.shape[0], 8):
        yield PredictedRegion(0, ((y, y + 8), (0, array.shape[1])), np.asarray(array[y : y + 8]))
    yield Finished()


def _large_result(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    labels = np.arange(64 << 20, dtype=np.uint8).reshape(8192, 8192)
    yield PredictedRegion(0, ((0, 8192), (0, 8192)), labels)
    yield Finished()


def _environment(request: Toy, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Finished(
        summary={
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "torch": "torch" in sys.modules,
            "qt": any(name.startswith("QT_") for name in os.environ),
            "path": sys.path,
            "spins": os.environ.get("GOMP_SPINCOUNT"),
            "group": os.getpgrp() == os.getpid(),
        }
    )


def checksum(array: Any) -> str:
    """Say type, shape and a sum that depends on the order of the values."""
    values = np.asarray(array)
    weights = np.arange(values.size, dtype=np.int64).reshape(values.shape) % 97
    return f"{values.dtype} {values.shape} {int((values.astype(np.int64) * weights).sum())}"


class Unreadable:
    """An array whose file was closed."""

    shape = (64, 64)
    dtype = np.dtype("u1")

    def __getitem__(self, key: Any) -> Any:
        raise ValueError("Not a dataset (closed)")


class Slow:
    """An array whose every read hangs until released."""

    shape = (64, 64)
    dtype = np.dtype("u1")

    def __init__(self, released: Any) -> None:
        self._released = released

    def __getitem__(self, key: Any) -> Any:
        self._released.wait(30)
        return np.zeros(self.shape, self.dtype)[key]


def bad_input() -> InputError:
    return InputError("The image is empty.", "Choose another image.")

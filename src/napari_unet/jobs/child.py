"""The child process: ``python -m napari_unet.jobs.child`` runs the requests that come through stdin.

It ends when its stdin is closed, or when its parent is no more: a running job is then asked to stop, and
after four seconds everything ends, whatever it does.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections import defaultdict
from contextlib import suppress
from importlib import import_module
from itertools import count
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from numpy.typing import NDArray

from napari_unet.errors import JobLostError
from napari_unet.events import Failed, Finished
from napari_unet.jobs.arrays import unpack
from napari_unet.jobs.inline import failure, run_inline
from napari_unet.jobs.messages import (
    Begun,
    Ended,
    Pipe,
    ReadReply,
    ReadRequest,
    Ready,
    Run,
    Said,
    Stop,
    Tell,
    read_message,
    write_message,
)

SECONDS_TO_END = 4.0
"""From the end of the parent to ours."""

_PREWARMED = ("torch", "napari_unet.training.fit", "napari_unet.inference.prediction")


class Parent:
    """The parent process as the child sees it."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._writing = Lock()
        self._losing = Lock()
        self._runs: SimpleQueue[Run | None] = SimpleQueue()
        self._stopped: set[int] = set()
        self._told: dict[int, SimpleQueue[Any]] = defaultdict(SimpleQueue)
        self._reads: dict[int, SimpleQueue[ReadReply]] = {}
        self._numbers = count()
        self._gone = Event()
        Thread(target=self._listen, name="listener", daemon=True).start()

    def next_run(self) -> Run | None:
        """Wait for a request; ``None`` once the parent has gone."""
        return self._runs.get()

    def stop_asked(self, job: int) -> bool:
        """Whether this job should end."""
        return self._gone.is_set() or job in self._stopped

    def told(self, job: int) -> SimpleQueue[Any]:
        """What the parent says to a running job, in order."""
        return self._told[job]

    def forget(self, job: int) -> None:
        """Drop what was said to a job that has ended, and to those before it: some of it may have come too late."""
        for number in [number for number in tuple(self._told) if number <= job]:
            del self._told[number]

    def send(self, message: Any) -> None:
        """Write a message; that the parent has gone, a running job learns from :meth:`stop_asked`."""
        try:
            with self._writing:
                write_message(self._outgoing, message)
        except OSError:
            self.lost()

    def read(self, job: int, array: int, key: Any) -> NDArray[Any]:
        """Ask the parent for a region of an array and wait for it.

        Raises
        ------
        UNetError
            If it cannot be read any more.
        """
        number = next(self._numbers)
        answer = self._reads[number] = SimpleQueue()
        try:
            if self._gone.is_set():
                raise JobLostError("napari has ended.")
            self.send(ReadRequest(job, number, array, key))
            reply = answer.get()
        finally:
            del self._reads[number]
        if reply.error is not None:
            raise reply.error
        assert reply.block is not None  # a reply without an error has one
        return reply.block

    def lost(self) -> None:
        """End soon: whatever waits for the parent is told, and a clock starts that nothing can hold up."""
        with self._losing:
            if self._gone.is_set():
                return
            nothing = open(os.devnull, "w")  # noqa: SIM115 - open as long as the process
            # a thread of the C library, so that it strikes even while something holds the interpreter lock
            faulthandler.dump_traceback_later(SECONDS_TO_END, exit=True, file=nothing)
            for descriptor in (
                1,
                2,
            ):  # nobody reads them any more: a warning must not end what is being saved
                os.dup2(nothing.fileno(), descriptor)
            self._gone.set()
        for answer in list(self._reads.values()):
            answer.put(ReadReply(-1, None, JobLostError("napari has ended.")))
        self._runs.put(None)

    def _listen(self) -> None:
        with suppress(OSError):
            while (message := read_message(self._incoming)) is not None:
                if isinstance(message, Run):
                    self._runs.put(message)
                elif isinstance(message, Stop):
                    self._stopped.add(message.job)  # which may come before its Run
                elif isinstance(message, Tell):
                    self._told[message.job].put(message.message)
                elif isinstance(message, ReadReply) and message.read in self._reads:
                    self._reads[message.read].put(message)
        self.lost()


def main() -> None:
    """Serve requests until the parent has gone."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = Parent(*_take_pipes())
    if sys.platform != "win32":
        Thread(target=_watch_parent, args=(parent, os.getppid()), name="watch", daemon=True).start()
    parent.send(Ready())
    if "--prewarm" in sys.argv:
        _prewarm()
    while (run := parent.next_run()) is not None:
        _run(parent, run)
    os._exit(0)  # nothing is left to do, and no library may take its time over its own end


def _run(parent: Parent, run: Run) -> None:
    last: Finished | Failed | None = None
    used_gpu = False
    parent.send(Begun(run.job))
    try:
        request = unpack(run.request, lambda array, key: parent.read(run.job, array, key))
        for event in run_inline(request, lambda: parent.stop_asked(run.job), parent.told(run.job)):
            used_gpu |= not getattr(event, "device", "cpu").lower().startswith("cpu")
            if isinstance(event, (Finished, Failed)):
                last = event
            else:
                parent.send(Said(run.job, event))
    except Exception as error:  # noqa: BLE001 - a request or an event that does not go through the pipe
        last = failure(error)
    parent.forget(run.job)
    assert last is not None  # a request ends with one or the other: run_inline sees to it
    parent.send(Ended(run.job, last, reusable=not used_gpu and not _holds_gpu()))


def _holds_gpu() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and any(
        backend is not None and backend.is_initialized()
        for backend in (getattr(torch, "cuda", None), getattr(torch, "xpu", None))
    )


def _prewarm() -> None:
    """Load what takes long while the user is still choosing."""
    for name in _PREWARMED:
        with suppress(ImportError, OSError):  # the job will say what is wrong with it
            import_module(name)


def _take_pipes() -> tuple[Pipe, Pipe]:
    """Keep stdin and stdout for the messages: whatever prints now goes to stderr, in C libraries too."""
    incoming = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115 - open as long as the process
    outgoing = open(os.dup(1), "wb", buffering=0)  # noqa: SIM115
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _watch_parent(parent: Parent, pid: int) -> None:
    """Notice the parent's end even where a process that it forked still holds our stdin open."""
    while os.getppid() == pid:
        time.sleep(0.5)
    parent.lost()


if __name__ == "__main__":
    main()

"""A child process as the parent sees it: started, spoken to, listened to, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from napari_unet.device.hardware import short_waits
from napari_unet.errors import UNetError
from napari_unet.jobs.messages import Ready, read_message, write_message

NICENESS = 5
"""Added to the GUI's own, so that napari comes first. With 10, another busy program left training nearly nothing."""

_STDERR_BYTES = 32768

# What is meant for a GUI, a debugger or another program's threads, and would hurt in the child: threads
# pinned to the cores on which the GUI runs, an interactive prompt at the end, Jupyter's plots.
_NOT_INHERITED = (
    "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "MPLBACKEND", "OMP_PLACES", "OMP_PROC_BIND", "PYTHONBREAKPOINT",
    "PYTHONHOME", "PYTHONINSPECT", "PYTHONSTARTUP",
)  # fmt: skip


class ChildProcess:
    """A running ``python -m napari_unet.jobs.child``.

    Starting it takes a few milliseconds; then it is :attr:`ready` after a fraction of a second, with torch
    later.

    Parameters
    ----------
    on_message : callable
        Gets every message but Ready, on the reader thread.
    on_end : callable
        Called on the reader thread after the last message, when the process has ended.
    prewarm : bool
        Whether to load torch at once.

    Raises
    ------
    UNetError
        If no Python can be found.
    OSError
        If the system cannot start it.
    """

    def __init__(
        self, on_message: Callable[[Any], None], on_end: Callable[[], None], *, prewarm: bool = False
    ) -> None:
        self.ready = False
        self.ended = Event()
        self.fault = ""
        self._on_message = on_message
        self._on_end = on_end
        self._outbox: SimpleQueue[Any] = SimpleQueue()
        self._stderr = b""
        command = [python_executable(), "-m", "napari_unet.jobs.child", *(["--prewarm"] if prewarm else [])]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            **_platform_options(),
        )
        if sys.platform != "win32":
            # at once: on Linux threads inherit it when they are made
            with suppress(OSError):  # ended already: the reader says so
                niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
                os.setpriority(os.PRIO_PROCESS, self.pid, niceness)
        self._stderr_thread = Thread(target=self._read_stderr, name="napari-unet stderr", daemon=True)
        self._threads = [
            self._stderr_thread,
            Thread(target=self._write, name="napari-unet writer", daemon=True),
            Thread(target=self._read, name="napari-unet reader", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; negative for a signal; ``None`` while it runs."""
        return self._process.poll()

    @property
    def detail(self) -> str:
        """What it last wrote to stderr, for a bug report."""
        return self.fault + self._stderr.decode(errors="replace")

    def send(self, message: Any) -> None:
        """Queue a message for it; never blocks, and says nothing if it has gone: ``on_end`` does."""
        self._outbox.put(message)

    def close(self, grace: float) -> None:
        """Let it end by itself, kill it after ``grace`` seconds, and release everything."""
        self._outbox.put(None)
        if not self.ended.wait(grace):
            self.kill()
        for thread in self._threads:
            thread.join(2.0)

    def kill(self) -> None:
        """End it now, with whatever it has started itself."""
        with suppress(OSError):  # it was faster
            if sys.platform == "win32":
                self._process.kill()
            elif self._process.poll() is None:
                os.killpg(self.pid, signal.SIGKILL)

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None  # it was started with all three
        with suppress(OSError):  # it has gone: the reader notices
            while (message := self._outbox.get()) is not None:
                write_message(pipe, message)
        with suppress(OSError):
            pipe.close()

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # it was started with all three
        try:
            with pipe:
                while (message := read_message(pipe)) is not None:
                    if isinstance(message, Ready):
                        self.ready = True
                    else:
                        self._on_message(message)
        except Exception:  # noqa: BLE001 - a garbled message; reported with the end of the process
            self.fault = traceback.format_exc()
            self.kill()
        self._process.wait()
        self._outbox.put(None)
        self._stderr_thread.join(1.0)  # longer only if something it has started still writes there
        self.ended.set()
        self._on_end()

    def _read_stderr(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None  # it was started with all three
        with pipe:
            while chunk := pipe.read(4096):
                self._stderr = (self._stderr + chunk)[-_STDERR_BYTES:]


def python_executable() -> str:
    """Path of the Python interpreter to start.

    ``sys.executable`` is a Python almost everywhere; in some launchers and application bundles it is the
    program itself, or empty.

    Raises
    ------
    UNetError
        If none is found.
    """
    names = (
        ("python.exe",)
        if sys.platform == "win32"
        else (f"python3.{sys.version_info.minor}", "python3", "python")
    )
    folders = ("", "Scripts") if sys.platform == "win32" else ("bin",)
    current = Path(sys.executable or "")
    candidates = [current] if current.stem.lower().startswith("python") else []
    if current.stem.lower() == "pythonw":
        candidates.insert(0, current.with_name("python.exe"))
    candidates += [
        Path(prefix, folder, name)
        for prefix in (sys.prefix, sys.base_prefix)
        for folder in folders
        for name in names
    ]
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate)
    raise UNetError(
        "No Python was found to compute with.", "Install napari with pip or conda, and try again."
    )


def describe_end(child: ChildProcess, activity: str) -> str:
    """Say why a process may have ended, as a sentence."""
    code = child.returncode or 0
    if not child.ready:
        return f"{activity} could not start: its process ended at once."
    if code == -9:
        return f"{activity} was ended by the system, which probably ran out of memory."
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"{activity} crashed ({name})."
    return f"{activity} ended unexpectedly (exit status {code if code < 256 else hex(code)})."


def _environment() -> dict[str, str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_INHERITED and not name.startswith(("QT_", "QML"))
    }
    # What is importable here is importable there, but nothing from the folder napari happens to run in.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    environment["PYTHONSAFEPATH"] = "1"
    return environment | short_waits(environment)


def _platform_options() -> dict[str, Any]:
    if sys.platform == "win32":
        return {
            "creationflags": subprocess.CREATE_NO_WINDOW
            | subprocess.BELOW_NORMAL_PRIORITY_CLASS
            | subprocess.CREATE_NEW_PROCESS_GROUP
        }
    # A group of its own: Ctrl+C in a terminal is napari's alone, and a kill reaches what the child has
    # started. Not a session of its own: Linux shares the processor between sessions before it looks at
    # niceness.
    return {"process_group": 0}

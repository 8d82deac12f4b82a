"""The engine as the docks see it: one child process, its events delivered on the GUI thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, Protocol

from napari.utils import progress
from napari.utils.notifications import show_error as notify_error
from qtpy.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication, QLabel

from napari_unet.events import DeviceReport, Event, Failed, Finished, Progress
from napari_unet.requests import Request
from napari_unet.settings import Device

INTERVAL = 0.1
"""Shortest time between two deliveries of events, in seconds: the eye sees no more, the GUI stays free."""
BUDGET = 0.02
"""Longest time one delivery may keep the GUI thread, in seconds; the rest follows after user input."""
SLOW = 1
"""Speed of napari's spinning wheel while a job runs, in percent: a picture every three seconds."""
GRACE = 4.0
"""How long closing napari waits for the best weights to reach the disk, in seconds."""

OnEvent = Callable[[Event], None]


class WorkerJob(Protocol):
    """What a worker returns for a request; see :class:`napari_unet.jobs.Worker`."""

    @property
    def done(self) -> bool:
        """Whether the job has ended."""
        ...

    def stop(self) -> None:
        """Ask the job to end with what it has reached."""
        ...

    def send(self, message: Any) -> None:
        """Say something to the job."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the job's end."""
        ...


class WorkerLike(Protocol):
    """What the engine needs of :class:`napari_unet.jobs.Worker`; tests give a fake one."""

    def submit(self, request: Request, on_event: OnEvent) -> WorkerJob:
        """Queue a request; ``on_event`` is called from another thread."""
        ...

    def close(self, grace: float) -> None:
        """End the child process."""
        ...


class Job:
    """A running request, as a dock holds it. All methods belong to the GUI thread."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event: OnEvent | None = on_event
        self._running: WorkerJob | None = None
        self.done = False

    def stop(self) -> None:
        """Ask the job to end with what it has reached; its last events still arrive."""
        if self._running is not None and not self.done:
            self._running.stop()

    def send(self, message: Any) -> None:
        """Say something to the job, if it listens; arrays in it must not be changed afterwards."""
        if self._running is not None and not self.done:
            self._running.send(message)

    def release(self) -> None:
        """Hear no more of this job. It runs on unless it was stopped."""
        self._on_event = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended in its process; blocks, so only for tests and the end of napari."""
        return self._running is None or bool(self._running.wait(timeout))

    def deliver(self, event: Event) -> None:
        """Hand an event to the dock, unless the dock has let go of the job."""
        if isinstance(event, Finished | Failed):
            self.done = True
        if self._on_event is not None:
            self._on_event(event)


class Engine(QObject):
    """Runs requests in the worker and delivers their events on the GUI thread, in order.

    Deliveries are at most 10 per second. Of several reports of progress in one delivery only the last is
    given, everything else is given in full.

    Parameters
    ----------
    worker : WorkerLike, optional
        What runs the requests; the real child process, started at once, if not given.

    Attributes
    ----------
    device_reports : dict
        The last report on each device asked for: a dock opened during a run shows that instead of waiting for
        its end.
    """

    _arrived = Signal()

    def __init__(self, worker: WorkerLike | None = None) -> None:
        super().__init__()
        self._worker = worker if worker is not None else _start_worker()
        self.device_reports: dict[Device, DeviceReport] = {}
        self._events: deque[tuple[Job, Event]] = deque()
        self._jobs: list[Job] = []
        self._last_delivery = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._arrived.connect(self._schedule, Qt.ConnectionType.QueuedConnection)
        self._closed = False

    def submit(self, request: Request, on_event: OnEvent) -> Job:
        """Queue ``request``; ``on_event`` gets every event of it on the GUI thread.

        Raises
        ------
        UNetError
            Where the worker cannot take the request.
        """
        job = Job(on_event)
        self._jobs = [j for j in self._jobs if not j.done]
        job._running = self._worker.submit(request, lambda event: self._receive(job, event))
        self._jobs.append(job)
        return job

    @property
    def busy(self) -> bool:
        """Whether a job is running or waiting."""
        return any(not j.done for j in self._jobs)

    def close(self, grace: float = GRACE) -> None:
        """Stop every job, its best weights saved, and end the child process."""
        if self._closed:
            return
        self._closed = True
        self._timer.stop()
        for job in self._jobs:
            job.release()
        self._worker.close(grace)

    def _receive(self, job: Job, event: Event) -> None:
        """Take an event from the worker's thread; deques are thread-safe, the signal wakes the GUI."""
        if not self._closed:
            self._events.append((job, event))
            self._arrived.emit()

    def _schedule(self) -> None:
        if not self._timer.isActive() and not self._closed:
            wait = self._last_delivery + INTERVAL - time.monotonic()
            self._timer.start(max(0, round(wait * 1000)))

    def _deliver(self) -> None:
        started = time.monotonic()
        try:
            while self._events and time.monotonic() - started < BUDGET and not self._closed:
                job, event = self._events.popleft()
                if not (isinstance(event, Progress) and self._is_outdated(job)):
                    job.deliver(event)
        finally:  # an error in one dock must not silence the others
            self._last_delivery = time.monotonic()
            if self._events and not self._closed:
                self._timer.start(0)

    def _is_outdated(self, job: Job) -> bool:
        return any(j is job and isinstance(e, Progress) for j, e in tuple(self._events))


def _start_worker() -> WorkerLike:
    from napari_unet.jobs import Worker

    worker = Worker()
    worker.start()
    return worker


EngineName = Literal["jobs", "live"]
"""What is run one after another, and what is learnt live beside it, each in a child process of its own."""

_engines: dict[EngineName, Engine] = {}


def engine(name: EngineName = "jobs") -> Engine:
    """Return an engine of this process, starting its child process at the first call; GUI thread only."""
    if name not in _engines:
        if not _engines:
            application = QCoreApplication.instance()
            if application is not None:
                application.aboutToQuit.connect(close_engine)
        _engines[name] = Engine()
    return _engines[name]


def use_engine(replacement: Engine | None, name: EngineName = "jobs") -> None:
    """Make ``replacement`` an engine of this process; for tests."""
    if replacement is None:
        _engines.pop(name, None)
    else:
        _engines[name] = replacement


def close_engine() -> None:
    """End the engines of this process that were started; the next :func:`engine` starts another."""
    closing = list(_engines.values())
    _engines.clear()
    for each in closing:
        each.close()


class ActivityProgress:
    """A bar in napari's activity dock for one job.

    Parameters
    ----------
    title : str
        What is going on.
    """

    _STEPS = 100
    _open = 0

    def __init__(self, title: str) -> None:
        self._bar: Any = progress(total=self._STEPS, desc=title)
        ActivityProgress._open += 1
        _set_spinner_speed(SLOW)

    def show(self, event: Progress) -> None:
        """Show how far the job is."""
        if self._bar is not None:
            target = round(min(max(event.fraction, 0.0), 1.0) * self._STEPS)
            if target != self._bar.n:
                self._bar.update(target - self._bar.n)

    def close(self) -> None:
        """Take the bar away; may be called twice."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
            ActivityProgress._open -= 1
            if not ActivityProgress._open:
                _set_spinner_speed(100)


def _set_spinner_speed(percent: int) -> None:
    """Slow down the wheel that napari turns beside "activity" while there is a bar.

    It redraws the whole window 33 times a second, the canvas included. Without a graphics card that took 70% of a
    core, for hours, from the very training it announces.
    """
    for window in QApplication.topLevelWidgets():
        for label in window.findChildren(QLabel):
            movie = label.movie()
            if movie is not None and movie.isValid():
                movie.setSpeed(percent)


def show_error(problem: str, remedy: str = "") -> None:
    """Tell the user what is wrong and what to do, as a napari notification without a traceback."""
    notify_error(f"{problem} {remedy}".strip())


def time_left(seconds: float | None) -> str:
    """Say how long a job still takes, for example ``"about 2 min left"``; empty while unknown."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"

"""A worker: one child process, kept warm, that does one job after another."""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

from napari_unet.errors import JobLostError, UNetError
from napari_unet.events import Event, Failed, Finished, Notice, Waiting
from napari_unet.jobs.inline import failure
from napari_unet.jobs.job import Job
from napari_unet.jobs.messages import Begun, Ended, ReadRequest, Said, Stop, Tell
from napari_unet.jobs.process import ChildProcess, describe_end
from napari_unet.jobs.scratch import sweep
from napari_unet.jobs.supply import Supply

IDLE_SECONDS = 600.0
"""After so long without a job the child process ends and frees its memory; the next job starts another."""


class Worker:
    """Runs requests in a child process.

    No method blocks but :meth:`close`: pickling, copying and reading images, starting and killing the child
    happen on the worker's own threads. Events reach their callbacks from these threads, one at a time, in
    order.

    The child process is replaced after a job that used a GPU (only the end of a process frees all of its
    memory), after a crash, and after a job that had to be killed.

    Parameters
    ----------
    idle_seconds : float
        See :data:`IDLE_SECONDS`.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._telling = threading.RLock()
        self._queue: deque[Job] = deque()
        self._current: Job | None = None
        self._supply: Supply | None = None
        self._child: ChildProcess | None = None
        self._replace = False
        self._prewarm = False
        self._wanted = False
        self._closing = False
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the child and load torch in it, in the background, so that the first job begins at once."""
        self._prewarm = True
        self._wanted = True
        self._begin()

    def submit(self, request: Any, on_event: Callable[[Event], None]) -> Job:
        """Queue a request; returns at once.

        Parameters
        ----------
        request : TrainingRequest, PredictionRequest or ProbeRequest
            What to do. Its arrays must not be changed until the job is done.
        on_event : callable
            Gets every event, from another thread; :class:`Waiting` while another job runs, and as the last
            exactly one :class:`Finished` or :class:`Failed`. It must not wait for the job or close the
            worker.

        Raises
        ------
        UNetError
            If the worker is closed.
        """
        job = Job(next(self._numbers), request, on_event, self._news.set)
        with self._lock:
            if self._closing:
                raise UNetError("This worker is closed.", "Open the dock again.")
            self._queue.append(job)
        self._begin()
        return job

    def close(self, grace: float = 5.0) -> None:
        """Stop the running job so that it saves what it reached, and release everything; blocks.

        Parameters
        ----------
        grace : float
            Seconds after which the job is killed.
        """
        atexit.unregister(self.close)
        with self._lock:
            self._closing = True
            for job in (*self._queue, *([self._current] if self._current else [])):
                job.stop(grace)
            thread = self._thread
        self._news.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(grace + 5.0)

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._work, name="napari-unet worker", daemon=True)
                self._thread.start()
                atexit.register(self.close)
        self._news.set()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._run(job)
        self._end_child()
        sweep()

    def _next(self) -> Job | None:
        """Wait for a job; ``None`` when closing. Meanwhile keep the child as it should be."""
        idle_since = time.monotonic()
        while True:
            self._news.clear()
            self._end_stopped()
            if self._child is not None and (self._replace or self._child.ended.is_set()):
                # one that ended without a job might do so again and again: not before it is needed
                self._wanted |= self._replace and self._prewarm and self._child.ready
                self._end_child()
            if self._wanted:
                self._wanted = False
                idle_since = time.monotonic()
                with suppress(OSError, UNetError):  # the first job will try again, and say so
                    self._start_child()
            with self._lock:
                if self._queue:
                    self._current = self._queue.popleft()
                    return self._current
                if self._closing:
                    return None
            rest = idle_since + self._idle_seconds - time.monotonic()
            if self._child is not None and rest <= 0:
                self._end_child()
            self._news.wait(rest if self._child is not None else None)

    def _run(self, job: Job) -> None:
        try:
            for last_try in (False, True):
                if not job.done and job.stop_time is None:
                    self._try(job, last_try)
        except Exception as error:  # noqa: BLE001 - the boundary: the job ends with a sentence
            self._tell(job, failure(error))
        with self._lock:
            self._current = None
        self._tell(job, Finished(stopped=True, model_path=job.saved_model))  # unless it has ended otherwise

    def _try(self, job: Job, last_try: bool) -> None:
        """Run a job; it is still not done if it was stopped, or if the child had died before it came."""
        child = self._start_child()
        job.state = "running"
        supply = self._supply = Supply(job, child)
        supply.start()
        try:
            self._attend(job, child, supply, last_try)
        finally:
            supply.close()
            self._supply = None

    def _attend(self, job: Job, child: ChildProcess, supply: Supply, last_try: bool) -> None:
        """Stay with a running job until it is done, or must be given up."""
        asked = False
        while not job.done:
            self._news.clear()
            self._end_stopped()
            self._tell_waiting(job)
            if supply.failure is not None:
                self._tell(job, supply.failure)
            elif supply.stopped:
                return
            elif child.ended.is_set():
                self._replace = True
                if job.stop_time is None and (last_try or supply.begun or not child.ready):
                    self._tell(job, _lost(job, child))
                return
            elif time.monotonic() >= job.kill_time:
                self._give_up(job, child)
                return
            if supply.begun:  # before that, another child may yet take the job over
                while not job.outbox.empty():
                    child.send(Tell(job.number, job.outbox.get()))
            if job.stop_time is not None and not asked:
                asked = True
                child.send(Stop(job.number))
            self._news.wait(None if job.stop_time is None else max(0.0, job.kill_time - time.monotonic()))

    def _give_up(self, job: Job, child: ChildProcess) -> None:
        self._replace = True
        child.kill()
        child.ended.wait(5.0)
        if job.kill_time - (job.stop_time or 0.0) > 0.1:
            kept = " The best weights so far are kept." if job.saved_model is not None else ""
            self._tell(job, Notice(f"{job.activity} did not react to Stop and was ended.{kept}", "warning"))

    def _end_stopped(self) -> None:
        """End jobs that were stopped before they began."""
        with self._lock:
            stopped = [job for job in self._queue if job.stop_time is not None]
            for job in stopped:
                self._queue.remove(job)
        for job in stopped:
            self._tell(job, Finished(stopped=True))

    def _tell_waiting(self, running: Job) -> None:
        with self._lock:
            waiting = [job for job in self._queue if job.waits_for != running.activity]
        for job in waiting:
            job.waits_for = running.activity
            self._tell(job, Waiting(f"{running.activity} is running; this starts when it is done."))

    def _tell(self, job: Job, event: Event) -> None:
        with self._telling:
            job.tell(event)

    def _start_child(self) -> ChildProcess:
        if self._child is not None and self._child.ended.is_set():
            self._end_child()
        if self._child is None:
            self._replace = False
            self._child = ChildProcess(self._receive, self._news.set, prewarm=self._prewarm)
        return self._child

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close(grace=0.5)  # it has nothing to do, or does not react

    def _receive(self, message: Begun | Said | Ended | ReadRequest) -> None:
        """Take a message from the child, on the reader thread."""
        job, supply = self._current, self._supply
        if job is None or supply is None or job.number != message.job:
            return
        if isinstance(message, Begun):
            supply.begun = True
            self._news.set()
        elif isinstance(message, ReadRequest):
            supply.wanted.put(message)
        elif isinstance(message, Said):
            self._tell(job, message.event)
        else:
            self._replace = not message.reusable
            self._tell(job, message.event)
            self._news.set()


def _lost(job: Job, child: ChildProcess) -> Failed:
    remedy = "Choose a smaller patch, tile or batch, or close other programs, then start again."
    if not child.ready:
        remedy = "Start napari again; if it stays so, please report it, with the details."
    if job.saved_model is not None:
        remedy = f"The best weights so far are in {job.saved_model}. {remedy}"
    return Failed(describe_end(child, job.activity), remedy, JobLostError.__name__, child.detail)

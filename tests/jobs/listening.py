"""How the tests listen to a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from napari_unet.events import Event
from napari_unet.jobs import Job

SECONDS = 60
"""Longer than anything takes on a busy machine."""


class Heard:
    """Collects the events of one job."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    @property
    def last(self) -> Any:
        return self.events[-1]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: self.of(kind), SECONDS), self.events
        return self.of(kind)[0]


def finish(job: Job) -> None:
    assert job.wait(SECONDS)
    assert job.done


def eventually(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)

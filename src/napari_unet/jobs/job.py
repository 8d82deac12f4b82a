"""One job of a worker, as its owner sees it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Literal

from napari_unet.events import Event, Failed, Finished, ModelSaved
from napari_unet.requests import (
    LiveRequest,
    PredictionRequest,
    ProbeRequest,
    RateSearchRequest,
    TrainingRequest,
)

_ACTIVITIES = {
    TrainingRequest: "Training",
    RateSearchRequest: "The search for a learning rate",
    PredictionRequest: "Segmentation",
    ProbeRequest: "The device test",
    LiveRequest: "Live learning",
}

_log = logging.getLogger(__name__)


class Job:
    """A request given to a :class:`Worker`.

    Attributes
    ----------
    request : TrainingRequest, PredictionRequest or ProbeRequest
        What is to be done.
    state : {"queued", "running", "done"}
        Is ``"done"`` before the callback gets the last event.
    saved_model : str or None
        Where the best weights so far are.
    """

    def __init__(
        self, number: int, request: Any, on_event: Callable[[Event], None], wake: Callable[[], None]
    ) -> None:
        self.request = request
        self.state: Literal["queued", "running", "done"] = "queued"
        self.saved_model: str | None = None
        self.number = number
        self.stop_time: float | None = None
        self.kill_time = float("inf")
        self.waits_for: str | None = None
        self.outbox: SimpleQueue[Any] = SimpleQueue()
        self._on_event = on_event
        self.wake = wake
        self._told = threading.Event()

    @property
    def activity(self) -> str:
        """What it is, to begin a sentence with."""
        return _ACTIVITIES.get(type(self.request), "Another job")

    @property
    def done(self) -> bool:
        """Whether the last event has been sent."""
        return self.state == "done"

    def send(self, message: Any) -> None:
        """Say something to the job, in order and once it has begun; returns at once. Small arrays only: it is copied.

        Parameters
        ----------
        message : object
            What its request's runner understands; anything that can be pickled.
        """
        self.outbox.put(message)
        self.wake()

    def stop(self, grace: float = 10.0) -> None:
        """Ask it to end and keep what it reached; returns at once.

        Parameters
        ----------
        grace : float
            Seconds after which it is killed. A job that has not begun just ends.
        """
        now = time.monotonic()
        self.stop_time = self.stop_time or now
        self.kill_time = min(self.kill_time, now + grace)
        self.wake()

    def kill(self) -> None:
        """End it now; returns at once. Weights that were saved stay."""
        self.stop(0.0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the callback has had the last event; not to be called from the callback.

        Returns
        -------
        bool
            False if ``timeout`` (seconds) came first.
        """
        return self._told.wait(timeout)

    def tell(self, event: Event) -> None:
        """Pass an event on, unless the last one has been; an error in the callback does not harm the job."""
        if self.done:
            return
        if isinstance(event, ModelSaved):
            self.saved_model = event.path
        last = isinstance(event, (Finished, Failed))
        if last:
            self.state = "done"
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001
            _log.exception("The callback of a job raised an error on %s", type(event).__name__)
        if last:
            self._told.set()

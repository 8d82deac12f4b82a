"""Run a request in this process: its generator of events, with every error turned into a sentence."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from queue import SimpleQueue
from typing import Any

from napari_unet.errors import OutOfMemoryError, StorageError, UNetError
from napari_unet.events import Event, Failed, Finished
from napari_unet.requests import (
    LiveRequest,
    PredictionRequest,
    ProbeRequest,
    RateSearchRequest,
    TrainingRequest,
)

Runner = Callable[..., Iterator[Event]]
"""A generator of events from a request and a function that says whether to stop; of a request that ``listens``, from
the messages for it as well."""

# By name, so that looking a runner up is what loads torch, and importing this module is not.
_RUNNERS: dict[type, str] = {
    TrainingRequest: "napari_unet.training.fit:fit",
    RateSearchRequest: "napari_unet.training.rate_finder:find_rate",
    PredictionRequest: "napari_unet.inference:predict",
    ProbeRequest: "napari_unet.jobs.inline:_probe",
    LiveRequest: "napari_unet.training.live.run:learn_live",
}

_MEMORY_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def runner_for(request: Any) -> Runner:
    """Find the generator that does what a request asks for.

    Extension point: a request of any other type names its own in an attribute ``runner = "module:function"``, and
    says ``listens = True`` if that takes messages too.

    Raises
    ------
    UNetError
        If nothing is known that could do it.
    """
    name = _RUNNERS.get(type(request)) or getattr(request, "runner", None)
    if not isinstance(name, str):
        raise UNetError(f"Nothing here can do a {type(request).__name__}.")
    module, _, function = name.partition(":")
    runner: Runner = getattr(import_module(module), function)
    return runner


def run_inline(
    request: Any, stop: Callable[[], bool] = lambda: False, inbox: SimpleQueue[Any] | None = None
) -> Iterator[Event]:
    """Run a request here and now.

    Parameters
    ----------
    request : TrainingRequest, PredictionRequest or ProbeRequest
        What to do.
    stop : callable
        Asked at least once per batch or tile; after it returned True the job ends soon, keeping what it
        reached.
    inbox : SimpleQueue, optional
        What is said to the job while it runs; for requests that ``listens``.

    Yields
    ------
    Event
        Exactly one :class:`Finished` or :class:`Failed`, which is the last. No error is raised.
    """
    try:
        listening = (inbox or SimpleQueue(),) if getattr(request, "listens", False) else ()
        for event in runner_for(request)(request, stop, *listening):
            yield event
            if isinstance(event, (Finished, Failed)):
                return
        raise UNetError("The job ended without saying how it went.")
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, the user gets a sentence
        yield failure(error)


def failure(error: Exception) -> Failed:
    """Say an error in words; anything unforeseen keeps its traceback in ``detail``, for a bug report."""
    known = _in_our_words(error)
    detail = "".join(traceback.format_exception(error))
    if known is not None:
        return Failed(known.problem, known.remedy, type(known).__name__, detail)
    return Failed(
        "Something went wrong that should not have.",
        "Nothing of yours was changed. Please report it, with the details.",
        type(error).__name__,
        detail,
    )


def _in_our_words(error: Exception) -> UNetError | None:
    if isinstance(error, UNetError):
        return error
    text = str(error).lower()
    # by name and text: torch is not loaded on the GUI's side; its CPU allocator raises a bare RuntimeError
    if (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(sign in text for sign in _MEMORY_SIGNS))
    ):
        return OutOfMemoryError(
            "There is not enough memory.", "Choose a smaller patch, tile or batch, or close other programs."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return StorageError("The disk is full.", "Free some space, then start again.")
    if isinstance(error, PermissionError) and error.filename is not None:
        return StorageError(f"There is no permission for {error.filename}.", "Choose another folder.")
    return None


def _probe(request: ProbeRequest, stop: Callable[[], bool]) -> Iterator[Event]:
    from napari_unet.device import probe

    yield probe(request.device)
    yield Finished()

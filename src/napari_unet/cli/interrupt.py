"""Ctrl+C, and a cluster's request to end, stop a job in good order: the best weights so far are kept."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from napari_unet.errors import UNetError


class Interrupted(KeyboardInterrupt):
    """The job was stopped by a signal and has kept what it reached."""


@contextmanager
def stopping_on_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl+C (or SIGTERM) into a request to stop; the second one ends the program at once.

    Yields
    ------
    callable
        Returns whether the job should stop.

    Raises
    ------
    Interrupted
        On leaving, if there was a signal: the program did not do all it was asked to.
    """
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        print("Stopping; press Ctrl+C again to end at once.", file=sys.stderr)

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    except UNetError as error:
        if not requested:
            raise
        print(error, file=sys.stderr)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if requested:
        raise Interrupted

"""Work of a few seconds off the GUI thread: a generator of fractions with a result, left at any yield."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from napari.qt.threading import create_worker

from napari_unet.errors import InputError, UNetError

INTERVAL = 0.05
"""Seconds between two reports of progress; also how soon a cancelled run ends, blocks allowing."""

Steps = Generator[float, None, Any]


class Background:
    """One run at a time; a new one replaces the old, whose answer is then never heard.

    Errors arrive as a value: superqt's generator worker swallows ``RuntimeError`` without a signal.
    """

    def __init__(self) -> None:
        self._worker: Any = None

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._worker is not None

    def start(
        self,
        steps: Steps,
        on_done: Callable[[Any], None],
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        """Run ``steps``; ``on_done`` gets its result or a UNetError, on the GUI thread."""
        self.cancel()
        worker: Any = create_worker(_guarded, steps, _start_thread=False)
        self._worker = worker

        def progressed(fraction: float) -> None:
            if worker is self._worker and on_progress is not None:
                on_progress(fraction)

        def returned(answer: tuple[Any]) -> None:
            if worker is self._worker:
                self._worker = None
                on_done(answer[0])

        worker.yielded.connect(progressed)
        worker.returned.connect(returned)
        worker.start()

    def cancel(self) -> None:
        """Leave the run under way, if there is one; nothing more is heard of it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.quit()


def _guarded(steps: Steps) -> Generator[float, None, tuple[Any]]:
    """The same steps, few enough for the GUI, with any error as the result.

    The result is wrapped in a tuple: superqt would raise a bare exception.
    """
    last = 0.0
    try:
        while True:
            fraction = next(steps)
            if time.monotonic() - last > INTERVAL:
                yield fraction
                last = time.monotonic()
    except StopIteration as end:
        return (end.value,)
    except UNetError as error:
        return (error,)
    except MemoryError:
        return (InputError("There is not enough memory for these layers.", "Compare a part of them."),)
    except Exception as error:  # noqa: BLE001 - a layer's data can be anything that raises anything when read
        return (InputError(f"The layers cannot be read: {error}.", "Check where their data comes from."),)
    finally:
        steps.close()

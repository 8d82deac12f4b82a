"""What a running job says, on the terminal: a progress bar, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as ProgressBar

from napari_unet.events import (
    Event,
    Finished,
    Notice,
    Progress,
    Started,
    TrainingStep,
    Validation,
    ValidationRegions,
    Waiting,
)

_SECONDS_BETWEEN_LINES = 5.0


class Reporter:
    """Shows events on stderr. A context manager; call it with each event.

    Parameters
    ----------
    task : str
        What is going on, for example ``"Training"``.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._loss = self._score = ""
        self._next_line = 0.0
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._bar: ProgressBar | None = None
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[detail]}"),
            )
            self._bar = ProgressBar(*columns, console=self._console, transient=True)
            self._row = self._bar.add_task(task, total=1.0, detail="")

    def __enter__(self) -> Reporter:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        self._console.print(text, markup=False)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Notice(text=text, level=level):
                self.say(f"Warning: {text}" if level == "warning" else text)
            case Waiting(reason=reason):
                self.say(reason)
            case Started(device=device, plan=plan):
                chosen = ", ".join(
                    f"{name.replace('_', ' ')} {value}"
                    for name, value in plan.items()
                    if value is not None and name != "device"
                )
                self.say(f"{self._task} on {device}" + (f": {chosen}" if chosen else "") + ".")
            case ValidationRegions(reason=reason, honest=honest):
                self.say(reason if honest else f"Warning: no honest score is possible. {reason}")
            case TrainingStep(step=step, loss=loss):
                self._loss = f"step {step}, loss {loss:.3f}"
            case Validation(mean_dice=dice, object_ap=ap):
                self._score = "" if dice != dice else f"validation Dice {dice:.3f}"
                if ap == ap:
                    self._score = f"validation AP {ap:.3f}, Dice {dice:.3f}"
            case Progress():
                self._show(event)
            case Finished(stopped=True, model_path=path):
                kept = f" The best weights so far are in {path}." if path else ""
                self.say(f"{self._task} was stopped.{kept}")
            case _:
                pass

    def _show(self, progress: Progress) -> None:
        details = [time_left(progress.seconds_left), self._loss, self._score]
        if not self._loss:
            details.insert(1, progress.text)
        detail = ", ".join(part for part in details if part)
        if self._bar is not None:
            self._bar.update(self._row, completed=progress.fraction, detail=detail)
        elif (now := time.monotonic()) >= self._next_line:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            self.say(f"{self._task} {progress.fraction:4.0%}" + (f", {detail}" if detail else ""))


def time_left(seconds: float | None) -> str:
    """Seconds as a person would say them; empty while unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s left" if minutes else f"{rest} s left"

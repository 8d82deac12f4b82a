"""What any job says: that it waits, has begun, how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Box = tuple[tuple[int, int], ...]
"""A region: half-open ``(start, stop)`` in pixels for every axis of a label image, leading axes included."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of everything a job says."""


@dataclass(frozen=True, slots=True)
class Waiting(Event):
    """The job is queued behind another one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """A sentence for the user: what was decided, corrected or given up."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The job has its device and its plan.

    ``device`` is what to call it, the ``name`` of its :class:`DeviceReport`. ``plan`` holds what was chosen from the
    data, by settings name (patch, batch, width, depth, ...).
    """

    device: str
    plan: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """How far the job is; ``fraction`` in 0..1, ``seconds_left`` ``None`` while unknown."""

    fraction: float
    seconds_left: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The job is done. ``stopped`` if the user stopped it (what was reached is kept)."""

    stopped: bool = False
    model_path: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The job could not be done. ``detail`` is for a bug report, never shown unasked."""

    problem: str
    remedy: str = ""
    kind: str = "UNetError"
    detail: str = ""

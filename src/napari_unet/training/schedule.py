"""When to validate, when to end, and how the learning rate falls: by time or by steps."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, cos, pi
from time import monotonic

WARM_UP = 0.04
"""Fraction of the run in which the learning rate rises."""

LOWEST = 0.01
"""Learning rate at the end, as a fraction of the largest."""

VALIDATIONS = 25
"""How many validations a run has."""

_VALIDATION_SHARE = 0.03
"""Validation may take this part of the time."""

_MIN_PAUSE = 5.0
"""Seconds between validations at least."""

_LAST_SECONDS = 0.5
"""Set aside for the end of a timed run, beside one validation."""


def annealed(fraction: float) -> float:
    """Learning rate as a fraction of the largest: a short rise, then half a cosine.

    Parameters
    ----------
    fraction : float
        How much of the run is done, 0..1.
    """
    if fraction < WARM_UP:
        return 0.1 + 0.9 * fraction / WARM_UP
    return LOWEST + (1 - LOWEST) * (1 + cos(pi * (fraction - WARM_UP) / (1 - WARM_UP))) / 2


class Schedule:
    """How far a run is.

    With ``steps`` nothing here looks at the clock, so that a run can be repeated; otherwise everything does.

    Parameters
    ----------
    steps : int or None
        Length in steps.
    minutes : float or None
        Length in minutes, from the creation of this object; everything that comes later is included.
    clock : callable
        Seconds, from any start.
    """

    def __init__(
        self, steps: int | None, minutes: float | None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock = clock
        self._start = self._first_step = self._last_validation = clock()
        self._steps = steps
        self._seconds = 60 * (minutes or 0)
        self._validation_seconds = 0.0
        self._every = ceil(steps / VALIDATIONS) if steps else 0
        self.step = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._start

    def begin(self) -> None:
        """Note that the first step follows."""
        self._first_step = self._last_validation = self._clock()

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0..1."""
        if self._steps:
            return min(self.step / self._steps, 1.0)
        first = self._first_step - self._start
        step = (self._clock() - self._first_step) / self.step if self.step else 0.0
        length = self._seconds - self._validation_seconds - step - _LAST_SECONDS - first
        return 1.0 if length <= 0 else min((self.elapsed - first) / length, 1.0)

    @property
    def done(self) -> bool:
        """Whether the last step is made; there is always one."""
        return self.step > 0 and self.fraction >= 1

    @property
    def validation_due(self) -> bool:
        """Whether to validate after the step just made."""
        if self._steps:
            return self.step % self._every == 0
        pause = max(self._seconds / VALIDATIONS, _MIN_PAUSE, self._validation_seconds / _VALIDATION_SHARE)
        return self._clock() - self._last_validation >= pause

    def validated(self, seconds: float) -> None:
        """Note how long a validation took, with all that belongs to it."""
        self._validation_seconds = seconds
        self._last_validation = self._clock()

    @property
    def seconds_left(self) -> float | None:
        """Until the end; ``None`` while unknown."""
        if not self._steps:
            return max(self._seconds - self.elapsed, 0.0)
        if self.step < 3:
            return None
        return (self._clock() - self._first_step) / self.step * (self._steps - self.step)

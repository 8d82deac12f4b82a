"""How long a rival may train."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """Counts from its making; reading and preparing the images is part of the minutes, as in ours."""

    def __init__(self, minutes: float) -> None:
        self._started = monotonic()
        self._seconds = 60 * minutes

    @property
    def fraction(self) -> float:
        """Of the minutes that are over, at most 1."""
        return min(1.0, (monotonic() - self._started) / self._seconds)

    @property
    def is_over(self) -> bool:
        """Whether no further step may begin."""
        return self.fraction >= 1

"""Times as people say them."""

from __future__ import annotations

from datetime import datetime


def when(time: datetime) -> str:
    """A time of day, with the day where that is another: ``14:32``, ``3 March, 14:32``."""
    now = datetime.now()
    if time.date() == now.date():
        return f"{time:%H:%M}"
    year = f" {time.year}" if time.year != now.year else ""
    return f"{time.day} {time:%B}{year}, {time:%H:%M}"

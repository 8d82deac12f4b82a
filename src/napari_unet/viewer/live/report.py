"""How a live run is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from napari_unet.events import Failed, Notice

Phase = Literal["off", "starting", "waiting", "learning", "resting", "stopping", "failed"]


@dataclass(frozen=True)
class LiveReport:
    """How the run is, for any dock that shows it.

    ``ended_by`` is a sentence on what ended it, where that was neither a wish nor a failure.
    """

    phase: Phase = "off"
    device: str = ""
    steps: int = 0
    painted: dict[int, int] = field(default_factory=dict)
    model_path: Path | None = None
    notices: tuple[Notice, ...] = ()
    failure: Failed | None = None
    ended_by: str = ""

    @property
    def is_on(self) -> bool:
        """Whether it is on, or about to be, or about to end."""
        return self.phase not in ("off", "failed")

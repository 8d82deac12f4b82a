"""Run a request: in this process, or in a child process. Lazy: importing this room loads next to nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.jobs.inline import run_inline
    from napari_unet.jobs.job import Job
    from napari_unet.jobs.worker import Worker

_HOMES = {
    "Job": "napari_unet.jobs.job",
    "Worker": "napari_unet.jobs.worker",
    "run_inline": "napari_unet.jobs.inline",
}

__all__ = ["Job", "Worker", "run_inline"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""Run a request: in this process, or in a child process. Lazy: importing this room loads next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)

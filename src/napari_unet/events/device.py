"""What the test of a device says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_unet.events.base import Event


@dataclass(frozen=True, slots=True)
class DeviceReport(Event):
    """What the probe found, told apart so that the dock can say the right thing.

    Attributes
    ----------
    device : str
        What a run will use: ``"cuda"``, ``"mps"``, ``"xpu"`` or ``"cpu"``.
    name : str
        What to call it, for example ``"NVIDIA RTX 4090"`` or ``"CPU, 2 threads, bfloat16"``.
    status : str
        ``"gpu"`` works; ``"no_gpu"``; ``"torch_without_gpu"`` (a GPU, but this torch cannot use it); ``"gpu_too_old"``;
        ``"gpu_full"`` (others hold its memory); ``"gpu_failed"`` (any other failure of the trial step).
    advice : str
        One or two sentences for the user, empty where all is well; holds the install command for this system where
        torch lacks GPU support.
    free_bytes, total_bytes : int or None
        Memory of that GPU.
    """

    device: str
    name: str
    status: Literal["gpu", "no_gpu", "torch_without_gpu", "gpu_too_old", "gpu_full", "gpu_failed"]
    advice: str = ""
    free_bytes: int | None = None
    total_bytes: int | None = None

    @property
    def needs_confirmation(self) -> bool:
        """Whether a GPU exists that this run would not use: the user has to agree."""
        return self.status not in ("gpu", "no_gpu")

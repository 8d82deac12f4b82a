"""What a running job says: frozen dataclasses, picklable, free of torch and Qt.

A job is a generator of these. Exactly one :class:`Finished` or :class:`Failed` ends it; where a job runs (inline, in
a child process) changes nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
class ValidationRegions(Event):
    """Which pixels are held out, per image in the order of the request; empty where none are.

    ``honest`` is False when too little is annotated for a score that means anything; ``reason`` says how the regions
    were chosen, or why there are none.
    """

    regions: tuple[tuple[Box, ...], ...]
    honest: bool
    reason: str


@dataclass(frozen=True, slots=True)
class TrainingStep(Event):
    """One report on the training loss: the mean since the last report."""

    step: int
    seconds: float
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Validation(Event):
    """Scores on the held-out regions. Undefined scores are ``nan``.

    ``dice`` and ``iou`` map class value (as painted) to score; ``mean_dice`` is over the defined ones. ``object_ap`` is
    that of objects, the mean of AP over IoU 0.5 to 0.95.
    """

    step: int
    seconds: float
    loss: float
    dice: dict[int, float]
    iou: dict[int, float]
    mean_dice: float
    is_best: bool
    object_ap: float = math.nan


@dataclass(frozen=True, slots=True)
class ModelSaved(Event):
    """The best weights so far are on disk at ``path``."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class PredictedRegion(Event):
    """A finished piece of a prediction.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        Where it belongs in the image's label array.
    labels : ndarray of uint8 or uint16
        Class values as painted, of the region's shape.
    probabilities : ndarray of float16, optional
        Classes first, then the region's shape; only on request.
    """

    image: int
    region: Box
    labels: NDArray[np.integer[Any]]
    probabilities: NDArray[np.float16] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PredictedObjects(Event):
    """The objects of a finished plane (a volume, of a 3D network), after all its :class:`PredictedRegion`.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        Where they belong in the image's label array.
    objects : ndarray of int32
        0 outside, every object a number of its own within the plane; of the region's shape.
    final : bool
        False where the planes of a stack are still to be linked: they come again then, with other numbers.
    maps : ndarray of uint8, optional
        Foreground and height, in which the objects were found, then the region's shape; not when they come again.
    """

    image: int
    region: Box
    objects: NDArray[np.int32]
    final: bool = True
    maps: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Preview(Event):
    """What a live run makes of a part of an image for now.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    region : Box
        Where it belongs in the image's label array.
    labels : ndarray of uint8 or uint16
        Class values as painted, of the region's shape.
    doubt : ndarray of uint8
        How evenly the probabilities are spread over the classes: their entropy, 255 where all are as probable.
    step : int
        After how many steps of learning.
    """

    image: int
    region: Box
    labels: NDArray[np.integer[Any]]
    doubt: NDArray[np.uint8]
    step: int


@dataclass(frozen=True, slots=True)
class Suggestion(Event):
    """Where a label would help a live run most.

    Attributes
    ----------
    image : int
        Index into the images of the request.
    point : tuple of float
        In pixels, one number for each of the image's label axes.
    """

    image: int
    point: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LiveState(Event):
    """How a live run is.

    Attributes
    ----------
    state : {"waiting", "learning", "resting"}
        For strokes of a second class; learning; until something new is painted.
    step : int
        Steps of learning so far.
    loss : float
        Training loss, the mean since the last of these; ``nan`` where there was no step.
    painted : dict
        Pixels by value.
    """

    state: Literal["waiting", "learning", "resting"]
    step: int
    loss: float
    painted: dict[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class RateFound(Event):
    """Which learning rate suits, and the curve that says so.

    Attributes
    ----------
    suggestion : float or None
        For the largest learning rate of a training, to two digits; ``None`` where none stands out.
    reason : str
        Why this one, or why none, as a sentence.
    learning_rates, losses, smoothed : ndarray of float64, (n,)
        The rates tried, rising; the training loss at each, and the same without the noise of single batches.
    diverged : bool
        Whether the search ended because the loss had risen far above its lowest.
    """

    suggestion: float | None
    reason: str
    learning_rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    diverged: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        return {
            "suggestion": self.suggestion,
            "reason": self.reason,
            "diverged": self.diverged,
            "learning_rates": [float(f"{rate:.4g}") for rate in self.learning_rates],
            "losses": self.losses.round(6).tolist(),
            "smoothed": self.smoothed.round(6).tolist(),
        }


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

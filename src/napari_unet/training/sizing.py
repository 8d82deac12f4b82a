"""Sizes chosen from the data and the device where the user chose none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from napari_unet.device import available_memory
from napari_unet.events import DeviceReport
from napari_unet.models.record import ModelRecord
from napari_unet.nets import UNet
from napari_unet.nets.outputs import n_outputs
from napari_unet.requests import RateSearchRequest, TrainingRequest
from napari_unet.settings import NetworkSettings, Outputs, TrainSettings
from napari_unet.training.material import Material, describe_material
from napari_unet.training.memory import bytes_of_weights, bytes_per_patch
from napari_unet.training.preparation import Preparation
from napari_unet.training.speed_trial import steps_per_second

PATCH = {"cpu": 128, "gpu": 256}
"""Side of a patch, in pixels. See docs/decisions/0002-default-recipe.md for the numbers behind these."""

DEPTH = 4
"""How often a usual image is halved."""

LARGE = 128
"""Diameter in pixels of structures of which a network of that depth sees no more than one at once (185 pixels)."""

LARGEST_PATCH = 512
"""However large the structures are."""

SMALLEST_PATCH = 64
"""However little memory there is."""

BATCH = 8
"""Patches of that size per step; more if they are smaller."""

WIDTH = {"cpu": 16, "gpu": 64}
"""Where the length is given in steps and nothing may be timed."""

NEEDED_STEPS = {32: 3000, 64: 6000}
"""Steps from which on a network of this width is better than the next narrower one."""

FEW_PIXELS = 20_000
"""With fewer annotated pixels than this a network stays narrow, however long it trains."""

LITTLE = 3_000_000
"""Annotated pixels up to which two views of a patch teach more than two patches."""

FEWEST_FOR_VIEWS = 4
"""Patches in a batch from which on half of them may be second views."""

MEMORY_SHARE = 0.7
"""Of the free memory, what a training may take."""

CLASSIC_RATE = 1e-4
"""Of the classic recipe, whatever was asked: see :mod:`~napari_unet.training.classic`."""

RATE, RATE_WITHOUT_NORM, RATE_OF_CHILD, RATE_OF_CORRECTIONS = 4e-3, 5e-4, 1e-3, 3e-4
"""Largest learning rate: usually, for a network without norm layers, for fine-tuning, and for that on few pixels.

Of those that apply the least; see docs/decisions/0012.
"""

_SHORTEST_FOR_TRIAL = 2.0
"""Minutes of training below which no time is spent on finding out how fast it would be."""

Trial = Callable[[NetworkSettings, int, int], float]
"""Steps per second of a network with a patch size and a batch size."""


@dataclass(frozen=True)
class Plan:
    """Sizes of a run.

    Attributes
    ----------
    network : NetworkSettings
        What is trained.
    patch_size : int
        Side of the network's input, in pixels.
    batch_size : int
        Patches computed at once.
    batches_per_step : int
        More than one where memory does not do for all patches of a step at once.
    learning_rate : float
        Largest step size.
    consistency : float
        Weight of what two views of a patch disagree by; 0 without second views.
    object_radius : float
        Of a typical object, in pixels: the unit in which depth inside of objects is learnt.
    """

    network: NetworkSettings
    patch_size: int
    batch_size: int
    batches_per_step: int
    learning_rate: float
    consistency: float = 0.0
    object_radius: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """By settings name."""
        sizes = asdict(self)
        network = sizes.pop("network").model_dump()
        if network["outputs"] != "distances":
            del sizes["object_radius"]
        return sizes | {k: network[k] for k in ("width", "depth", "norm", "padding")}


def settle_plan(
    request: TrainingRequest | RateSearchRequest,
    preparation: Preparation,
    device: torch.device,
    precision: torch.dtype,
    report: DeviceReport,
) -> Plan:
    """Sizes for a request on a device, tried out there where the length of the run is a time."""
    parent = preparation.parent
    outputs = choose_outputs(request, parent.record if parent is not None else None)

    material = describe_material(preparation.images, request.annotation, preparation.planes)

    def trial(network: NetworkSettings, patch_size: int, batch_size: int) -> float:
        return steps_per_second(network, patch_size, batch_size, device, precision)

    plan = choose_plan(
        request.settings,
        material,
        preparation.n_channels,
        n_outputs(
            outputs, parent.record.network.ndim if parent is not None else 2, len(request.annotation.classes)
        ),
        "cpu" if device.type == "cpu" else "gpu",
        available_memory() if device.type in ("cpu", "mps") else report.free_bytes,
        precision,
        trial,
        parent.record.network if parent is not None else None,
        outputs,
    )
    earlier = parent.record.plan.get("object_radius") if parent is not None else None
    return replace(plan, object_radius=float(earlier or max(1.0, (material.structure_size or 20.0) / 2)))


def choose_outputs(request: TrainingRequest | RateSearchRequest, parent: ModelRecord | None) -> Outputs:
    """What the outputs of a request's network shall mean; of a model for objects that is trained further, as before."""
    settings = request.settings
    if request.annotation.kind != "objects" or settings.recipe == "classic":
        return "classes"
    if parent is not None and parent.annotation.kind == "objects":
        return parent.network.outputs
    return "classes" if settings.object_targets == "weights" else settings.object_targets


def choose_plan(
    settings: TrainSettings,
    material: Material,
    n_channels: int,
    n_classes: int,
    kind: str,
    free_bytes: int | None,
    precision: torch.dtype,
    trial: Trial,
    parent: NetworkSettings | None = None,
    outputs: Outputs = "classes",
) -> Plan:
    """Sizes for a run: the user's where given, otherwise from the images and the device.

    Parameters
    ----------
    settings : TrainSettings
        The user's choice.
    material : Material
        What there is to learn from.
    n_channels, n_classes : int
        Of the network.
    kind : {"cpu", "gpu"}
        Where training runs.
    free_bytes : int or None
        Memory there; ``None`` if unknown.
    precision : torch.dtype
        Of the activations.
    trial : callable
        Asked how fast a wider network would be. Not asked where the length is given in steps, so that such a run can
        be repeated on any machine.
    parent : NetworkSettings, optional
        Architecture to keep.
    outputs : {"classes", "borders", "distances", "flows"}
        What the network's outputs mean.
    """
    if parent is not None:
        network = parent.model_copy(update={"n_classes": n_classes, "outputs": outputs})
    else:
        network = NetworkSettings(
            n_channels=n_channels,
            n_classes=n_classes,
            width=settings.width or WIDTH[kind],
            depth=settings.depth or _depth(material),
            padding=settings.padding,
            norm=settings.norm if settings.padding == "same" else None,
            outputs=outputs,
        )
    with torch.device("meta"):
        shape = UNet.from_settings(network)
    memory = _Memory(free_bytes, precision)
    patch = settings.patch_size or _patch_size(material, shape, PATCH[kind])
    while settings.patch_size is None and patch > SMALLEST_PATCH and not memory.fitting(network, patch, 1):
        patch //= 2
    patch = shape.next_valid_size(-(-patch // shape.stride) * shape.stride if shape.margin == 0 else patch)
    wanted = settings.batch_size or int(np.clip(BATCH * PATCH[kind] ** 2 // patch**2, 2, 32))
    if parent is None and settings.width is None and settings.steps is None:

        def speed(width: int) -> float:
            wider = network.model_copy(update={"width": width})
            return trial(wider, patch, wanted) if memory.fitting(wider, patch, wanted) == wanted else 0.0

        width = _width(settings.minutes or 0.0, material, speed)
        network = network.model_copy(update={"width": width})
    batch = max(1, memory.fitting(network, patch, wanted))
    rate = RATE if network.norm is not None else RATE_WITHOUT_NORM
    if parent is not None:
        few = material.annotated_pixels < FEW_PIXELS
        rate = min(rate, RATE_OF_CORRECTIONS if few else RATE_OF_CHILD)
    rate = settings.learning_rate or rate
    consistency = settings.consistency
    if consistency is None:
        consistency = 1.0 if material.annotated_pixels <= LITTLE and batch >= FEWEST_FOR_VIEWS else 0.0
    if settings.recipe == "classic":
        rate, consistency = CLASSIC_RATE, 0.0
    if batch == 1:
        consistency = 0.0
    return Plan(network, patch, batch, -(-wanted // batch), rate, consistency)


def _width(minutes: float, material: Material, speed: Callable[[int], float]) -> int:
    """The widest that makes enough steps in the time, by its steps per second."""
    width = min(WIDTH.values())
    if material.annotated_pixels < FEW_PIXELS or minutes < _SHORTEST_FOR_TRIAL:
        return width
    for wider, steps in NEEDED_STEPS.items():
        if 60 * minutes * speed(wider) < steps:
            break
        width = wider
    return width


def _depth(material: Material) -> int:
    """One level more for large structures; fewer where at the deepest one less than 4 pixels would be left."""
    if (material.structure_size or 0) > LARGE:
        return DEPTH + 1
    side, depth = _typical_side(material), DEPTH
    while depth > 1 and side < 4 * 2**depth:
        depth -= 1
    return depth


def _typical_side(material: Material) -> int:
    return int(np.median([max(shape) for shape in material.shapes]))


def _patch_size(material: Material, network: UNet, usual: int) -> int:
    """Larger for large structures, less where most images are smaller; for an unpadded network that of its output."""
    largest = usual
    while largest < min(2 * (material.structure_size or 0), LARGEST_PATCH):
        largest *= 2
    typical = -(-_typical_side(material) // network.stride) * network.stride
    return network.input_size(min(largest, max(SMALLEST_PATCH, typical)))


@dataclass(frozen=True)
class _Memory:
    """Free bytes, if known, and the number format that they are filled in."""

    free_bytes: int | None
    precision: torch.dtype

    def fitting(self, network: NetworkSettings, patch: int, batch: int) -> int:
        """How many patches can be computed at once, halving ``batch`` as often as needed; 0 if not even one."""
        if self.free_bytes is None:
            return batch
        room = MEMORY_SHARE * self.free_bytes - bytes_of_weights(network)
        each = bytes_per_patch(network, patch, self.precision)
        while batch > 1 and batch * each > room:
            batch = -(-batch // 2)
        return batch if batch * each <= room else 0

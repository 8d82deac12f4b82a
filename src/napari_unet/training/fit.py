"""Train a network: a generator of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from napari_unet.device import choose_device, choose_precision, choose_threads, probe
from napari_unet.events import Event, ModelSaved, Started, ValidationRegions
from napari_unet.nets import UNet
from napari_unet.requests import TrainingRequest
from napari_unet.training.assembly import assemble
from napari_unet.training.held_out import HeldOut
from napari_unet.training.loop import Loop
from napari_unet.training.optimisation import torch_threads
from napari_unet.training.preparation import prepare, with_objects
from napari_unet.training.recording import Recorder
from napari_unet.training.schedule import Schedule
from napari_unet.training.sizing import settle_plan


def fit(request: TrainingRequest, stop: Callable[[], bool]) -> Iterator[Event]:
    """Train a network and save its best weights.

    Parameters
    ----------
    request : TrainingRequest
        What to learn from, and how.
    stop : callable
        Asked before every batch. Once it returns True the best weights so far are saved and the run ends.

    Yields
    ------
    Event
        ``Started``, ``ValidationRegions``, ``Before`` where a model is trained further, then ``TrainingStep``,
        ``Progress``, ``Validation``, ``ModelSaved`` and ``Notice`` as they come, and
        ``Finished``, whose summary holds ``steps``, ``seconds``, ``mean_dice`` and
        ``steps_per_second``.

    Raises
    ------
    InputError, AnnotationError
        If the request cannot be trained on.
    ModelFileError, StorageError, DeviceError, OutOfMemoryError, TrainingDivergedError
        If the model to start from, the output, the device or the training fails.
    """
    schedule = Schedule(request.settings.steps, request.settings.minutes)
    threads = choose_threads(request.settings.threads)
    with torch_threads(threads):
        request, notices = with_objects(request)
        preparation = prepare(request)
        report = probe(request.settings.device)
        device = choose_device(request.settings.device, report)
        precision = choose_precision(device, request.settings.precision)
        plan = settle_plan(request, preparation, device, precision, report)
        facts = plan.to_dict() | {
            "recipe": request.settings.recipe,
            "seed": request.settings.seed,
            "threads": threads,
            "device": device.type,
            "precision": str(precision).removeprefix("torch."),
            "steps": request.settings.steps,
            "minutes": None if request.settings.steps else request.settings.minutes,
        }
        yield Started(report.name, facts)
        yield from (*notices, *preparation.notices)
        split = preparation.split
        yield ValidationRegions(split.regions[: preparation.n_new], split.honest, split.reason)
        torch.manual_seed(request.settings.seed)
        parts = assemble(request, preparation, plan, device, precision)
        yield from parts.notices
        held_out = HeldOut(parts.reader, preparation.planes, split.regions)
        recorder = Recorder(request, preparation, UNet.from_settings(plan.network), facts)
        with parts.batches as batches:
            loop = Loop(
                request,
                schedule,
                parts.optimisation,
                batches,
                held_out,
                recorder,
                plan.learning_rate,
                stop,
                continues=parts.continues,
            )
            for event in loop.events():
                yield event
                if isinstance(event, ModelSaved):
                    yield from recorder.take_notices()

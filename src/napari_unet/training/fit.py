"""Train a network: a generator of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

import torch

from napari_unet.device import (
    choose_device,
    choose_precision,
    choose_threads,
    is_out_of_memory,
    release_memory,
)
from napari_unet.errors import OutOfMemoryError, TrainingDivergedError
from napari_unet.events import (
    Event,
    Finished,
    ModelSaved,
    Notice,
    Progress,
    Started,
    TrainingStep,
    Validation,
    ValidationRegions,
)
from napari_unet.images import IntensityStatistics
from napari_unet.nets import UNet, init_weights
from napari_unet.requests import TrainingRequest
from napari_unet.scores import Confusion
from napari_unet.settings import NetworkSettings
from napari_unet.training.augmentation import Augmentation
from napari_unet.training.batches import Batches
from napari_unet.training.held_out import HeldOut
from napari_unet.training.optimisation import Optimisation, torch_threads
from napari_unet.training.patches import PatchReader, PatchSampler
from napari_unet.training.preparation import Preparation, prepare
from napari_unet.training.recording import Recorder
from napari_unet.training.schedule import Schedule, annealed
from napari_unet.training.sizing import choose_plan

REPORT_SECONDS = 0.4
"""Pause between reports on the training loss."""

SAVE_SECONDS = 10.0
"""Pause between writing better weights while training goes on."""

PATIENCE = 20
STATISTICS_BATCHES = 8
"""Batches from which the averaged weights' batch norm statistics are taken."""

_NAMES = {
    "cpu": "the processor",
    "cuda": "the GPU (CUDA)",
    "mps": "the GPU (Metal)",
    "xpu": "the GPU (Intel)",
}


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
        ``Started``, ``ValidationRegions``, then ``TrainingStep``, ``Progress``, ``Validation``, ``ModelSaved`` and
        ``Notice`` as they come, and ``Finished``, whose summary holds ``steps``, ``seconds``, ``mean_dice`` and
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
        preparation = prepare(request)
        device = choose_device(request.settings.device)
        precision = choose_precision(device, request.settings.precision)
        parent = preparation.parent
        plan = choose_plan(
            request.settings,
            preparation.planes,
            preparation.n_channels,
            len(request.annotation.classes),
            device,
            parent.record.network if parent is not None else None,
        )
        facts = plan.to_dict() | {
            "recipe": request.settings.recipe,
            "seed": request.settings.seed,
            "threads": threads,
            "device": device.type,
            "precision": str(precision).removeprefix("torch."),
            "steps": request.settings.steps,
            "minutes": None if request.settings.steps else request.settings.minutes,
        }
        yield Started(device.type, facts)
        yield from preparation.notices
        split = preparation.split
        yield ValidationRegions(split.regions, split.honest, split.reason)
        torch.manual_seed(request.settings.seed)
        network, notice = _network(plan.network, preparation, request)
        if notice is not None:
            yield notice
        optimisation = Optimisation(network, request.settings.recipe, plan.learning_rate, device, precision)
        reader = PatchReader(request.images, _only_used(preparation), request.annotation, plan.network.ndim)
        sampler = PatchSampler(
            reader,
            request.images,
            request.annotation,
            preparation.planes,
            split.excluded,
            request.settings.seed,
        )
        held_out = HeldOut(reader, preparation.planes, split.regions)
        recorder = Recorder(request, preparation, UNet.from_settings(plan.network), facts)
        augmentation = Augmentation(request.settings.augmentation, device, request.settings.seed)
        with Batches(sampler, augmentation, network, plan.patch_size, plan.batch_size, device) as batches:
            run = _Run(request, schedule, optimisation, batches, held_out, recorder, plan.learning_rate, stop)
            yield from run.events()


class _Run:
    """The loop, and what it remembers."""

    def __init__(
        self,
        request: TrainingRequest,
        schedule: Schedule,
        optimisation: Optimisation,
        batches: Batches,
        held_out: HeldOut,
        recorder: Recorder,
        learning_rate: float,
        stop: Callable[[], bool],
    ) -> None:
        self.request = request
        self.schedule = schedule
        self.optimisation = optimisation
        self.batches = batches
        self.held_out = held_out
        self.recorder = recorder
        self.learning_rate = learning_rate
        self.stop = stop
        self.losses: list[float] = []
        self.last_report = self.last_save = monotonic()
        self.recent_loss: float | None = None
        self.validated_at = -1
        self.without_improvement = 0

    def events(self) -> Iterator[Event]:
        """Train to the end."""
        schedule = self.schedule
        stopped = False
        patience = self.request.settings.patience or PATIENCE
        schedule.begin()
        while not schedule.done:
            if stopped := self.stop():
                break
            yield from self._step()
            yield from self._report()
            if schedule.validation_due and not schedule.done:
                yield from self._validate()
                if self.without_improvement >= patience:
                    yield Notice(f"Training ended early: no improvement in {patience} validations.")
                    break
        training_seconds = schedule.elapsed
        yield from self._report(now=True)
        if not stopped and self.validated_at != schedule.step:
            yield from self._validate()
        if stopped and schedule.step and (not self.held_out or not self.recorder.has_weights):
            self._estimate()
            self.recorder.add(
                schedule.step, schedule.elapsed, self.recent_loss, self.optimisation.average.network, None
            )
        if not (stopped or self.recorder.has_weights):
            raise TrainingDivergedError(
                "Training gave no finite weights, so nothing was saved.",
                "Train again with a lower learning rate.",
            )
        path = None
        if self.recorder.has_weights:
            path = str(self.request.output)
            if not self.recorder.is_saved:
                yield ModelSaved(self.recorder.save())
        yield Progress(1.0, 0.0, "stopped" if stopped else "done")
        summary = {
            "steps": schedule.step,
            "seconds": round(schedule.elapsed, 2),
            "mean_dice": self.recorder.best_dice,
            "steps_per_second": round(schedule.step / max(training_seconds, 1e-9), 3),
        }
        yield Finished(stopped, path, summary)

    def _step(self) -> Iterator[Event]:
        """One step, in smaller batches if memory runs out."""
        optimisation, schedule = self.optimisation, self.schedule
        if optimisation.scheduler is None:
            optimisation.set_learning_rate(self.learning_rate * annealed(schedule.fraction))
        loss, full = None, False
        try:
            loss = optimisation.step(*self.batches.next())
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            full = True
        if full:  # outside of the except clause, which keeps tensors alive
            yield self._halve()
            return
        schedule.step += 1
        if loss is not None:
            self.losses.append(loss)
        elif optimisation.failed:
            optimisation.fall_back()
            yield Notice(
                "Training became unstable; it goes on from the last good weights in full precision.",
                "warning",
            )

    def _halve(self) -> Notice:
        batch = self.batches.batch_size
        self.optimisation.optimizer.zero_grad(set_to_none=True)
        release_memory(self.optimisation.device)
        if batch == 1:
            raise OutOfMemoryError(
                "There is not enough memory to train on a single patch.",
                "Choose a smaller patch or width under Advanced, or close other programs.",
            )
        self.batches.batch_size = batch // 2
        self.recorder.plan["batch_size"] = batch // 2
        return Notice(f"Memory is short: training goes on with {batch // 2} patches per step.", "warning")

    def _report(self, now: bool = False) -> Iterator[Event]:
        schedule = self.schedule
        if not self.losses or (not now and monotonic() - self.last_report < REPORT_SECONDS):
            return
        self.recent_loss = sum(self.losses) / len(self.losses)
        self.losses.clear()
        self.last_report = monotonic()
        yield TrainingStep(schedule.step, schedule.elapsed, self.recent_loss, self.optimisation.learning_rate)
        yield Progress(schedule.fraction, schedule.seconds_left, f"step {schedule.step}")

    def _estimate(self) -> None:
        optimisation = self.optimisation
        optimisation.average.estimate_statistics(self.batches.plain(STATISTICS_BATCHES), optimisation.forward)

    @torch.no_grad()
    def _score(self) -> tuple[float, Confusion] | None:
        optimisation = self.optimisation
        return self.held_out.score(
            optimisation.average.network,
            optimisation.forward,
            optimisation.criterion,
            optimisation.device,
            self.stop,
        )

    def _validate(self) -> Iterator[Event]:
        """Score the averaged weights, keep them if they are the best, and save them now and then."""
        schedule, recorder = self.schedule, self.recorder
        started = monotonic()
        self._estimate()
        scored = None
        if self.held_out:
            scored = self._score()
            if scored is None:  # stopped meanwhile
                return
        self.validated_at = schedule.step
        is_best = recorder.add(
            schedule.step, schedule.elapsed, self.recent_loss, self.optimisation.average.network, scored
        )
        if is_best:
            self.optimisation.mark_good()
        self.without_improvement = 0 if is_best else self.without_improvement + 1
        if scored is not None:
            loss, confusion = scored
            if self.optimisation.scheduler is not None:
                self.optimisation.scheduler.step(loss)
            values = self.request.annotation.values
            yield Validation(
                schedule.step,
                schedule.elapsed,
                loss,
                dict(zip(values, map(float, confusion.dice()), strict=True)),
                dict(zip(values, map(float, confusion.iou()), strict=True)),
                confusion.mean_dice(),
                is_best,
            )
        if not recorder.is_saved and monotonic() - self.last_save >= SAVE_SECONDS:
            yield ModelSaved(recorder.save())
            self.last_save = monotonic()
        schedule.validated(monotonic() - started)


def _network(
    settings: NetworkSettings, preparation: Preparation, request: TrainingRequest
) -> tuple[UNet, Notice | None]:
    """A fresh network, or the parent's; with other classes its output layer is new."""
    network = UNet.from_settings(settings)
    init_weights(network)
    if preparation.parent is None:
        return network, None
    weights = preparation.parent.network.state_dict()
    if preparation.parent.record.annotation.values == request.annotation.values:
        network.load_state_dict(weights)
        return network, None
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("outc.")}
    network.load_state_dict(kept, strict=False)
    return network, Notice(
        "The classes differ from those of the model to start from: "
        "its output layer starts anew, the rest is kept."
    )


def _only_used(preparation: Preparation) -> list[IntensityStatistics]:
    first = next(s for s in preparation.statistics if s is not None)
    return [s if s is not None else first for s in preparation.statistics]

"""The training loop: steps, reports, validations, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import monotonic

import torch

from napari_unet.device import is_out_of_memory, release_memory
from napari_unet.errors import TrainingDivergedError
from napari_unet.events import Before, Event, Finished, ModelSaved, Notice, Progress, TrainingStep, Validation
from napari_unet.requests import TrainingRequest
from napari_unet.training.batches import Batches
from napari_unet.training.decoding import settle_decoding
from napari_unet.training.held_out import HeldOut, Scored
from napari_unet.training.memory import halved
from napari_unet.training.optimisation import UNSTABLE, Optimisation
from napari_unet.training.recording import Recorder
from napari_unet.training.schedule import Schedule, annealed

REPORT_SECONDS = 0.4
"""Pause between reports on the training loss."""

SAVE_SECONDS = 10.0
"""Pause between writing better weights while training goes on."""

PATIENCE = 20
STATISTICS_BATCHES = 8
"""Batches from which the averaged weights' batch norm statistics are taken."""


class Loop:
    """Trains until the schedule, the user or a lack of improvement ends it.

    Parameters
    ----------
    request : TrainingRequest
        What was asked.
    schedule : Schedule
        When to validate and end.
    optimisation : Optimisation
        The network and how it steps.
    batches : Batches
        What it learns from.
    held_out : HeldOut
        What it is scored on; may be empty.
    recorder : Recorder
        Keeps and writes the best weights.
    learning_rate : float
        Largest, of the default recipe.
    stop : callable
        Asked before every batch.
    continues : bool
        Whether the network is a model that is trained further: it is scored before the first step.
    """

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
        *,
        continues: bool = False,
    ) -> None:
        self.continues = continues
        self.request = request
        self.schedule = schedule
        self.optimisation = optimisation
        self.batches = batches
        self.held_out = held_out
        self.recorder = recorder
        self.learning_rate = learning_rate
        self.stop = stop
        self.patches_per_step = batches.batch_size * optimisation.parts
        self.losses: list[float] = []  # since the last report
        self.losses_between: list[float] = []  # since the last validation
        self.last_report = self.last_save = monotonic()
        self.has_learned = False
        self.validated_at = -1
        self.without_improvement = 0

    def events(self) -> Iterator[Event]:
        """Train to the end; if something fails, the best weights are saved all the same."""
        try:
            yield from self._train()
        except Exception:  # whatever it is, it is raised again once what was learnt is safe
            if self.recorder.has_weights and not self.recorder.is_saved:
                self.recorder.save()
            raise

    def _train(self) -> Iterator[Event]:
        schedule = self.schedule
        stopped = False
        patience = self.request.settings.patience or PATIENCE
        if self.continues and self.held_out:
            yield from self._score_before()
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
            stopped = self.validated_at != schedule.step
        if stopped and self.has_learned and (not self.held_out or not self.recorder.has_weights):
            self._estimate()
            self.recorder.add(
                schedule.step, schedule.elapsed, self._loss_between(), self.optimisation.average.network, None
            )
        if not (stopped or self.recorder.has_weights):
            raise TrainingDivergedError(
                "Training gave no finite weights, so nothing was saved.",
                "Train again with a lower learning rate.",
            )
        path = None
        if not stopped:
            yield from self._settle_decoding()
        if self.recorder.has_weights:
            path = str(self.request.output)
            if not self.recorder.is_saved:
                yield ModelSaved(self.recorder.save())
        yield Progress(1.0, 0.0, "stopped" if stopped else "done")
        summary = {
            "steps": schedule.step,
            "seconds": round(schedule.elapsed, 2),
            "mean_dice": self.recorder.best_dice,
            **({} if self.recorder.before is None else {"mean_dice_before": self.recorder.before_dice}),
            **({} if self.recorder.best_ap is None else {"object_ap": self.recorder.best_ap}),
            "steps_per_second": round(schedule.step / max(training_seconds, 1e-9), 3),
        }
        yield Finished(stopped, path, summary)

    def _settle_decoding(self) -> Iterator[Event]:
        """Choose how the best weights' objects are found; nothing for other annotations."""
        weights = self.recorder.best_weights
        if self.request.annotation.kind != "objects" or not self.held_out or weights is None:
            return
        yield Progress(1.0, None, "choosing how objects are told apart")
        optimisation = self.optimisation
        network = optimisation.average.network
        network.load_state_dict(weights)
        with torch.no_grad():
            self.recorder.settle(
                settle_decoding(self.held_out, network, optimisation.forward, optimisation.device)
            )

    def _score_before(self) -> Iterator[Event]:
        """What the model that is trained further reaches on the same held-out regions."""
        scored = self._score()
        if scored is not None:
            self.recorder.before = scored
            _, confusion, ap = scored
            yield Before(*self._by_value(scored), confusion.mean_dice(), math.nan if ap is None else ap)

    def _by_value(self, scored: Scored) -> tuple[dict[int, float], dict[int, float]]:
        """Dice and IoU by class value."""
        values, confusion = self.request.annotation.values, scored.confusion
        dice, iou = (
            dict(zip(values, map(float, found), strict=True)) for found in (confusion.dice(), confusion.iou())
        )
        return dice, iou

    def _step(self) -> Iterator[Event]:
        """One step, in several smaller batches if memory runs out."""
        optimisation, schedule = self.optimisation, self.schedule
        if optimisation.scheduler is None:
            optimisation.set_learning_rate(self.learning_rate * annealed(schedule.fraction))
        loss, full = None, False
        try:
            for _ in range(optimisation.parts):
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
            self.has_learned = True
            self.losses.append(loss)
            self.losses_between.append(loss)
        elif optimisation.failed:
            optimisation.fall_back()
            yield Notice(UNSTABLE, "warning")

    def _halve(self) -> Notice:
        """Compute fewer patches at once, and take in more such batches per step, so that a step stays as good."""
        smaller, parts = halved(self.batches.batch_size, self.patches_per_step)
        self.optimisation.split(parts)
        release_memory(self.optimisation.device)
        self.batches.batch_size = smaller
        self.recorder.plan |= {"batch_size": smaller, "batches_per_step": parts}
        return Notice(
            f"Memory is short: training goes on with {smaller} patches at once, {parts} times per step.",
            "warning",
        )

    def _report(self, now: bool = False) -> Iterator[Event]:
        schedule = self.schedule
        if not self.losses or (not now and monotonic() - self.last_report < REPORT_SECONDS):
            return
        loss = _mean(self.losses)
        self.losses.clear()
        self.last_report = monotonic()
        yield TrainingStep(schedule.step, schedule.elapsed, loss, self.optimisation.learning_rate)
        yield Progress(schedule.fraction, schedule.seconds_left, f"step {schedule.step}")

    def _estimate(self) -> None:
        optimisation = self.optimisation
        optimisation.average.estimate_statistics(self.batches.plain(STATISTICS_BATCHES), optimisation.forward)

    @torch.no_grad()
    def _score(self) -> Scored | None:
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
        if not self.has_learned:  # no step had finite numbers: there is nothing to keep
            self.validated_at = schedule.step
            return
        started = monotonic()
        self._estimate()
        scored = None
        if self.held_out:
            scored = self._score()
            if scored is None:  # stopped meanwhile
                return
        self.validated_at = schedule.step
        is_best = recorder.add(
            schedule.step, schedule.elapsed, self._loss_between(), self.optimisation.average.network, scored
        )
        if is_best:
            self.optimisation.mark_good()
        self.without_improvement = 0 if is_best else self.without_improvement + 1
        if scored is not None:
            loss, confusion, ap = scored
            if self.optimisation.scheduler is not None:
                self.optimisation.scheduler.step(loss)
            yield Validation(
                schedule.step,
                schedule.elapsed,
                loss,
                *self._by_value(scored),
                confusion.mean_dice(),
                is_best,
                math.nan if ap is None else ap,
            )
        if not recorder.is_saved and monotonic() - self.last_save >= SAVE_SECONDS:
            yield ModelSaved(recorder.save())
            self.last_save = monotonic()
        schedule.validated(monotonic() - started)

    def _loss_between(self) -> float | None:
        """Mean training loss since the last validation."""
        loss = _mean(self.losses_between) if self.losses_between else None
        self.losses_between.clear()
        return loss


def _mean(losses: list[float]) -> float:
    return sum(losses) / len(losses)

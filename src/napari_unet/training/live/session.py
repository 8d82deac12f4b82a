"""A live run: strokes come in, the network learns, what is looked at is predicted again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import inf, isinf, nan
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

import torch

from napari_unet.events import Event, Finished, LiveState, ModelSaved, Notice
from napari_unet.images import Normalisation
from napari_unet.models.files import Model, load_model
from napari_unet.models.starter import starter_for
from napari_unet.nets import UNet
from napari_unet.requests import Changed, Keep, LiveRequest, Looking, Painted, Renamed, WhereNext
from napari_unet.training.live.learner import Learner, check_planar, new_network, with_classes
from napari_unet.training.live.pixels import alike
from napari_unet.training.live.sampler import LiveSampler
from napari_unet.training.live.saving import LiveFile
from napari_unet.training.live.showing import Showing
from napari_unet.training.live.teacher import Teacher
from napari_unet.training.optimisation import UNSTABLE
from napari_unet.training.preparation import check_parent

WIDTH = {"cpu": 16, "gpu": 32}
State = Literal["waiting", "learning", "resting"]

SLICE = 0.25
"""Seconds of learning between two looks at what is new."""

SAVE_EVERY = 15.0
"""Seconds between two savings of the model."""


class LiveSession:
    """What a live run knows."""

    def __init__(
        self,
        request: LiveRequest,
        device: torch.device,
        precision: torch.dtype,
        stop: Callable[[], bool],
        inbox: SimpleQueue[Any],
    ) -> None:
        self._request, self._stop, self._inbox = request, stop, inbox
        self._annotation = request.annotation
        self._share = request.settings.processor_share
        parent = load_model(request.start_from) if request.start_from is not None else None
        if parent is not None:
            check_parent(parent.record, request.images[0])
            check_planar(parent.record)
        self._normalisation = parent.record.normalisation if parent is not None else Normalisation()
        self._statistics = [self._normalisation.statistics(image) for image in alike(request.images)]
        self._file = LiveFile(request, parent)
        self._sampler = LiveSampler(
            request.images,
            self._statistics,
            request.annotation,
            request.settings.seed,
            self._file.rehearsal.used,
        )
        self._is_asked = False
        self._copies: list[Path] = []
        starter = self._starter()
        self._teacher = self._new_teacher(starter, device, precision) if self._file.is_taught else None
        network = self._starting_network(parent, starter, device)
        self._learner = Learner(
            self._sampler,
            request.annotation,
            network,
            device,
            precision,
            request.settings.seed,
            self._teacher,
            waits=parent is None,
        )
        self._showing = Showing(request.images, self._statistics, self._learner, request.settings.seed)
        self._painted_at = self._saved_at = time.monotonic()
        self._kept_at = -inf  # what was learnt from, beside the model

    def events(self) -> Iterator[Event]:
        """The run."""
        state: tuple[State, dict[int, int]] | None = None
        told = False
        yield from self._file.rehearsal.notices
        with self._learner:
            while not self._stop():
                began = time.monotonic()
                self._hear()
                ready = sum(n > 0 for n in self._sampler.class_counts) > 1
                calm = began - self._painted_at > self._request.settings.rest_after
                resting = ready and calm and self._learner.steps > 0  # a teacher may take its time
                now: State = "waiting" if not ready else "resting" if resting else "learning"
                loss = self._learner.learn(SLICE, self._has_news) if now == "learning" else nan
                if self._learner.has_fallen_back and not told:
                    told = True
                    yield Notice(UNSTABLE, "warning")
                before, state = state, (now, self._sampler.counts)
                if now == "learning" or state != before:
                    yield LiveState(now, self._learner.steps, loss, state[1])
                busy = ready and (yield from self._showing.events(self._has_news, resting=resting))
                if self._is_asked and self._showing.has_network:
                    self._is_asked = False
                    yield from self._showing.suggest(self._sampler.painted())
                yield from self._save(ready, now=resting)
                if resting:
                    yield from self._keep_examples()
                if now == "learning" or busy:
                    self._pause(time.monotonic() - began)
                else:
                    self._wait()
            path = None
            self._hear()  # what was painted last
            if self._learner.steps:
                yield from self._save(True, now=True)
                yield from self._keep_examples()
                path = str(self._request.output)
        yield Finished(stopped=True, model_path=path, summary={"steps": self._learner.steps})

    # To begin with

    def _starter(self) -> UNet | None:
        request = self._request
        if not request.settings.starter:
            return None
        torch.manual_seed(request.settings.seed)  # of its output layer
        return starter_for(request.images[0].n_channels, len(request.annotation.classes))

    def _new_teacher(self, starter: UNet | None, device: torch.device, precision: torch.dtype) -> Teacher:
        images, seed = self._request.images, self._request.settings.seed
        return Teacher(images, self._statistics, self._sampler.class_places, starter, device, precision, seed)

    def _starting_network(self, parent: Model | None, starter: UNet | None, device: torch.device) -> UNet:
        request, settings = self._request, self._request.settings
        if parent is None and starter is not None and settings.width is None:
            return starter
        if parent is None:
            width = settings.width or WIDTH["cpu" if device.type == "cpu" else "gpu"]
            n_channels, n_classes = request.images[0].n_channels, len(request.annotation.classes)
            return new_network(n_channels, n_classes, width, settings.seed)
        known, finds_objects = parent.record.strokes, parent.record.network.outputs == "borders"
        if finds_objects and not settings.objects:
            known = None  # strokes of the same values mean something else
        return with_classes(parent.network, known, request.annotation)

    # Messages

    def _has_news(self) -> bool:
        return self._stop() or not self._inbox.empty()

    def _hear(self) -> None:
        """Take in every message there is."""
        while not self._inbox.empty():
            self._take(self._inbox.get())

    def _take(self, message: Any) -> None:
        if isinstance(message, Painted):
            self._sampler.paint(message.image, message.region, message.labels)
            if self._teacher is not None:
                self._teacher.correct(message.image, message.region)
            self._learner.weigh()
            self._painted_at = time.monotonic()
            self._showing.renew()
        elif isinstance(message, Looking):
            self._showing.look(message.image, message.region)
            if self._teacher is not None:
                self._teacher.look(message.image, message.region)
        elif isinstance(message, Renamed):
            if message.annotation.values != self._annotation.values:
                self._showing.forget()
            self._annotation = message.annotation
            self._file.touch()
            self._sampler.use(message.annotation)
            self._learner.use(message.annotation)
            self._learner.weigh()
            self._showing.renew()
        elif isinstance(message, WhereNext):
            self._is_asked = True
        elif isinstance(message, Keep):
            self._copies.append(message.path)
        elif isinstance(message, Changed):
            self._share = message.settings.processor_share
            self._file.as_objects = message.settings.objects
            self._file.touch()

    def _wait(self, seconds: float = 0.1) -> None:
        """Do nothing until there is something to do, or a moment has passed."""
        try:
            self._take(self._inbox.get(timeout=max(0.0, seconds)))
        except Empty:
            return

    def _pause(self, seconds: float) -> None:
        """Leave the processor to others after ``seconds`` of work, and listen meanwhile."""
        until = time.monotonic() + seconds * (1 / self._share - 1)
        while time.monotonic() < until and not self._stop():
            self._wait(min(0.1, until - time.monotonic()))

    def _save(self, ready: bool, *, now: bool) -> Iterator[Event]:
        due = now or time.monotonic() - self._saved_at > SAVE_EVERY
        if ready and due and self._learner.steps and self._file.is_behind(self._learner.steps):
            yield self._write(None)
            if isinf(self._kept_at):  # what is begun anew from this file has to find them
                yield from self._keep_examples()
            self._saved_at = time.monotonic()
        while self._copies and self._learner.steps:
            path = self._copies.pop(0)
            yield self._write(path)
            yield from self._keep_examples(path)

    def _keep_examples(self, path: Path | None = None) -> Iterator[Event]:
        """Write what was painted since it was last written beside the model, or all of it beside a copy."""
        if path is None and (self._kept_at >= self._painted_at or not self._learner.steps):
            return
        learnt = self._sampler.learnt(self._file.hashes)
        yield from self._file.keep_examples(learnt, self._annotation, path)
        if path is None:
            self._kept_at = time.monotonic()

    def _write(self, path: Path | None) -> ModelSaved:
        learner = self._learner
        learner.shown()  # batch norm's statistics for the weights as they are
        painted = self._sampler.painted()
        self._file.save(learner.network, self._annotation, learner.steps, self._normalisation, painted, path)
        return ModelSaved(str(path or self._request.output))

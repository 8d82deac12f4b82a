"""A live run: strokes come in, the network learns, what is looked at is predicted again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from math import inf, isinf, nan
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unet.events import (
    Box,
    Event,
    Finished,
    LiveState,
    ModelSaved,
    Notice,
    Preview,
    Suggestion,
)
from napari_unet.images import Normalisation
from napari_unet.inference.tiled import TiledNetwork
from napari_unet.models.files import load_model
from napari_unet.models.starter import read_starter
from napari_unet.requests import Changed, Keep, LiveRequest, Looking, Painted, Renamed, WhereNext
from napari_unet.training.live.learner import Learner, check_planar, new_network, with_classes
from napari_unet.training.live.pixels import alike, answer_of, read_normalised
from napari_unet.training.live.previews import Piece, Previews
from napari_unet.training.live.sampler import LiveSampler
from napari_unet.training.live.saving import LiveFile
from napari_unet.training.live.suggestions import Suggestions
from napari_unet.training.optimisation import UNSTABLE
from napari_unet.training.preparation import check_parent

WIDTH = {"cpu": 16, "gpu": 32}
State = Literal["waiting", "learning", "resting"]

SLICE = 0.25
"""Seconds of learning between two looks at what is new."""

SHOW_EVERY = 0.7
"""Seconds from one prediction of what is in view to the next, while nothing new is painted."""

CALM = 3.0
"""Seconds without anything painted after which a prediction may take longer, to know better where it is not sure."""

AROUND = 0.3
"""Part of the time that is spent on what is not in view."""

SAVE_EVERY = 15.0
"""Seconds between two savings of the model."""

LOOKED_AT, SEARCH_SECONDS = 24, 1.0
"""Parts anywhere in the images that are looked at to say where a label would help, and for how long at most."""


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
        shapes = [image.label_shape for image in request.images]
        self._previews = Previews(shapes)
        self._suggestions = Suggestions(shapes, request.settings.seed)
        self._is_asked = False
        self._copies: list[Path] = []
        self._starter = read_starter() if parent is None and request.settings.starter else None
        if parent is not None:
            known, finds_objects = parent.record.strokes, parent.record.network.outputs == "borders"
            if finds_objects and not request.settings.objects:
                known = None  # strokes of the same values mean something else
            network = with_classes(parent.network, known, request.annotation)
        elif self._starter is not None:
            network = self._starter.network_for(request.images[0].n_channels, len(request.annotation.classes))
        else:
            width = request.settings.width or WIDTH["cpu" if device.type == "cpu" else "gpu"]
            n_channels = request.images[0].n_channels
            network = new_network(n_channels, len(request.annotation.classes), width, request.settings.seed)
        self._learner = Learner(
            self._sampler, request.annotation, network, device, precision, request.settings.seed
        )
        self._shown: TiledNetwork | None = None
        self._shown_step = -1
        self._painted_at = self._shown_at = self._saved_at = time.monotonic()
        self._kept_at = -inf  # what was learnt from, beside the model
        self._is_new = False

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
                resting = ready and began - self._painted_at > self._request.settings.rest_after
                now: State = "waiting" if not ready else "resting" if resting else "learning"
                if now == "learning" and self._starter is not None and not self._learner.steps:
                    self._learner.solve_output(self._starter)
                loss = self._learner.learn(SLICE, self._has_news) if now == "learning" else nan
                if self._learner.has_fallen_back and not told:
                    told = True
                    yield Notice(UNSTABLE, "warning")
                before, state = state, (now, self._sampler.counts)
                if now == "learning" or state != before:
                    yield LiveState(now, self._learner.steps, loss, state[1])
                busy = yield from self._predict(ready, resting)
                if self._is_asked:
                    yield from self._suggest()
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
            self._learner.weigh()
            self._painted_at = time.monotonic()
            self._is_new = True
        elif isinstance(message, Looking):
            self._previews.look(message.image, message.region)
        elif isinstance(message, Renamed):
            if message.annotation.values != self._annotation.values:
                self._shown = None  # its outputs are not these classes
            self._annotation = message.annotation
            self._file.touch()
            self._sampler.use(message.annotation)
            self._learner.use(message.annotation)
            self._learner.weigh()
            self._is_new = True
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

    # Predictions

    def _predict(self, ready: bool, resting: bool) -> Generator[Event, None, bool]:
        """Predict what is in view if that is due, then what is around it; returns whether anything was."""
        if not ready or not self._learner.steps or not self._previews.is_looking:
            return False
        now = time.monotonic()
        is_newer = self._learner.steps > self._shown_step
        if self._shown is None or (
            is_newer and (self._is_new or now - self._shown_at > SHOW_EVERY or resting)
        ):
            self._shown = self._learner.shown(quickly=now - self._painted_at < CALM)
            self._shown_step = self._learner.steps
            self._shown_at, self._is_new = now, False
        found, until = False, now
        while (
            piece := self._previews.next(
                self._shown_step, in_view_only=found and not resting and time.monotonic() > until
            )
        ) is not None:
            yield from self._preview(piece)
            if piece.in_view or not found:
                until = time.monotonic() + SLICE * AROUND / (1 - AROUND)
            found = True
            if self._has_news():
                break
        return found

    def _preview(self, piece: Piece) -> Iterator[Event]:
        for core, labels, doubt in self._answers(piece.image, piece.position, piece.region):
            box = (*((at, at + 1) for at in piece.position), *core)
            sides = tuple(high - low for low, high in box)
            yield Preview(piece.image, box, labels.reshape(sides), doubt.reshape(sides), self._shown_step)
        self._previews.done(piece, self._shown_step)

    def _answers(
        self, image: int, position: tuple[int, ...], region: Box
    ) -> Iterator[tuple[Box, NDArray[np.integer[Any]], NDArray[np.uint8]]]:
        """Class values and their doubt, core by core, of a region of a plane."""
        if self._shown is None:
            return
        read = partial(read_normalised, self._request.images[image], self._statistics[image], position)
        shape = self._request.images[image].label_shape[-2:]
        for item in self._shown.logits(read, shape, region):
            if not isinstance(item, Notice):
                core, logits = item
                labels, doubt = answer_of(logits, self._annotation.values)
                self._suggestions.note(image, position, core, doubt)
                yield core, labels, doubt

    def _suggest(self) -> Iterator[Event]:
        """Say where a label would help most, once there is a network to ask."""
        if self._shown is None:
            return
        self._is_asked = False
        until = time.monotonic() + SEARCH_SECONDS
        for part in self._suggestions.unknown(LOOKED_AT):
            if time.monotonic() < until:
                for _ in self._answers(*part):
                    pass  # its doubt is noted
        place = self._suggestions.best(self._sampler.painted())
        if place is not None:
            yield Suggestion(place.image, (*map(float, place.position), *place.point))

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

"""What a live run shows: predictions of what is looked at, as they get better, and where a label would help."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box, Event, Notice, Preview, Suggestion
from napari_unet.images import Image, IntensityStatistics
from napari_unet.inference.tiled import TiledNetwork
from napari_unet.training.live.learner import Learner
from napari_unet.training.live.pixels import answer_of, read_normalised
from napari_unet.training.live.previews import Piece, Previews
from napari_unet.training.live.suggestions import Suggestions

SHOW_EVERY = 0.7
"""Seconds from one prediction of what is in view to the next, while nothing new is painted."""

LOOKING = 0.25
"""Part of the time that is spent on what is in view at most, while nothing new is painted: a large view takes long."""

CALM = 3.0
"""Seconds without anything painted after which a prediction may take longer, to know better where it is not sure."""

AROUND = 0.1
"""Seconds that are spent on what is not in view, between two slices of learning."""

LOOKED_AT, SEARCH_SECONDS = 24, 1.0
"""Parts anywhere in the images that are looked at to say where a label would help, and for how long at most."""


class Showing:
    """Predicts with the network as it is.

    Parameters
    ----------
    images, statistics : sequence of Image, sequence of IntensityStatistics
        What is painted on.
    learner : Learner
        Whose network it is.
    seed : int
        Start of the random numbers.
    """

    def __init__(
        self,
        images: Sequence[Image],
        statistics: Sequence[IntensityStatistics],
        learner: Learner,
        seed: int,
    ) -> None:
        self._images, self._statistics, self._learner = images, statistics, learner
        shapes = [image.label_shape for image in images]
        self._previews = Previews(shapes)
        self._suggestions = Suggestions(shapes, seed)
        self._network: TiledNetwork | None = None
        self._step = 0
        self._shown_at = self._painted_at = time.monotonic()
        self._every = SHOW_EVERY
        self._is_new = False

    def look(self, image: int, region: Box) -> None:
        """Somebody looks at this region, in label axes."""
        self._previews.look(image, region)
        self._every = SHOW_EVERY

    def renew(self) -> None:
        """Something was painted: what is in view is predicted as soon as that is learnt."""
        self._painted_at, self._is_new = time.monotonic(), True

    def forget(self) -> None:
        """The classes are others: what the last network shown says means something else."""
        self._network, self._step = None, self._learner.steps

    def events(self, interrupted: Callable[[], bool], *, resting: bool) -> Generator[Event, None, bool]:
        """Predict what is in view if that is due, then what is around it; returns whether anything was."""
        if not self._previews.is_looking:
            return False
        now = time.monotonic()
        self._take(now, resting=resting)
        if self._network is None:
            return False
        found, until = False, now
        while (
            piece := self._previews.next(
                self._step, in_view_only=found and not resting and time.monotonic() > until
            )
        ) is not None:
            yield from self._preview(piece)
            if piece.in_view or not found:
                until = time.monotonic() + AROUND
            if piece.in_view:
                self._every = max(SHOW_EVERY, (time.monotonic() - now) / LOOKING)
            found = True
            if interrupted():
                break
        return found

    def suggest(self, painted: list[list[NDArray[np.int32]]]) -> Iterator[Event]:
        """Say where a label would help most; nothing before there is a network to ask."""
        until = time.monotonic() + SEARCH_SECONDS
        for part in self._suggestions.unknown(LOOKED_AT):
            if time.monotonic() < until:
                for _ in self._answers(*part):
                    pass  # its doubt is noted
        place = self._suggestions.best(painted)
        if place is not None:
            yield Suggestion(place.image, (*map(float, place.position), *place.point))

    @property
    def has_network(self) -> bool:
        """Whether anything could be predicted by now."""
        return self._network is not None

    def _take(self, now: float, *, resting: bool) -> None:
        """Take the network as it is, if that is due."""
        is_newer = self._learner.steps > self._step
        is_due = self._is_new or now - self._shown_at > self._every or resting
        if is_newer and (self._network is None or is_due):
            self._network = self._learner.shown(quickly=now - self._painted_at < CALM)
            self._step, self._shown_at, self._is_new = self._learner.steps, now, False

    def _preview(self, piece: Piece) -> Iterator[Event]:
        for core, labels, doubt in self._answers(piece.image, piece.position, piece.region):
            box = (*((at, at + 1) for at in piece.position), *core)
            sides = tuple(high - low for low, high in box)
            yield Preview(piece.image, box, labels.reshape(sides), doubt.reshape(sides), self._step)
        self._previews.done(piece, self._step)

    def _answers(
        self, image: int, position: tuple[int, ...], region: Box
    ) -> Iterator[tuple[Box, NDArray[np.integer[Any]], NDArray[np.uint8]]]:
        """Class values and their doubt, core by core, of a region of a plane."""
        if self._network is None:
            return
        read = partial(read_normalised, self._images[image], self._statistics[image], position)
        shape = self._images[image].label_shape[-2:]
        for item in self._network.logits(read, shape, region):
            if not isinstance(item, Notice):
                core, logits = item
                labels, doubt = answer_of(logits, self._learner.annotation.values)
                self._suggestions.note(image, position, core, doubt)
                yield core, labels, doubt

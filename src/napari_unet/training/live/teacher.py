"""What is known at once from a few strokes teaches the network where nothing is painted.

A few thousand painted pixels say little to a network of a million weights. Small networks on features that are known
beforehand (:mod:`~napari_unet.training.live.areas`) need no more of them; what they answer is learnt beside the
strokes, and the network soon does better than they do: it sees further, and does not repeat what is chance in them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import hypot

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unet.events import Box
from napari_unet.images import Image, IntensityStatistics
from napari_unet.nets import UNet
from napari_unet.training.live.areas import SIDE, Area, Features, by_area
from napari_unet.training.live.committee import deal
from napari_unet.training.live.filters import restained
from napari_unet.training.live.guided import guided_filter
from napari_unet.training.live.panel import Lesson, Panel
from napari_unet.training.patches import grid_cells

MORE, MOST = 4, 24
"""Areas that are taken in at a time, and that are known at most."""

MEMORY = 512 << 20
"""Bytes for features, which may mean fewer areas."""

PIXELS = 6000
"""Painted pixels that are learnt from at most, of all classes; chosen at random."""

NEAR = 32
"""Pixels around something painted where what was answered before is not taught any more."""

CELL = 16
"""Side of the parts of the image that strokes are dealt to folds by."""

GRID = (MOST, 1 << 20, 1 << 20)
"""More of them than there are."""

SPARSE = 8
"""Every so many-th pixel of an area tells how much features vary."""

PAUSE, PATIENCE = 4.0, 4.0
"""What is painted is taken in anew after so many seconds, and after so many times what that took last."""

Places = Sequence[Sequence[tuple[int, NDArray[np.int32]]]]
"""For each class, images and positions (n, number of axes) that are painted."""


class Teacher:
    """Answers for areas around what is painted; the answers may be read from another thread.

    Parameters
    ----------
    images, statistics : sequence of Image, sequence of IntensityStatistics
        What is painted on.
    painted : callable
        Returns the positions that are painted by now, for each class.
    starter : UNet, optional
        Features beside those of filters.
    device, precision : torch.device, torch.dtype
        Where, and in which number format features are found.
    seed : int
        Start of the random numbers.

    Attributes
    ----------
    shares : ndarray of float64, (K,), or None
        How much each class is taken to cover; 0 for those that are not painted. ``None`` before there are answers.
    """

    def __init__(
        self,
        images: Sequence[Image],
        statistics: Sequence[IntensityStatistics],
        painted: Callable[[], Places],
        starter: UNet | None,
        device: torch.device,
        precision: torch.dtype,
        seed: int,
    ) -> None:
        self._shapes = [image.label_shape for image in images]
        self._most = MOST
        self._features = Features(images, statistics, starter, device, precision)
        self._painted, self._device, self._seed = painted, device, seed
        self._known: dict[Area, tuple[Tensor, ...]] = {}
        self._answers: dict[Area, NDArray[np.float16]] = {}
        self._view: tuple[int, tuple[int, ...], Box] | None = None
        self._work: Iterator[None] | None = None
        self._is_stale, self._is_complete = False, True
        self._took, self._done_at = 0.0, -np.inf
        self.shares: NDArray[np.float64] | None = None

    def look(self, image: int, region: Box) -> None:
        """Somebody looks at this region, in label axes: what is there is answered too."""
        self._view = image, tuple(low for low, _ in region[:-2]), region[-2:]
        if self._answers and not all(area in self._answers for area in self._in_view()):
            self._is_complete = False

    def correct(self, image: int, region: Box) -> None:
        """Something is painted in a region, in label axes: what was answered around it may be what was wrong."""
        self._is_stale = True
        position = tuple(low for low, _ in region[:-2])
        near = tuple((low - NEAR, high + NEAR) for low, high in region[-2:])
        for cell in grid_cells(near, SIDE, self._shapes[image][-2:]):
            answer = self._answers.get(Area(image, position, *cell.at))
            if answer is not None:
                answer[(slice(None), *cell.of)] = 0

    def hurry(self) -> None:
        """Do not wait: there are strokes of a class that is not known yet."""
        self._done_at = -np.inf

    def forget(self) -> None:
        """The classes are others: answers mean nothing any more."""
        self._answers, self.shares, self._work, self._is_stale = {}, None, None, True
        self.hurry()

    @property
    def is_ready(self) -> bool:
        """Whether there are answers."""
        return bool(self._answers)

    @property
    def is_busy(self) -> bool:
        """Whether something painted is being taken in."""
        return self._work is not None

    def areas(self) -> list[Area]:
        """Those that are answered."""
        return list(self._answers)

    def work(self, seconds: float, interrupted: Callable[[], bool]) -> bool:
        """Go on for so long with taking in what is painted, if that is due; returns whether it is done by now."""
        if self._work is None:
            waited = time.monotonic() - self._done_at
            is_due = self._is_stale or not self._is_complete
            if not is_due or waited < max(PAUSE, PATIENCE * self._took):
                return False
            self._is_stale, self._took = False, 0.0
            self._work = self._take_in()
        began = time.monotonic()
        try:
            next(self._work)
            while time.monotonic() - began < seconds and not interrupted():
                next(self._work)
        except StopIteration:
            self._work, self._done_at = None, time.monotonic()
            return True
        finally:
            self._took += time.monotonic() - began
        return False

    def answers(
        self, image: int, position: tuple[int, ...], region: Box, n_classes: int
    ) -> NDArray[np.float32]:
        """Probabilities (n_classes, *size) of a region that may reach beyond the plane; all 0 where not known."""
        found = np.zeros((n_classes, *(high - low for low, high in region)), np.float32)
        answers = self._answers
        for cell in grid_cells(region, SIDE, self._shapes[image][-2:]):
            answer = answers.get(Area(image, position, *cell.at))
            if answer is not None and len(answer) == n_classes:
                found[(slice(None), *cell.to)] = answer[(slice(None), *cell.of)]
        return found

    # One round

    def _take_in(self) -> Iterator[None]:
        """Find features, fit to what is painted, answer; in parts that take a moment each."""
        random = np.random.default_rng(self._seed)
        places = [by_area(painted, PIXELS, random) for painted in self._painted()]
        if sum(map(bool, places)) < 2:
            return
        wanted = self._wanted(places)
        missing = [area for area in wanted if area not in self._known]
        self._is_complete = len(missing) <= MORE
        if not self._known:
            yield from self._features.adapt(missing[:MORE])
        known = {area: self._known[area] for area in wanted if area in self._known}
        for area in missing[:MORE]:
            known[area] = self._features.of(area)
            self._most = min(MOST, max(MORE, MEMORY // sum(kind.nbytes for kind in known[area])))
            yield
        self._known = known
        present, lesson = self._lesson(places, random)
        n_classes = len(places)
        del places  # which may be large
        if len(present) < 2:
            return
        panel = Panel(lesson, self._seed, (restained, None)[: len(lesson.kinds)])
        yield from panel.fit()
        found = {}
        for area, kinds in known.items():
            found[area] = panel.probabilities([kind.flatten(1).T.float() for kind in kinds])
            yield
        mean = torch.cat(list(found.values())).mean(0)
        shares = panel.shares(mean)
        factor = torch.from_numpy(shares).float().to(mean.device)
        answers = {}
        for area, answer in found.items():
            full = np.zeros((n_classes, *known[area][0].shape[1:]), np.float16)
            weighed = (answer * factor / (answer @ factor)[:, None]).T.reshape(-1, *full.shape[1:])
            full[present] = guided_filter(self._features.guide(area), weighed).cpu()
            answers[area] = full
            yield
        self._answers = answers
        self.shares = np.zeros(n_classes)
        self.shares[present] = shares

    def _wanted(self, places: Sequence[dict[Area, NDArray[np.int32]]]) -> list[Area]:
        """Areas to know: for each class the one with most of it, what is painted in view, then elsewhere, the view."""
        counts: Counter[Area] = Counter()
        best: list[Area] = []
        for painted in places:
            of_class = Counter({area: len(positions) for area, positions in painted.items()})
            counts += of_class
            best += [area for area, _ in of_class.most_common(1)]
        by_count, view = [area for area, _ in counts.most_common()], self._in_view()
        seen = set(view)
        return list(dict.fromkeys([*best, *filter(seen.__contains__, by_count), *by_count, *view]))[
            : self._most
        ]

    def _in_view(self) -> list[Area]:
        """Areas that are looked at, those in the middle first."""
        if self._view is None:
            return []
        image, position, region = self._view
        rows, columns = (range(low // SIDE, -(-high // SIDE)) for low, high in region)
        middle = [(low + high) / 2 / SIDE - 0.5 for low, high in region]
        areas = [Area(image, position, row, column) for row in rows for column in columns]
        return sorted(areas, key=lambda area: hypot(area.row - middle[0], area.column - middle[1]))

    def _lesson(
        self, places: Sequence[dict[Area, NDArray[np.int32]]], random: np.random.Generator
    ) -> tuple[list[int], Lesson]:
        """Features of painted pixels in areas that are known, and which classes they are of."""
        kinds: list[list[Tensor]] = [[] for _ in next(iter(self._known.values()))]
        present = [index for index, painted in enumerate(places) if painted.keys() & self._known.keys()]
        classes, cells = [], []
        for number, index in enumerate(present):
            here = {area: places[index][area] for area in self._known if area in places[index]}
            share = PIXELS / len(present) / sum(map(len, here.values()))
            for area, pixels in here.items():
                chosen = pixels
                if share < 1:
                    chosen = random.choice(pixels, max(1, round(share * len(pixels))), replace=False)
                at = torch.from_numpy(chosen.astype(np.int64) % SIDE).to(self._device)
                for kind, features in zip(kinds, self._known[area], strict=True):
                    kind.append(features[:, at[:, 0], at[:, 1]].T.float())
                classes.append(np.full(len(chosen), number))
                rows, columns = (chosen // CELL).T
                where = np.full_like(rows, list(self._known).index(area))
                cells.append(np.ravel_multi_index((where, rows, columns), GRID))
        merged = np.concatenate(classes)
        folds = deal(np.concatenate(cells), merged)
        every = [
            torch.cat([features[:, ::SPARSE, ::SPARSE].flatten(1) for features in of_kind], dim=1)
            for of_kind in zip(*self._known.values(), strict=True)
        ]
        return present, Lesson(
            tuple(torch.cat(kind) for kind in kinds),
            torch.from_numpy(merged).to(self._device),
            torch.from_numpy(folds).to(self._device),
            tuple(features.float().std(1, correction=0) for features in every),
        )

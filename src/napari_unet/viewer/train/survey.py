"""What is painted: values and pixels of every annotation, counted off the GUI thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_unet.errors import UNetError
from napari_unet.images import ArrayLike
from napari_unet.labels import KindGuess, LabelSummary, infer_kind, summarize_labels
from napari_unet.viewer.train.strokes import count_strokes

_BLOCK = 1 << 20
_TABLE = 1 << 16
_SPARSE = 0.25
"""Painted fraction of the pixels up to which labels can be scribbles."""


@dataclass(frozen=True)
class Survey:
    """What all annotations together hold.

    Attributes
    ----------
    counts : dict
        Pixels by value as painted, 0 included.
    strokes : dict
        Connected pieces by value, of annotations so sparse that they can be scribbles.
    guess : KindGuess
        What the labels probably mean.
    error : str
        Why they could not be read; empty if they could.
    """

    counts: dict[int, int] = field(default_factory=dict)
    strokes: dict[int, int] = field(default_factory=dict)
    guess: KindGuess = field(default_factory=lambda: KindGuess(None, ""))
    error: str = ""


@dataclass(frozen=True)
class _Counted:
    counts: dict[int, int]
    strokes: dict[int, int]
    summary: LabelSummary


def count_values(labels: ArrayLike, cancelled: Callable[[], bool] = lambda: False) -> dict[int, int]:
    """Count the pixels of every value, reading a million pixels at a time.

    Parameters
    ----------
    labels : ArrayLike of int or bool
        Any shape.
    cancelled : callable
        Asked between blocks; counting ends early once it says so.
    """
    counts: Counter[int] = Counter()
    for block in _blocks(labels):
        if cancelled():
            break
        flat = block.ravel()
        if flat.size == 0:
            continue
        if flat.dtype == bool:
            flat = flat.view(np.uint8)
        if flat.min() >= 0 and flat.max() < _TABLE:
            pixels = np.bincount(flat)
            counts.update({int(v): int(pixels[v]) for v in np.flatnonzero(pixels)})
        else:
            values, pixels = np.unique(flat, return_counts=True)
            counts.update(dict(zip(values.tolist(), pixels.tolist(), strict=True)))
    return dict(sorted(counts.items()))


class Surveyor(QObject):
    """Counts annotations in one background thread; of several requests only the last is answered.

    Signals
    -------
    surveyed(Survey)
        On the GUI thread.
    """

    surveyed = Signal(object)
    _counted = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="napari-unet-survey")
        self._known: dict[Any, _Counted] = {}
        self._outdated: set[Any] = set()
        self._number = 0
        self._answered = 0
        self._future: Future[None] | None = None
        self._counted.connect(self._answer)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._answered != self._number

    def forget(self, key: Any) -> None:
        """Count the annotation ``key`` anew next time: it was painted on."""
        self._known.pop(key, None)
        self._outdated.add(key)

    def ask(self, annotations: Sequence[tuple[Any, Callable[[], ArrayLike]]]) -> None:
        """Count ``annotations``; those counted before and not forgotten are not read again.

        Parameters
        ----------
        annotations : sequence of (key, callable)
            What identifies the annotation, and what opens it (called in the background thread).
        """
        self._number += 1
        self._outdated.clear()
        keys = {key for key, _ in annotations}
        self._known = {key: known for key, known in self._known.items() if key in keys}
        missing = [(key, opens) for key, opens in annotations if key not in self._known]
        if not missing:
            self._answer(self._number, [(key, self._known[key]) for key, _ in annotations])
            return
        known = dict(self._known)
        self._future = self._thread.submit(self._count, self._number, tuple(annotations), known)

    def close(self) -> None:
        """Answer nothing any more and end the thread."""
        self._number += 1
        self._answered = self._number
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _count(
        self,
        number: int,
        annotations: Sequence[tuple[Any, Callable[[], ArrayLike]]],
        known: dict[Any, _Counted],
    ) -> None:
        found: list[tuple[Any, _Counted]] = []
        try:
            for key, opens in annotations:
                if number != self._number:
                    return
                if key not in known:
                    labels = opens()
                    known[key] = _count(labels, lambda: number != self._number)
                found.append((key, known[key]))
        except UNetError as error:
            self._say(number, Survey(error=str(error)))
            return
        except (OSError, ValueError, MemoryError, IndexError, TypeError) as error:
            self._say(number, Survey(error=f"The labels cannot be read: {error}"))
            return
        self._say(number, found)

    def _say(self, number: int, answer: Any) -> None:
        try:
            self._counted.emit(number, answer)
        except RuntimeError:
            return  # the dock is gone, nobody wants the answer

    def _answer(self, number: int, answer: Any) -> None:
        if number != self._number:
            return  # painted on since
        self._answered = number
        if isinstance(answer, Survey):
            self.surveyed.emit(answer)
            return
        # What was painted on while it was counted is true no more once it is asked for again.
        self._known.update((key, counted) for key, counted in answer if key not in self._outdated)
        counts: Counter[int] = Counter()
        strokes: Counter[int] = Counter()
        for _, counted in answer:
            counts.update(counted.counts)
            strokes.update(counted.strokes)
        guess = infer_kind([counted.summary for _, counted in answer]) if answer else KindGuess(None, "")
        self.surveyed.emit(Survey(dict(sorted(counts.items())), dict(strokes), guess))


def _count(labels: ArrayLike, cancelled: Callable[[], bool]) -> _Counted:
    counts = count_values(labels, cancelled)
    n_painted = sum(pixels for value, pixels in counts.items() if value > 0)
    is_sparse = len(labels.shape) >= 2 and n_painted <= prod(labels.shape) * _SPARSE
    return _Counted(counts, count_strokes(labels, cancelled) if is_sparse else {}, summarize_labels(labels))


def _blocks(labels: ArrayLike) -> Iterator[NDArray[Any]]:
    shape = tuple(labels.shape)
    if len(shape) < 2:
        yield np.asarray(labels[...])
        return
    *leading, height, width = shape
    if prod(shape) <= _BLOCK:
        yield np.asarray(labels[...])
        return
    rows = max(1, _BLOCK // max(width, 1))
    for position in product(*(range(n) for n in leading)):
        for top in range(0, height, rows):
            yield np.asarray(labels[(*position, slice(top, top + rows), slice(None))])

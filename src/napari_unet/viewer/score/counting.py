"""What the Scores dock counts, in short steps: pixels, and objects where there are some."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar

from napari_unet.images.image import ArrayLike
from napari_unet.labels import AnnotationKind
from napari_unet.scores import Comparison, ObjectComparison, compare_steps, score_object_steps
from napari_unet.viewer.score.object_panel import PlacedRow

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Counted:
    """Pixels, objects (None where values are classes), and the table of objects."""

    comparison: Comparison
    objects: ObjectComparison | None
    rows: list[PlacedRow]


def counting_steps(
    prediction: ArrayLike,
    labels: ArrayLike,
    kind: AnnotationKind,
    values: Iterable[int],
    *,
    objects: bool,
    components: bool,
    volume: bool | None,
) -> Generator[float, None, Counted]:
    """Count everything; the table of objects too, so that the GUI thread has nothing left to do but show it."""
    share = 0.5 if objects else 1.0
    comparison = yield from _part(compare_steps(prediction, labels, kind, values=values), 0, share)
    if not objects:
        return Counted(comparison, None, [])
    steps = score_object_steps(prediction, labels, volume=volume, components=components)
    found = yield from _part(steps, share, 1)
    rows = []
    for position, scores in found.images.items():
        rows += [(position, row) for row in scores.found.rows()]
        yield 1.0
    found.summary  # noqa: B018 - counted here, not when it is shown
    return Counted(comparison, found, rows)


def _part(steps: Generator[float, None, Result], start: float, end: float) -> Generator[float, None, Result]:
    while True:
        try:
            fraction = next(steps)
        except StopIteration as stop:
            return stop.value
        yield start + (end - start) * fraction

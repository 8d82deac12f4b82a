"""What labels probably are: scribbles, masks or objects.

The rules are the table in ``docs/annotation.md``; :func:`infer_kind` applies them from top to bottom. A wrong
kind costs the user a training run, a question costs one click: in doubt the answer is ``None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unet.labels.annotation import AnnotationKind
from napari_unet.labels.summary import LabelSummary

MANY_VALUES = 12
"""From this many values in one image on, values are object numbers rather than classes."""

MOST_CLASSES = 32
"""More values than this are no classes anybody painted."""


@dataclass(frozen=True)
class KindGuess:
    """What the labels are, ``None`` if that is not certain, and why, as a sentence for the user."""

    kind: AnnotationKind | None
    reason: str


def infer_kind(summaries: Sequence[LabelSummary]) -> KindGuess:
    """Guess the kind of an annotation from the summaries of all its label images.

    Parameters
    ----------
    summaries : sequence of LabelSummary
        One per label image, from :func:`~napari_unet.labels.summary.summarize_labels`. Images without labels
        are passed over.

    Returns
    -------
    KindGuess
        By the first rule of ``docs/annotation.md`` that applies.
    """
    labelled = [s for s in summaries if s.values]
    if not labelled:
        return KindGuess(None, "Nothing is labelled yet.")
    most = max(len(s.values) for s in labelled)
    values = sorted(set().union(*(s.values for s in labelled)))
    n_planes = sum(s.n_labelled_planes for s in labelled)
    coverage = _mean(labelled, "coverage")
    single = _mean(labelled, "single_pieces")
    strokes = _mean(labelled, "strokes", by_area=True)
    touching = _mean(labelled, "touching")
    pieces = _mean(labelled, "pieces_per_plane")

    if most >= MANY_VALUES and single >= 0.85:
        if strokes >= 0.5 and coverage < 0.05:
            return KindGuess(
                None, f"There are {most} values, each a thin stroke: objects or many scribbled classes."
            )
        if len(labelled) > 1 and len({s.values for s in labelled}) == 1:
            return KindGuess(
                None, f"All images hold the same {most} values: objects, or the regions of an atlas."
            )
        return KindGuess("objects", f"There are up to {most} values in an image, nearly each one piece.")
    if len(values) > MOST_CLASSES:
        return KindGuess(
            None, f"There are {len(values)} values, too many for classes, but not each is one piece."
        )
    if len(values) == 1:
        return _one_value(values[0], n_planes, coverage, strokes, pieces)
    repeated = single <= 0.5
    if coverage >= 0.999 and repeated:
        return KindGuess("masks", f"Every pixel has one of {len(values)} values.")
    drawn_nowhere = strokes < 0.1 and n_planes >= 5
    detailed = strokes < 0.3 and pieces >= 15 * len(values)
    if coverage >= 0.2 and repeated and (detailed or drawn_nowhere):
        return KindGuess(
            "masks",
            f"{len(values)} values cover {coverage:.0%} of the pixels in many pieces that are no strokes.",
        )
    numbered = single == 1 and most > 3  # rod-shaped objects look like strokes
    hand_drawn = pieces <= 300 and _mean(labelled, "holes_per_plane") <= max(2.0, pieces)
    if coverage <= 0.25 and strokes >= 0.7 and touching <= 0.1 and hand_drawn and not numbered:
        return KindGuess(
            "scribbles", f"{len(values)} values in strokes of even width cover {coverage:.1%} of the pixels."
        )
    return KindGuess(
        None,
        f"{len(values)} values cover {coverage:.1%} of the pixels: they could be scribbles, masks, objects.",
    )


def _one_value(value: int, n_planes: int, coverage: float, strokes: float, pieces: float) -> KindGuess:
    if coverage >= 0.5:
        return KindGuess("masks", f"The only value, {value}, covers {coverage:.0%} of the pixels.")
    drawn = strokes >= 0.5 and pieces <= 30
    if not drawn and (n_planes >= 10 or (n_planes >= 3 and coverage >= 0.02)):
        return KindGuess(
            "masks", f"{n_planes} images hold only the value {value}, in shapes that are no strokes."
        )
    return KindGuess(
        None, f"The only value, {value}, could be a mask, an object or the first of several scribbles."
    )


def _mean(summaries: Sequence[LabelSummary], name: str, *, by_area: bool = False) -> float:
    """Mean over images, each weighted by its number of labelled planes, or by its labelled pixels."""
    weights = [sum(s.counts) if by_area else s.n_labelled_planes for s in summaries]
    total: float = sum(getattr(s, name) * weight for s, weight in zip(summaries, weights, strict=True))
    return total / sum(weights)

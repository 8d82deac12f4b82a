"""Score files: what ``napari-unet evaluate`` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_unet.errors import AmbiguousAnnotationError, InputError, ShapeMismatchError, UNetError
from napari_unet.images import ArrayLike, pair_files, read_labels
from napari_unet.labels import AnnotationKind, infer_kind, summarize_labels
from napari_unet.scores.comparison import (
    Comparison,
    block_boxes,
    check_comparable,
    class_values,
    compare,
    distinct_values,
    read_block,
    sum_counts,
)
from napari_unet.scores.report import FOREGROUND, MEAN, score_json, score_rows, shown, table, to_csv

PathOrPaths = Path | str | Sequence[Path | str]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of predictions against labels.

    Attributes
    ----------
    labels_are : {"scribbles", "masks", "objects"}
        How the labels were read.
    values : tuple of int
        Class values over all images.
    images : dict of str to Comparison
        By the stem of the label file.
    missing_predictions : tuple of str
        Label files that have no prediction and are in no score.
    missing_labels : tuple of str
        Predictions that have no labels.
    reason : str
        Why the labels are taken for what they are, if that was inferred.
    """

    labels_are: AnnotationKind
    values: tuple[int, ...]
    images: dict[str, Comparison]
    missing_predictions: tuple[str, ...] = ()
    missing_labels: tuple[str, ...] = ()
    reason: str = ""

    @cached_property
    def total(self) -> Comparison:
        """Counts pooled over all pixels of all images, as a comparison of a single slice."""
        pooled = sum_counts((c.total for c in self.images.values()), len(self.values))
        return Comparison(self.labels_are, self.values, {(): pooled})

    @property
    def complete(self) -> bool:
        """Whether every label file had a prediction."""
        return not self.missing_predictions

    def to_dict(self) -> dict[str, Any]:
        """``classes`` by value, ``foreground``, ``mean`` and ``per_image``, undefined as ``None``.

        Besides: ``labels_are``, ``missing_predictions`` and ``missing_labels``.
        """
        return {
            "labels_are": self.labels_are,
            **score_json(self.labels_are, self.values, self.total.total),
            "per_image": {
                name: score_json(self.labels_are, self.values, comparison.total)
                for name, comparison in self.images.items()
            },
            "missing_predictions": list(self.missing_predictions),
            "missing_labels": list(self.missing_labels),
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON text, undefined as null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Scores per class: of every slice, every image and over all."""
        return to_csv(self.images, self.total)

    def to_text(self) -> str:
        """Tables for the terminal: classes over all images, then every image."""
        rows = score_rows(self.labels_are, self.values, self.total.total)
        classes = table(
            [
                (row.label, shown(row.dice), shown(row.iou), f"{row.score.labelled:,}" if row.score else "")
                for row in rows
            ],
            ("class", "Dice", "IoU", "pixels"),
        )
        parts = [f"Labels are {self.labels_are}. {self.reason}".strip(), classes]
        if len(self.images) > 1:
            wanted = MEAN if self.labels_are != "objects" else FOREGROUND
            lines = []
            for name, comparison in self.images.items():
                own = score_rows(self.labels_are, self.values, comparison.total)
                (row,) = [row for row in own if row.label == wanted]
                lines.append((name, shown(row.dice), shown(row.iou)))
            parts.append(table(lines, ("image", f"Dice ({wanted})", "IoU")))
        return "\n\n".join([*parts, *self.notes()])

    def notes(self) -> list[str]:
        """Sentences about files that could not be scored."""
        notes = []
        if self.missing_predictions:
            notes.append(
                f"WITHOUT PREDICTION, in no score: {', '.join(self.missing_predictions)} "
                f"({len(self.missing_predictions)} of {len(self.missing_predictions) + len(self.images)})."
            )
        if self.missing_labels:
            notes.append(f"Predictions without labels, left out: {', '.join(self.missing_labels)}.")
        return notes


def evaluate_pair(
    prediction: ArrayLike,
    labels: ArrayLike,
    labels_are: AnnotationKind | None = None,
    *,
    values: Iterable[int] = (),
    name: str = "image",
) -> Evaluation:
    """Score one prediction in memory against its labels.

    Parameters
    ----------
    prediction, labels : array-like of int or bool
        Class values as painted, of equal shape, ``YX`` last.
    labels_are : {"scribbles", "masks", "objects"}, optional
        What the labels mean; inferred if not given.
    values : iterable of int
        Classes to report even if they do not occur.
    name : str
        What to call the image.

    Raises
    ------
    ShapeMismatchError, InputError, AnnotationError, AmbiguousAnnotationError
        See :func:`~napari_unet.scores.comparison.compare` and :func:`evaluate_folders`.
    """
    check_comparable(prediction, labels)
    kind, reason = _kind([labels], labels_are)
    comparison = compare(prediction, labels, kind, values=values)
    return Evaluation(kind, comparison.values, {name: comparison}, reason=reason)


def evaluate_folders(
    predictions: PathOrPaths,
    labels: PathOrPaths,
    labels_are: AnnotationKind | None = None,
    *,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Score prediction files against label files of the same stem.

    Parameters
    ----------
    predictions, labels : Path, str or sequence of these
        A folder, a file or several files.
    labels_are : {"scribbles", "masks", "objects"}, optional
        masks: every value, 0 included, is a class. scribbles: 0 is ignored. objects: only foreground is
        scored. Inferred from the labels if not given.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    AmbiguousAnnotationError
        If the labels could be more than one of these and ``labels_are`` is not given.
    ShapeMismatchError
        If a prediction does not have the size of its labels.
    InputError
        If files cannot be read or paired.
    AnnotationError
        If there are more than 256 values where values are classes.
    """
    pairing = pair_files(predictions, labels)
    opened = [(path.stem, read_labels(p), read_labels(path)) for p, path in pairing.pairs]
    for (predicted_path, path), (_, predicted, target) in zip(pairing.pairs, opened, strict=True):
        try:
            check_comparable(predicted, target)
        except ShapeMismatchError as error:
            raise ShapeMismatchError(
                f"The prediction {predicted_path.name} has the shape {tuple(predicted.shape)}, but the "
                f"labels {path.name} have {tuple(target.shape)}.",
                "Compare predictions and labels of the same images.",
            ) from error
        except InputError as error:
            raise InputError(f"{path.name} cannot be scored. {error.problem}", error.remedy) from error
    kind, reason = _kind([target for _, _, target in opened], labels_are)
    say = progress or (lambda fraction: None)
    found: set[int] = set()
    for number, (_, *arrays) in enumerate(opened if kind != "objects" else [], start=1):
        for array in arrays:
            for box in block_boxes(array.shape):
                found |= distinct_values(read_block(array, box))
        say(0.5 * number / len(opened))
    values = (0, 1) if kind == "objects" else class_values(found, kind)
    images: dict[str, Comparison] = {}
    for number, (name, predicted, target) in enumerate(opened, start=1):
        images[_unique(name, images)] = compare(predicted, target, kind, values=values, complete=True)
        say(0.5 + 0.5 * number / len(opened))
    return Evaluation(
        labels_are=kind,
        values=values,
        images=images,
        missing_predictions=tuple(path.name for path in pairing.unpaired_labels),
        missing_labels=tuple(path.name for path in pairing.unpaired_images),
        reason=reason,
    )


def _kind(labels: Sequence[ArrayLike], wanted: AnnotationKind | None) -> tuple[AnnotationKind, str]:
    if wanted is not None:
        return wanted, ""
    try:
        guess = infer_kind([summarize_labels(array) for array in labels])
    except UNetError as error:
        raise AmbiguousAnnotationError(error.problem, _SAY_WHICH) from error
    if guess.kind is None:
        raise AmbiguousAnnotationError(guess.reason, _SAY_WHICH)
    return guess.kind, guess.reason


_SAY_WHICH = (
    "Say what the labels are with --labels-are scribbles, masks or objects (labels_are=... in Python)."
)


def _unique(name: str, taken: dict[str, Comparison]) -> str:
    number, unique = 1, name
    while unique in taken:
        number, unique = number + 1, f"{name} [{number + 1}]"
    return unique

"""Scores of predictions against labels, over several images: as a dict, JSON, CSV and text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from napari_unet.errors import InputError
from napari_unet.labels import AnnotationKind
from napari_unet.scores.comparison import Comparison, sum_counts
from napari_unet.scores.object_report import object_text, objects_to_csv, scores_of_all, summary_json
from napari_unet.scores.objects import ObjectComparison, ObjectSummary
from napari_unet.scores.report import FOREGROUND, MEAN, score_json, score_rows, to_csv
from napari_unet.scores.text import shown, table


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
    objects : dict of str to ObjectComparison
        Scores of the objects of each image; empty where values are classes.
    one_number : tuple of str
        Which of ``"labels"`` and ``"predictions"`` never hold more than one number in an image, but several pieces of
        it: they are masks rather than objects.
    """

    labels_are: AnnotationKind
    values: tuple[int, ...]
    images: dict[str, Comparison]
    missing_predictions: tuple[str, ...] = ()
    missing_labels: tuple[str, ...] = ()
    reason: str = ""
    objects: dict[str, ObjectComparison] = field(default_factory=dict)
    one_number: tuple[str, ...] = ()

    @cached_property
    def total(self) -> Comparison:
        """Counts pooled over all pixels of all images, as a comparison of a single slice."""
        pooled = sum_counts((c.total for c in self.images.values()), len(self.values))
        return Comparison(self.labels_are, self.values, {(): pooled})

    @cached_property
    def object_summary(self) -> ObjectSummary:
        """Scores of objects: means over all images, each slice counted as one unless it belongs to a volume."""
        return scores_of_all(self.objects)

    @property
    def complete(self) -> bool:
        """Whether every label file had a prediction."""
        return not self.missing_predictions

    def to_dict(self) -> dict[str, Any]:
        """``classes`` by value, ``foreground``, ``mean`` and ``per_image``, undefined as ``None``.

        Besides: ``labels_are``, ``missing_predictions`` and ``missing_labels``; where objects were scored,
        ``objects`` over all and in each of ``per_image``, see :func:`napari_unet.scores.object_report.summary_json`,
        and ``one_number``, what looks like masks.
        """
        return {
            "labels_are": self.labels_are,
            **score_json(self.labels_are, self.values, self.total.total),
            **({"objects": summary_json(self.object_summary)} if self.objects else {}),
            "per_image": {
                name: score_json(self.labels_are, self.values, comparison.total)
                | ({"objects": summary_json(self.objects[name].summary)} if self.objects else {})
                for name, comparison in self.images.items()
            },
            "missing_predictions": list(self.missing_predictions),
            "missing_labels": list(self.missing_labels),
            **({"one_number": list(self.one_number)} if self.objects else {}),
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON text, undefined as null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Scores per class, and of objects: of every slice, every image and over all."""
        return to_csv(self.images, self.total, objects=self.objects)

    def objects_to_csv(self) -> str:
        """One line per object: its ids, what became of it, IoU, size and place.

        Raises
        ------
        InputError
            If no objects were scored.
        """
        if not self.objects:
            raise InputError(
                "No objects were scored: the values of the labels are classes.",
                "If every connected piece is an object, score the components (--components).",
            )
        return objects_to_csv(self.objects)

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
        if self.objects:
            parts.append(object_text(self.objects, self.object_summary))
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
        for what in self.one_number:
            notes.append(
                f"All objects of the {what} have the same number, as in a mask. If each connected piece is an object, "
                "score the components: --components (components=True in Python)."
            )
        return notes

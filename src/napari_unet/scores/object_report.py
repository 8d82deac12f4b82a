"""Scores of objects as JSON, CSV and a table for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from napari_unet.scores.objects import THRESHOLDS, ObjectComparison, ObjectSummary, summarize
from napari_unet.scores.text import defined, exact, shown, slice_name, table

SCORES = ("ap_50", "f1_50", "precision_50", "recall_50", "ap_50_95", "pq")
COUNTS = ("n_labelled", "n_predicted", "matched", "missed", "spurious", "splits", "merges")

COLUMNS = ("n_images", *SCORES, *COUNTS)
"""Of the lines about objects in the CSV of all scores."""

OBJECT_COLUMNS = (
    "image", "slice", "state", "label_ids", "prediction_ids", "iou", "pixels", "z", "y", "x",
)  # fmt: skip


def scores_of_all(objects: Mapping[str, ObjectComparison]) -> ObjectSummary:
    """Means over the images of all files: every slice or volume counts once."""
    return summarize(scores for comparison in objects.values() for scores in comparison.images.values())


def summary_json(summary: ObjectSummary) -> dict[str, Any]:
    """Scores of objects as JSON, undefined as None.

    Returns
    -------
    dict
        ``ap_50``, ``f1_50``, ``precision_50``, ``recall_50``, ``ap_50_95``, ``pq``: means over images; ``n_images``
        with an object; the counts ``n_labelled``, ``n_predicted``, ``matched``, ``missed``, ``spurious``,
        ``splits``, ``merges``; and by threshold ``thresholds``, ``ap``, ``f1``, ``precision``, ``recall`` (means)
        and ``tp``, ``fp``, ``fn`` (sums).
    """
    return {
        **{name: defined(score) for name, score in _scores(summary).items()},
        "n_images": summary.n_images,
        **_counts(summary),
        "thresholds": list(THRESHOLDS),
        **{
            name: [defined(score) for score in getattr(summary, name)]
            for name in ("ap", "f1", "precision", "recall")
        },
        **{name: [int(n) for n in getattr(summary, name)] for name in ("tp", "fp", "fn")},
    }


def summary_cells(summary: ObjectSummary) -> tuple[str, ...]:
    """Cells of a CSV line, in the order of :data:`COLUMNS`."""
    scores = [exact(score) for score in _scores(summary).values()]
    return (str(summary.n_images), *scores, *map(str, _counts(summary).values()))


def object_text(objects: Mapping[str, ObjectComparison], total: ObjectSummary) -> str:
    """A line per file and one over all, with a sentence on what they are."""
    several = len(objects) > 1
    lines = [(name, comparison.summary) for name, comparison in objects.items() if several]
    header = ("objects", "AP50", "F1 50", "AP50:95", "PQ", "labelled", "predicted", "missed", "spurious",
              "splits", "merges")  # fmt: skip
    rows = [
        (name, shown(s.ap[0]), shown(s.f1[0]), shown(s.ap_50_95), shown(s.pq),
         *(f"{n:,}" for n in (s.n_labelled, s.n_predicted, s.n_missed, s.n_spurious, s.n_splits, s.n_merges)))
        for name, s in [*lines, ("all", total)]
    ]  # fmt: skip
    volumes = {comparison.volume for comparison in objects.values()}
    of = "images and volumes" if len(volumes) > 1 else "volumes" if True in volumes else "images"
    means = f"means over {total.n_images} {of}, counts summed" if total.n_images > 1 else f"of one {of[:-1]}"
    return f"Objects, {means}.\n{table(rows, header)}"


def objects_to_csv(objects: Mapping[str, ObjectComparison]) -> str:
    """One line per object, split or merged ones with several ids on the other side.

    Parameters
    ----------
    objects : mapping of str to ObjectComparison
        By image. ``slice`` is the position along the leading axes, ``z`` (in volumes), ``y`` and ``x`` the centroid
        in pixels, from 0.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(OBJECT_COLUMNS)
    for image, comparison in objects.items():
        for position, scores in comparison.images.items():
            for row in scores.found.rows():
                place = [f"{value:.2f}" for value in row.centroid]
                writer.writerow((
                    image, slice_name(position), row.state, " ".join(map(str, row.labelled)),
                    " ".join(map(str, row.predicted)), exact(row.iou), row.pixels, *[""] * (3 - len(place)), *place,
                ))  # fmt: skip
    return text.getvalue()


def csv_lines(objects: Mapping[str, ObjectComparison]) -> Iterator[tuple[str, str, ObjectSummary]]:
    """File, slice and scores: of every slice where there are several, of every file and over all."""
    for image, comparison in objects.items():
        if comparison.images.keys() != {()}:
            for position, scores in comparison.images.items():
                yield image, slice_name(position), summarize([scores])
        yield image, "all", comparison.summary
    yield "all", "all", scores_of_all(objects)


def _scores(summary: ObjectSummary) -> dict[str, float]:
    firsts = (summary.ap, summary.f1, summary.precision, summary.recall)
    numbers = (*(float(values[0]) for values in firsts), summary.ap_50_95, summary.pq)
    return dict(zip(SCORES, numbers, strict=True))


def _counts(summary: ObjectSummary) -> dict[str, int]:
    numbers = (
        summary.n_labelled, summary.n_predicted, summary.n_matched, summary.n_missed, summary.n_spurious,
        summary.n_splits, summary.n_merges,
    )  # fmt: skip
    return dict(zip(COUNTS, numbers, strict=True))

"""Scores of objects: AP and F1 over IoU thresholds, panoptic quality, counts, splits and merges."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.images.image import ArrayLike
from napari_unet.scores.comparison import Position, block_boxes, check_comparable, finish, read_block
from napari_unet.scores.confusion import mean_defined
from napari_unet.scores.findings import Found, find
from napari_unet.scores.matching import Matching, Overlap, OverlapCounts, match
from napari_unet.scores.matching import overlap as overlap_of
from napari_unet.scores.reading import image_positions, is_volume, number_components, whole_numbers

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""0.50, 0.55 ... 0.95: each the very number that a decimal fraction like 0.6 is, so that an IoU of 3/5 reaches it."""


@dataclass(frozen=True, eq=False)
class ObjectScores:
    """Scores of the objects of one image or volume.

    Attributes
    ----------
    overlap : Overlap
        What they were counted from.
    matching : Matching
        One to one, at an IoU of at least 0.5.
    tp : ndarray of int64, shape (10,)
        Matched pairs at each of :data:`THRESHOLDS`.
    """

    overlap: Overlap
    matching: Matching
    tp: NDArray[np.int64]

    @classmethod
    def of(cls, overlap: Overlap) -> ObjectScores:
        """Match the objects at every threshold."""
        matching = match(overlap, THRESHOLDS[0])
        # Above 0.5 nobody has a choice: the pairs that reach a threshold are those of 0.5 that do.
        tp = np.count_nonzero(matching.iou[:, None] >= np.asarray(THRESHOLDS), axis=0)
        return cls(overlap, matching, np.asarray(tp, np.int64))

    @property
    def n_labelled(self) -> int:
        """Objects of the labels."""
        return len(self.overlap.labelled)

    @property
    def n_predicted(self) -> int:
        """Objects of the prediction, without those mostly where the label is negative."""
        return len(self.overlap.predicted)

    @property
    def fp(self) -> NDArray[np.int64]:
        """Predicted objects without a match, at each threshold."""
        return np.asarray(self.n_predicted - self.tp)

    @property
    def fn(self) -> NDArray[np.int64]:
        """Labelled objects without a match, at each threshold."""
        return np.asarray(self.n_labelled - self.tp)

    @property
    def ap(self) -> NDArray[np.float64]:
        """Average precision as in the Data Science Bowl 2018, ``tp / (tp + fp + fn)``; nan without any object."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def f1(self) -> NDArray[np.float64]:
        """``2 tp / (2 tp + fp + fn)``; nan without any object."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def precision(self) -> NDArray[np.float64]:
        """``tp / (tp + fp)``, 0 where nothing is predicted; nan without any object."""
        return self._ratio(self.tp, np.maximum(1, self.tp + self.fp))

    @property
    def recall(self) -> NDArray[np.float64]:
        """``tp / (tp + fn)``, 0 where nothing is labelled; nan without any object."""
        return self._ratio(self.tp, np.maximum(1, self.tp + self.fn))

    @property
    def pq(self) -> float:
        """Panoptic quality (Kirillov et al. 2019) at IoU 0.5: F1 times the mean IoU of the matched pairs."""
        n = self.n_labelled + self.n_predicted
        return float(2 * self.matching.iou.sum() / n) if n else float("nan")

    @cached_property
    def found(self) -> Found:
        """What became of the objects: matched, missed, spurious, split, merged."""
        return find(self.overlap, self.matching)

    def _ratio(self, part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
        if self.n_labelled + self.n_predicted == 0:
            return np.full(len(THRESHOLDS), np.nan)
        return np.asarray(part / whole, np.float64)


@dataclass(frozen=True, eq=False)
class ObjectSummary:
    """Scores of objects over several images: means over images, counts summed.

    Images in which neither labels nor prediction hold an object say nothing, and are left out of the means.

    Attributes
    ----------
    ap, f1, precision, recall : ndarray of float64, shape (10,)
        Means over images at each of :data:`THRESHOLDS`; nan if no image holds an object.
    pq : float
        Mean panoptic quality.
    n_images : int
        Images (slices, volumes) that hold an object.
    tp, fp, fn : ndarray of int64, shape (10,)
        Summed over images.
    n_labelled, n_predicted : int
        Objects.
    n_matched, n_missed, n_spurious, n_splits, n_merges : int
        Rows of the table of objects, see :mod:`napari_unet.scores.findings`.
    """

    ap: NDArray[np.float64]
    f1: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    pq: float
    n_images: int
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    n_labelled: int
    n_predicted: int
    n_matched: int
    n_missed: int
    n_spurious: int
    n_splits: int
    n_merges: int

    @property
    def ap_50_95(self) -> float:
        """Mean of ``ap`` over the ten thresholds."""
        return float(self.ap.mean())


def summarize(scores: Iterable[ObjectScores]) -> ObjectSummary:
    """Take means over images, and add up counts."""
    scores = list(scores)

    def mean(what: str) -> NDArray[np.float64]:
        rows = np.stack([np.full(len(THRESHOLDS), np.nan), *(getattr(s, what) for s in scores)])
        return np.array([mean_defined(column) for column in rows.T])

    def total(what: str) -> NDArray[np.int64]:
        return sum((getattr(s, what) for s in scores), start=np.zeros(len(THRESHOLDS), np.int64))

    found = [s.found for s in scores]
    return ObjectSummary(
        ap=mean("ap"),
        f1=mean("f1"),
        precision=mean("precision"),
        recall=mean("recall"),
        pq=mean_defined(np.array([s.pq for s in scores], np.float64)),
        n_images=sum(s.n_labelled + s.n_predicted > 0 for s in scores),
        tp=total("tp"),
        fp=total("fp"),
        fn=total("fn"),
        n_labelled=sum(s.n_labelled for s in scores),
        n_predicted=sum(s.n_predicted for s in scores),
        n_matched=sum(len(f.matched) for f in found),
        n_missed=sum(len(f.missed) for f in found),
        n_spurious=sum(len(f.spurious) for f in found),
        n_splits=sum(len(f.split) for f in found),
        n_merges=sum(len(f.merged) for f in found),
    )


@dataclass(frozen=True, eq=False)
class ObjectComparison:
    """Scores of the objects of one array.

    Attributes
    ----------
    volume : bool
        Whether the last three axes were scored as one volume; else each slice is an image of its own.
    components : bool
        Whether the objects are connected pieces, numbered by :func:`napari_unet.scores.reading.number_components`.
    images : dict of Position to ObjectScores
        Of every slice or volume by its position along the leading axes; a 2D image or a single volume is at ``()``.
    """

    volume: bool
    components: bool
    images: dict[Position, ObjectScores]

    @cached_property
    def summary(self) -> ObjectSummary:
        """Means over its slices or volumes."""
        return summarize(self.images.values())


def score_image(prediction: ArrayLike, labels: ArrayLike) -> ObjectScores:
    """Score the objects of one image or volume; see :func:`napari_unet.scores.matching.overlap`."""
    return ObjectScores.of(overlap_of(prediction, labels))


def score_objects(
    prediction: ArrayLike, labels: ArrayLike, *, volume: bool | None = None, components: bool = False
) -> ObjectComparison:
    """Score the objects of an image, a stack or several volumes.

    Parameters
    ----------
    prediction, labels : array-like of int, bool, or float with whole numbers
        Equal shape, ``YX`` last. 0 is background, every other positive value an object. Where a label is negative
        nothing counts, and a predicted object of which more than half lies there is left out.
    volume : bool, optional
        Whether the objects of the last three axes go through the slices, so that these are one volume; else every
        slice is an image. By default found by :func:`napari_unet.scores.reading.is_volume`. Of no meaning in 2D.
    components : bool
        Whether each connected piece of equal value, in both, is an object.

    Raises
    ------
    ShapeMismatchError
        If the shapes differ.
    InputError
        If either is no label image.
    """
    return finish(score_object_steps(prediction, labels, volume=volume, components=components))


def score_object_steps(
    prediction: ArrayLike, labels: ArrayLike, *, volume: bool | None = None, components: bool = False
) -> Generator[float, None, ObjectComparison]:
    """Do as :func:`score_objects` does, in short steps.

    Yields
    ------
    float
        Fraction done. Close the generator to cancel.
    """
    prediction, labels = whole_numbers(prediction, "prediction"), whole_numbers(labels, "labels")
    check_comparable(prediction, labels)
    shape = tuple(int(n) for n in labels.shape)
    volume = len(shape) > 2 and (is_volume(labels) if volume is None else volume)
    if components:
        yield 0.0
        prediction, labels = (number_components(array, volume=volume) for array in (prediction, labels))
    n_leading = len(image_positions(shape, volume=volume))
    boxes = list(block_boxes(shape))
    images: dict[Position, ObjectScores] = {}
    done = 0
    for position, parts in groupby(boxes, key=lambda box: tuple(a for a, _ in box[:n_leading])):
        counts = OverlapCounts()
        for box in parts:
            corner = tuple(start for start, _ in box[n_leading:-1])
            counts.add(read_block(prediction, box), read_block(labels, box), corner)
            done += 1
            yield done / len(boxes)
        images[position] = ObjectScores.of(counts.overlap(len(shape) - n_leading))
    return ObjectComparison(volume, components, images)

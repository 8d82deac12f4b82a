"""Where a prediction is right and wrong, pixel by pixel and object by object."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.images.image import ArrayLike
from napari_unet.labels import AnnotationKind
from napari_unet.scores.comparison import (
    block_boxes,
    check_comparable,
    prediction_indices,
    read_block,
    target_indices,
)
from napari_unet.scores.findings import State
from napari_unet.scores.objects import ObjectComparison
from napari_unet.scores.reading import image_positions, number_components

WRONG_STATES: tuple[State, ...] = ("missed", "spurious", "split", "merged")

RIGHT, WRONG = 1, 2
"""Values of an error image over all classes."""

TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1, 2, 3
"""Values of an error image of one class."""


def error_steps(
    prediction: ArrayLike,
    labels: ArrayLike,
    kind: AnnotationKind,
    values: tuple[int, ...],
    value: int | None = None,
) -> Generator[float, None, NDArray[np.uint8]]:
    """Compute an error image in short steps.

    Parameters
    ----------
    prediction, labels : array-like of int or bool
        Class values as painted, of equal shape, ``YX`` last.
    kind : {"scribbles", "masks", "objects"}
        What the labels mean; for objects ``values`` is ``(0, 1)``.
    values : tuple of int
        The classes.
    value : int, optional
        Class of interest. If not given, all classes: 1 right, 2 wrong.

    Yields
    ------
    float
        Fraction done. Close the generator to cancel.

    Returns
    -------
    ndarray of uint8
        Of one class: 1 true positive, 2 false positive, 3 false negative, 0 elsewhere and without label.
    """
    check_comparable(prediction, labels)
    errors = np.zeros(tuple(labels.shape), np.uint8)
    boxes = list(block_boxes(errors.shape))
    index = None if value is None else values.index(value)
    for number, box in enumerate(boxes, start=1):
        predicted = prediction_indices(read_block(prediction, box), values, kind)
        target = target_indices(read_block(labels, box), values, kind)
        if index is None:
            block = np.where(predicted == target, RIGHT, WRONG)
        else:
            found, true = predicted == index, target == index
            block = np.select(
                [found & true, found, true], [TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE], default=0
            )
        block[target < 0] = 0
        errors[tuple(slice(*bounds) for bounds in box)] = block.reshape([b - a for a, b in box])
        yield number / len(boxes)
    return errors


def object_error_steps(
    prediction: ArrayLike, labels: ArrayLike, objects: ObjectComparison
) -> Generator[float, None, dict[State, NDArray[Any]]]:
    """Compute label images of the missed, spurious, split and merged objects, in short steps.

    Parameters
    ----------
    prediction, labels : array-like of int or bool
        What was compared.
    objects : ObjectComparison
        Its scores.

    Yields
    ------
    float
        Fraction done. Close the generator to cancel.

    Returns
    -------
    dict of str to ndarray
        By state, of those that occur. Missed and split objects have their shapes and ids of the labels, spurious and
        merged ones those of the prediction; all in the prediction's or the labels' type.
    """
    check_comparable(prediction, labels)
    shape = tuple(int(n) for n in labels.shape)
    if objects.components:
        yield 0.0
        prediction, labels = (number_components(a, volume=objects.volume) for a in (prediction, labels))
    found = {position: scores.found for position, scores in objects.images.items()}
    sources = {
        state: prediction if state in ("spurious", "merged") else labels
        for state in WRONG_STATES
        if any(len(f.ids(state)) for f in found.values())
    }
    images = {
        state: np.zeros(shape, np.uint8 if np.dtype(source.dtype).kind == "b" else source.dtype)
        for state, source in sources.items()
    }
    n_leading = len(image_positions(shape, volume=objects.volume))
    boxes = list(block_boxes(shape))
    for number, box in enumerate(boxes, start=1):
        here = found[tuple(start for start, _ in box[:n_leading])]
        where = tuple(slice(*bounds) for bounds in box)
        size = [stop - start for start, stop in box]
        for state, source in sources.items():
            block = read_block(source, box)
            inside = np.isin(block, here.ids(state)) & (read_block(labels, box) >= 0)
            images[state][where] = np.where(inside, block, 0).reshape(size)
        yield number / len(boxes)
    return images

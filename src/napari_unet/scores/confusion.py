"""The confusion matrix: counts of pixels, from which every score here follows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_unet.errors import InputError, ShapeMismatchError

_PIXELS_AT_ONCE = 1 << 22
"""Bounds the temporary memory of one count, whatever the size of the image."""


class Confusion:
    """Pixels by target class and predicted class, collected chunk by chunk.

    Scores are pooled: numerator and denominator are summed over all pixels added before they are divided.

    Parameters
    ----------
    n_classes : int
        Number of classes, at least 1.

    Attributes
    ----------
    matrix : ndarray of int64, shape (n_classes, n_classes)
        Rows target, columns prediction.
    unmatched : ndarray of int64, shape (n_classes,)
        Pixels of each target class whose prediction is none of the classes: misses of the target class, false
        positives of no class.
    """

    def __init__(self, n_classes: int) -> None:
        if n_classes < 1:
            raise InputError(f"A score needs at least one class, not {n_classes}.")
        self._counts = np.zeros((n_classes, n_classes + 1), np.int64)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self._counts)

    @property
    def matrix(self) -> NDArray[np.int64]:
        """Pixel counts, rows target, columns prediction."""
        return self._counts[:, :-1]

    @property
    def unmatched(self) -> NDArray[np.int64]:
        """Pixels of each target class that were predicted as none of the classes."""
        return self._counts[:, -1]

    def add(self, prediction_indices: ArrayLike, target_indices: ArrayLike) -> None:
        """Count the pixels of a chunk.

        Parameters
        ----------
        prediction_indices, target_indices : array_like of int or bool
            Class index of every pixel, of equal shape. Pixels with a negative target are ignored. A
            prediction outside ``0 .. n_classes - 1`` is wrong whatever the target (see :attr:`unmatched`).

        Raises
        ------
        ShapeMismatchError
            If the shapes differ.
        InputError
            If a target is ``n_classes`` or more, or either holds something other than integers.
        """
        prediction, target = _integers(prediction_indices), _integers(target_indices)
        if prediction.shape != target.shape:
            raise ShapeMismatchError(
                f"The prediction has shape {prediction.shape}, the labels have {target.shape}.",
                "Compare images of the same size.",
            )
        prediction, target = prediction.reshape(-1), target.reshape(-1)
        for start in range(0, target.size, _PIXELS_AT_ONCE):
            chunk = slice(start, start + _PIXELS_AT_ONCE)
            self._add(prediction[chunk], target[chunk])

    def _add(self, prediction: NDArray[Any], target: NDArray[Any]) -> None:
        n = self.n_classes
        if target.max() >= n:
            raise InputError(f"The labels hold class index {int(target.max())}, but there are {n} classes.")
        known = (prediction >= 0) & (prediction < n)
        index = np.where(known, prediction, n).astype(np.intp)
        index += target.astype(np.intp) * (n + 1)
        # Every pixel with a negative target lands below 0 or is moved there, in one spare bin.
        index = np.where(target < 0, n * (n + 1), index)
        counts = np.bincount(index, minlength=n * (n + 1) + 1)[: n * (n + 1)]
        self._counts += counts.reshape(n, n + 1)

    def _overlap(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Pixels per class in both, in the target, in the prediction."""
        return np.diagonal(self.matrix), self.pixels, self.matrix.sum(0)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Target pixels per class."""
        return np.asarray(self._counts.sum(1))

    def dice(self) -> NDArray[np.float64]:
        """Dice per class, ``2 tp / (2 tp + fp + fn)``; ``nan`` for a class in neither."""
        both, target, prediction = self._overlap()
        return _ratio(2 * both, target + prediction)

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union per class, ``tp / (tp + fp + fn)``; ``nan`` for a class in neither."""
        both, target, prediction = self._overlap()
        return _ratio(both, target + prediction - both)

    def mean_dice(self) -> float:
        """Mean Dice of the classes where it is defined, ``nan`` if it is defined for none."""
        return mean_defined(self.dice())

    def mean_iou(self) -> float:
        """Mean IoU of the classes where it is defined, ``nan`` if it is defined for none."""
        return mean_defined(self.iou())

    def __add__(self, other: Confusion) -> Confusion:
        if not isinstance(other, Confusion):
            return NotImplemented
        if self.n_classes != other.n_classes:
            raise InputError(f"Counts of {self.n_classes} and of {other.n_classes} classes cannot be added.")
        total = Confusion(self.n_classes)
        total._counts[:] = self._counts + other._counts
        return total

    def __repr__(self) -> str:
        return f"Confusion({self.matrix.tolist()})"


def mean_defined(scores: NDArray[np.float64]) -> float:
    """Mean of the scores that are not ``nan``; ``nan`` if all are."""
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if defined.size else float("nan")


def _integers(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "biu":
        raise InputError(f"Class indices are whole numbers, not {array.dtype}.")
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def _ratio(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.float64]:
    result = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result

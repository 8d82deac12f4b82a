"""Scores from scripts and the command line. Free of torch."""

from __future__ import annotations

from typing import Any

from napari_unet.api.inputs import as_labels, is_path
from napari_unet.labels import AnnotationKind
from napari_unet.scores import Evaluation, evaluate_folders, evaluate_pair


def evaluate(predictions: Any, labels: Any, labels_are: AnnotationKind | None = None) -> Evaluation:
    """Score predictions against labels: Dice and IoU per class, pooled over all pixels of all images.

    Parameters
    ----------
    predictions, labels : array, Path, or list of Path
        Two label arrays of equal shape; or a folder, a file or several files each, paired by file stem.
    labels_are : {"scribbles", "masks", "objects"}, optional
        masks: every value, 0 included, is a class. scribbles: 0 is ignored. objects: only the foreground is
        scored. Inferred where that is clear.

    Returns
    -------
    Evaluation
        ``to_dict()``, ``to_json()``, ``to_csv()``, ``to_text()``; undefined scores are nan, in JSON null.

    Raises
    ------
    AmbiguousAnnotationError
        If it is not clear what the labels mean.
    ShapeMismatchError, InputError
        If predictions and labels cannot be compared.

    Examples
    --------
    >>> evaluate([[0, 1], [1, 1]], [[0, 1], [0, 1]], "masks").to_dict()["mean"]["dice"]
    0.7333333333333334
    """
    if is_path(predictions) and is_path(labels):
        return evaluate_folders(predictions, labels, labels_are)
    return evaluate_pair(as_labels(predictions), as_labels(labels), labels_are)

"""Scores from scripts and the command line. Free of torch."""

from __future__ import annotations

from typing import Any

from napari_unet.api.inputs import as_labels, is_path
from napari_unet.labels import AnnotationKind
from napari_unet.scores import Evaluation, evaluate_folders, evaluate_pair


def evaluate(
    predictions: Any,
    labels: Any,
    labels_are: AnnotationKind | None = None,
    *,
    components: bool = False,
    volume: bool | None = None,
) -> Evaluation:
    """Score predictions against labels: Dice and IoU per class, AP, F1 and panoptic quality of objects.

    Dice and IoU are pooled over all pixels of all images; scores of objects are means over images, matched within
    each image or volume.

    Parameters
    ----------
    predictions, labels : array, Path, or list of Path
        Two label arrays of equal shape; or a folder, a file or several files each, paired by file stem.
    labels_are : {"scribbles", "masks", "objects"}, optional
        masks: every value, 0 included, is a class. scribbles: 0 is ignored. objects: every value above 0 is an
        object; where it is negative, nothing counts. Inferred where that is clear.
    components : bool
        Whether each connected piece of equal value, in labels and predictions, is an object: scores the objects of
        masks too. Pieces are connected along the axes, not across corners.
    volume : bool, optional
        Whether the objects of a stack go through its slices, so that the last three axes are matched as one volume;
        if not, each slice is an image. By default a stack is a volume if at least 85 % of what is labelled in both
        of two neighbouring slices holds the same number in both.

    Returns
    -------
    Evaluation
        ``to_dict()``, ``to_json()``, ``to_csv()``, ``to_text()``, and ``objects_to_csv()`` with a line per object;
        ``object_summary`` where objects were scored. Undefined scores are nan, in JSON null.

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
    >>> evaluate([[3, 0], [0, 9]], [[1, 0], [0, 2]], "objects").to_dict()["objects"]["f1_50"]
    1.0
    """
    if is_path(predictions) and is_path(labels):
        return evaluate_folders(predictions, labels, labels_are, components=components, volume=volume)
    return evaluate_pair(
        as_labels(predictions), as_labels(labels), labels_are, components=components, volume=volume
    )

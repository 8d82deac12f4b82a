"""What a preview is sure of, taken as annotation: one step of napari's undo, and nothing painted is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from napari_unet.events import Box

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet.viewer.live.preview import PreviewLayer

SURE = 0.2
"""Entropy of the probabilities below which a preview is sure, as a share of the largest there is."""
SMALLEST_AREA = 16
"""Pixels of a connected area that is sure; smaller ones are specks."""


def accept(
    preview: PreviewLayer, annotation_layer: Labels, region: Box, at: tuple[int, ...] | None = None
) -> int:
    """Fill the unlabelled pixels of areas that are sure, and return how many these were.

    Parameters
    ----------
    preview : PreviewLayer
        What is accepted.
    annotation_layer : Labels
        Gets it; what is painted there stays.
    region : Box
        What is in view: one plane, its last two axes Y and X.
    at : tuple of int or None
        A pixel: only its area is accepted; without it, every area in view.
    """
    window = tuple(slice(*bounds) for bounds in region)
    plane = (0,) * (len(region) - 2)
    predicted = np.asarray(preview.layer.data[window])[plane]
    corner = [low for low, _ in region]
    where = sure_areas(predicted, np.asarray(preview.doubt[window])[plane])
    if at is not None:
        y, x = (int(a) - low for a, low in zip(at[-2:], corner[-2:], strict=True))
        is_inside = 0 <= y < where.shape[0] and 0 <= x < where.shape[1]
        where = where == where[y, x] if is_inside and where[y, x] else np.zeros_like(where)
    unlabelled = np.asarray(annotation_layer.data[window])[plane] == 0
    rows, columns = np.nonzero((where > 0) & unlabelled)
    if not len(rows):
        return 0
    others = (np.full(len(rows), low) for low in corner[:-2])
    with annotation_layer.block_history():
        annotation_layer.data_setitem(
            (*others, rows + corner[-2], columns + corner[-1]),
            predicted[rows, columns].astype(annotation_layer.data.dtype),
        )
    return len(rows)


def sure_areas(predicted: NDArray[Any], doubt: NDArray[np.uint8]) -> NDArray[Any]:
    """Number the connected areas of one class that are sure, from 1; 0 is the rest and what is not predicted."""
    sure = doubt < round(255 * SURE)
    areas = label(np.where(sure, predicted, 0).astype(np.int32), background=0, connectivity=1)
    too_small = np.bincount(areas.ravel()) < SMALLEST_AREA
    return np.where(too_small[areas], 0, areas)

"""Which planes of a stack count as annotated."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest

from napari_unet.errors import ShapeMismatchError
from napari_unet.labels import AnnotationKind, annotated_plane_mask


def stack(labelled: list[int], n: int = 20) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    labels = np.zeros((n, 6, 7), np.uint8)
    labels[labelled, 3, 4] = 2
    return labels


@pytest.mark.parametrize("kind", ["masks", "objects"])
def test_untouched_planes_do_not_count_as_background(kind: AnnotationKind) -> None:
    assert np.flatnonzero(annotated_plane_mask(stack([3, 11]), "ZYX", kind)).tolist() == [3, 11]
    assert annotated_plane_mask(stack(list(range(17))), "ZYX", kind).sum() == 17


@pytest.mark.parametrize("kind", ["masks", "objects"])
def test_a_few_empty_planes_of_a_finished_stack_are_background(kind: AnnotationKind) -> None:
    assert annotated_plane_mask(stack(list(range(18))), "ZYX", kind).all()
    assert annotated_plane_mask(stack([]), "ZYX", kind).all()


def test_scribbles_are_where_they_are() -> None:
    assert annotated_plane_mask(stack(list(range(19))), "TYX", "scribbles").sum() == 19
    assert not annotated_plane_mask(stack([]), "TYX", "scribbles").any()


def test_a_2d_image_counts_as_a_whole() -> None:
    mask = annotated_plane_mask(np.zeros((5, 5), int), "YX", "masks")
    assert mask.shape == ()
    assert mask


def test_several_leading_axes_bool_dask_and_negative_values() -> None:
    labels = np.zeros((2, 3, 5000, 4), bool)
    labels[1, 2, 4999, 0] = True
    mask = annotated_plane_mask(dask.array.from_array(labels), "TZYX", "masks")
    assert np.argwhere(mask).tolist() == [[1, 2]]
    negative = stack([3]).astype(int)
    negative[5] = -1
    assert np.flatnonzero(annotated_plane_mask(negative, "ZYX", "masks")).tolist() == [3]


def test_axes_must_fit() -> None:
    with pytest.raises(ShapeMismatchError, match="TZYX"):
        annotated_plane_mask(stack([1]), "TZYX", "masks")

"""Masks whose pieces are objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, basic_indices
from skimage.io import imread
from skimage.measure import label

from napari_unet.images import AnnotatedImage, Image
from napari_unet.training.pieces import NumberedPieces, number_pieces


@settings(deadline=None)
@given(st.data())
def test_any_region_is_that_of_the_whole(data: st.DataObject) -> None:
    labels = data.draw(
        arrays(np.int8, array_shapes(min_dims=3, max_dims=4, max_side=5), elements=st.integers(-1, 2))
    )
    whole = np.zeros(labels.shape, np.int32)
    for position in np.ndindex(*labels.shape[:-2]):
        plane = labels[position].astype(int)
        whole[position] = np.where(plane < 0, -1, label(np.maximum(plane, 0), connectivity=1))
    lazy = NumberedPieces(labels, 2)
    assert (lazy.shape, lazy.dtype) == (labels.shape, np.int32)
    key = data.draw(basic_indices(labels.shape, allow_newaxis=False, allow_ellipsis=False))
    np.testing.assert_array_equal(lazy[key], whole[key])


def annotated(labels: np.ndarray, name: str = "image") -> AnnotatedImage:
    return AnnotatedImage(Image(name, (np.zeros(labels.shape, np.uint8),), "TZYX"[-labels.ndim :]), labels)


def test_pieces_of_a_mask_are_objects_and_numbered_objects_stay_as_they_are() -> None:
    mask = np.zeros((3, 40, 40), np.uint8)
    mask[:, 5:15, 5:15] = mask[:, 20:30, 5:15] = mask[:, 5:15, 20:30] = 1
    (numbered,), (notice,) = number_pieces([annotated(mask)], 2)
    assert np.unique(numbered.labels[1]).tolist() == [0, 1, 2, 3]
    assert "every connected piece is taken for one object" in notice.text
    same = [annotated(np.asarray(numbered.labels[:]))]
    assert number_pieces(same, 2) == (tuple(same), ())


def test_one_big_mask_is_told() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[3:30, 3:30] = 1
    images, (notice,) = number_pieces([annotated(mask)], 2)
    assert images[0].labels is mask
    assert notice.level == "warning"
    assert "single object" in notice.text


@pytest.mark.parametrize("value", [0, 2**31 + 5])
def test_empty_slices_and_large_numbers(value: int) -> None:
    labels = np.zeros((4, 20, 20), np.uint32)
    labels[2, 3:9, 3:9], labels[2, 3:9, 12:15] = value, value // 2
    images, notices = number_pieces([annotated(labels)], 2)
    assert images[0].labels is labels
    assert notices == ()


def test_real_nuclei_as_a_mask(shared_data: Path) -> None:
    file = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[0]
    objects = imread(file)
    assert number_pieces([annotated(objects)], 2)[1] == ()
    (numbered,), _ = number_pieces([annotated((objects > 0).astype(np.uint8))], 2)
    assert 0.8 * len(np.unique(objects)) < len(np.unique(numbered.labels[:])) <= len(np.unique(objects))

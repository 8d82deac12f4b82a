"""Image: axes, channels and regions."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images import AnnotatedImage, ArrayLike, Image


@given(data=st.data(), axes=st.sampled_from(["YX", "YXC", "CYX", "TYX", "TCYX", "CZYX", "TZYXC"]))
def test_read_gives_channels_first_then_the_region(data: st.DataObject, axes: str) -> None:
    shape = tuple(data.draw(st.integers(1, 4)) for _ in axes)
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    image = Image("x", (array,), axes.lower())
    assert image.axes == axes
    region = []
    for n in image.label_shape:
        start = data.draw(st.integers(0, n - 1))
        region.append((start, data.draw(st.integers(start + 1, n))))
    block = image.read(tuple(region))
    first = np.moveaxis(array, axes.index("C"), 0) if "C" in axes else array[None]
    np.testing.assert_array_equal(block, first[(slice(None), *(slice(a, b) for a, b in region))])
    assert block.dtype == np.float32
    assert len(block) == image.n_channels
    assert block.flags.c_contiguous


def test_layers_as_channels_and_dask() -> None:
    layers = tuple(dask.array.full((6, 5), value) for value in (1, 2))
    image = Image("x", layers, "YX")
    assert image.n_channels == 2
    assert isinstance(layers[0], ArrayLike)
    np.testing.assert_array_equal(image.read(((0, 2), (1, 4)))[:, 0, 0], [1, 2])


def test_values_beyond_float32_stay_large_and_infinity_stays_invalid() -> None:
    values = np.array([[1e300, -1e300, np.inf, -np.inf, np.nan]])
    block = Image("x", (values,), "YX").read(((0, 1), (0, 5)))[0, 0]
    assert block[0] == np.finfo(np.float32).max
    assert block[1] == -np.finfo(np.float32).max
    assert block[2] == np.inf
    assert block[3] == -np.inf
    assert np.isnan(block[4])


@pytest.mark.parametrize(
    ("channels", "axes", "says"),
    [
        ((), "YX", "no image"),
        ((np.zeros((3, 4)), np.zeros((3, 5))), "YX", "differ in shape"),
        ((np.zeros((3, 4, 5)),), "YXZ", "Move Y and X"),
        ((np.zeros((3, 4, 5)), np.zeros((3, 4, 5))), "CYX", "channel axis already"),
        ((np.zeros((0, 4)),), "YX", "empty"),
        ((np.zeros((3, 4), complex),), "YX", "complex"),
        ((np.zeros((3, 4)),), "ZYX", "3 dimensions"),
    ],
)
def test_what_is_no_image_is_a_sentence(channels: tuple[Any, ...], axes: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Image("x", channels, axes)


def test_labels_must_cover_the_image_and_be_whole_numbers() -> None:
    image = Image("cells", (np.zeros((3, 20, 30)),), "CYX")
    AnnotatedImage(image, np.zeros((20, 30), np.uint8))
    with pytest.raises(ShapeMismatchError, match=r"\(30, 20\).*\(20, 30\) \(axes YX\)"):
        AnnotatedImage(image, np.zeros((30, 20), np.uint8))
    with pytest.raises(InputError, match="float64"):
        AnnotatedImage(image, np.zeros((20, 30)))

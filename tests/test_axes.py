"""Axes as letters."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.axes import (
    check_axes,
    default_axes,
    label_axes,
    label_shape,
    leading_positions,
    spatial_letters,
)
from napari_unet.errors import InputError

AXES = st.lists(st.sampled_from("TZCVQ"), unique=True, max_size=4).map(lambda a: "".join(a) + "YX")


@pytest.mark.parametrize(
    ("ndim", "rgb", "axes"),
    [(2, False, "YX"), (3, False, "ZYX"), (4, False, "TZYX"), (3, True, "YXC"), (5, True, "TZYXC")],
)
def test_default_axes(ndim: int, rgb: bool, axes: str) -> None:
    assert default_axes(ndim, rgb=rgb) == axes


@given(ndim=st.integers(-2, 14), rgb=st.booleans())
def test_default_axes_describe_their_array_or_say_why_not(ndim: int, rgb: bool) -> None:
    if 2 <= ndim - rgb <= 9:
        assert check_axes(default_axes(ndim, rgb=rgb), (1,) * ndim)
    else:
        with pytest.raises(InputError):
            default_axes(ndim, rgb=rgb)


@given(axes=AXES, data=st.data())
def test_labels_have_all_axes_but_channels(axes: str, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(1, 5)) for _ in axes)
    assert check_axes(axes.lower(), shape) == axes
    assert "C" not in label_axes(axes)
    assert len(label_shape(axes, shape)) == len(label_axes(axes))
    channels = shape[axes.index("C")] if "C" in axes else 1
    assert int(np.prod(label_shape(axes, shape))) * channels == int(np.prod(shape))


@given(axes=AXES, data=st.data(), ndim=st.sampled_from([2, 3]))
def test_leading_positions_visit_every_plane_once(axes: str, data: st.DataObject, ndim: int) -> None:
    axes = label_axes(axes)
    shape = tuple(data.draw(st.integers(1, 4)) for _ in axes)
    if len(axes) < ndim:
        return
    positions = list(leading_positions(axes, shape, ndim))
    seen = np.zeros(shape, int)
    for position in positions:
        seen[position] += 1
    assert (seen == 1).all()
    assert positions == sorted(positions)


@given(st.text(string.ascii_letters + "1 ", max_size=6), st.lists(st.integers(1, 3), max_size=6))
def test_any_other_axes_are_a_sentence(axes: str, shape: list[int]) -> None:
    good = (
        len(axes) == len(shape)
        and len(set(axes.upper())) == len(axes)
        and axes.isalpha()
        and {"Y", "X"} <= set(axes.upper())
    )
    if good:
        assert check_axes(axes, shape) == axes.upper()
    else:
        with pytest.raises(InputError) as caught:
            check_axes(axes, shape)
        assert caught.value.problem.endswith(".")


def test_spatial_letters() -> None:
    assert (spatial_letters(2), spatial_letters(3)) == ("YX", "ZYX")
    with pytest.raises(InputError):
        spatial_letters(1)

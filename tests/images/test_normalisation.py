"""Normalisation: one set of numbers for a whole image, finite whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.images import Image, Normalisation, read_image
from napari_unet.images.blocks import spread_blocks

DTYPES = [bool, np.uint8, np.int8, np.uint16, np.int32, np.int64, np.float16, np.float32, np.float64]


def image(array: Any, axes: str = "YX") -> Image:
    return Image("test", (array,), axes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_0_and_deviation_1_for_every_dtype(dtype: type) -> None:
    array = np.random.default_rng(0).normal(60, 20, (64, 48))
    array = array > 60 if dtype is bool else array.clip(0, 120).astype(dtype)
    statistics = Normalisation().statistics(image(array))
    normal = statistics.apply(image(array).read(((0, 64), (0, 48))))
    assert normal.dtype == np.float32
    assert normal.mean() == pytest.approx(0, abs=0.02)
    assert normal.std() == pytest.approx(1, abs=0.02)
    assert statistics.constant == (False,)
    assert statistics.n_invalid == 0


def test_channels_are_normalised_apart() -> None:
    rng = np.random.default_rng(0)
    array = np.stack([rng.normal(10, 1, (40, 40)), rng.normal(1e4, 500, (40, 40))], axis=-1)
    statistics = Normalisation().statistics(image(array, "YXC"))
    assert statistics.offset == pytest.approx([10, 1e4], rel=0.02)
    assert statistics.scale == pytest.approx([1, 500], rel=0.05)


def test_nan_and_infinity_become_the_mean_and_are_counted() -> None:
    array = np.random.default_rng(0).normal(5, 2, (50, 50))
    array[0, :3] = np.nan, np.inf, -np.inf
    statistics = Normalisation().statistics(image(array))
    assert statistics.n_invalid == 3
    assert statistics.n_sampled == 2500
    normal = statistics.apply(image(array).read(((0, 50), (0, 50))))
    assert np.isfinite(normal).all()
    assert (normal[0, 0, :3] == 0).all()
    assert statistics.scale[0] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 2], ""),
        ([7, 7], "the same value everywhere"),
        ([7, np.nan], "the same value everywhere"),
        ([1, 2, np.inf], "they count as its mean"),
        ([np.nan, -np.inf], "no numbers"),
    ],
)
def test_what_is_wrong_with_an_image_is_said_in_words(values: list[float], said: str) -> None:
    fault = Normalisation().statistics(image(np.resize(values, (20, 31)))).fault
    assert said in fault
    assert bool(said) == bool(fault)


@pytest.mark.parametrize("value", [0, 7, 1e30, -3.5, np.nan, np.inf])
def test_constant_image_is_told_and_becomes_0(value: float) -> None:
    array = np.full((20, 30), value)
    statistics = Normalisation().statistics(image(array))
    assert statistics.constant == (True,)
    assert statistics.scale.tolist() == [1]
    assert (statistics.apply(array[None]) == 0).all()


def test_a_hot_pixel_does_not_set_the_range() -> None:
    array = np.random.default_rng(0).normal(100, 10, (200, 200)).astype(np.float32)
    array[3, 3] = 1e9
    statistics = Normalisation().statistics(image(array))
    assert statistics.scale[0] == pytest.approx(10, rel=0.1)
    assert statistics.apply(array[None]).max() == 100


def test_a_few_bright_spots_on_black_are_not_constant() -> None:
    array = np.zeros((300, 300), np.uint16)
    array[10, 10:15] = 4000
    assert Normalisation().statistics(image(array)).constant == (False,)


def test_a_slice_a_tile_and_the_whole_agree() -> None:
    array = np.random.default_rng(0).integers(0, 4000, (6, 80, 90)).astype(np.uint16)
    whole = image(array, "ZYX")
    statistics = Normalisation().statistics(whole)
    everything = statistics.apply(whole.read(((0, 6), (0, 80), (0, 90))))
    tile = statistics.apply(whole.read(((2, 3), (10, 40), (50, 90))))
    np.testing.assert_array_equal(tile, everything[:, 2:3, 10:40, 50:90])


def test_reads_of_a_huge_image_are_bounded() -> None:
    class Huge:
        shape = (1000, 30_000, 40_000)
        dtype = np.dtype(np.uint16)
        reads = 0
        pixels = 0

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray[Any, Any]:
            size = tuple(k.stop - k.start for k in key)
            Huge.reads += 1
            Huge.pixels += int(np.prod(size))
            return np.full(size, key[0].start, np.uint16)

    statistics = Normalisation().statistics(image(Huge(), "ZYX"))
    assert Huge.reads <= 256
    assert Huge.pixels <= 17_000_000
    assert statistics.offset[0] == pytest.approx(499.5, abs=2)  # the planes are spread over the whole stack


@given(
    shape=st.lists(st.integers(1, 5), max_size=2), plane=st.tuples(st.integers(1, 2000), st.integers(1, 2000))
)
def test_sampled_blocks_lie_inside_and_touch_both_ends(shape: list[int], plane: tuple[int, int]) -> None:
    full = (*shape, *plane)
    boxes = list(spread_blocks(full))
    assert all(0 <= a < b <= n for box in boxes for (a, b), n in zip(box, full, strict=True))
    for axis, n in enumerate(full):
        assert min(box[axis][0] for box in boxes) == 0
        assert max(box[axis][1] for box in boxes) == n


@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int16, np.uint8]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=8),
    )
)
def test_always_finite(array: np.ndarray[Any, Any]) -> None:
    whole = image(array, "ZYX"[-array.ndim :])
    statistics = Normalisation().statistics(whole)
    assert np.isfinite(statistics.offset).all()
    assert np.isfinite(statistics.scale).all()
    assert (statistics.scale > 0).all()
    normal = statistics.apply(whole.read(tuple((0, n) for n in array.shape)))
    assert np.isfinite(normal).all()
    assert np.abs(normal).max() <= 100


def test_real_images_become_comparable(shared_data: Path) -> None:
    for name in ("bbbc039_nuclei", "epfl6_em_organelles", "monuseg_he_nuclei", "bbbc050_embryo_nuclei3d"):
        path = min((shared_data / name / "train" / "images").iterdir())
        whole = read_image(path)
        normal = Normalisation().statistics(whole).apply(whole.read(tuple((0, n) for n in whole.label_shape)))
        assert np.abs(normal.mean(axis=tuple(range(1, normal.ndim)))).max() < 0.1
        assert 0.9 < normal.std() < 1.4

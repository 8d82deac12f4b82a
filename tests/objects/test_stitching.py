"""Objects found block by block are those of the whole."""

from __future__ import annotations

from errno import ENOSPC
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.io import imread
from skimage.segmentation import find_boundaries

from flows_support import codes_of
from napari_unet.errors import InputError, StorageError
from napari_unet.events import Box
from napari_unet.objects import stitching
from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut
from napari_unet.objects.stitching import decode_blocks
from napari_unet.settings import ObjectSettings


def in_blocks(
    foreground: np.ndarray, relief: np.ndarray, options: ObjectSettings, core: int, directed: bool = False
) -> tuple[int, np.ndarray]:
    objects = np.full(foreground.shape, -1, np.int32)

    def region(box: Box) -> tuple[slice, ...]:
        assert all(0 <= a < b <= side for (a, b), side in zip(box, objects.shape, strict=True))
        return tuple(slice(a, b) for a, b in box)

    def write(box: Box, block: np.ndarray) -> None:
        assert (objects[region(box)] == -1).all()  # every pixel once
        objects[region(box)] = block

    def read(box: Box) -> tuple[np.ndarray, np.ndarray]:
        assert max(b - a for a, b in box) <= core + 6
        return foreground[region(box)], relief[region(box)]

    return decode_blocks(read, write, foreground.shape, options, core, directed), objects


def check(
    foreground: np.ndarray, relief: np.ndarray, options: ObjectSettings, core: int, directed: bool = False
) -> None:
    expected = cut(find_basins(foreground, relief, directed), foreground, options)
    n, found = in_blocks(foreground, relief, options, core, directed)
    np.testing.assert_array_equal(found, expected)
    assert n == expected.max(initial=0)


@st.composite
def blobs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Maps of random blobs, coarse in their heights so that there are flat tops and equal passes."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.integers(1, 34 if ndim == 2 else 12)) for _ in range(ndim))
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    rough = draw(st.sampled_from([0.0, 0.7, 1.5, 3.0]))
    levels = draw(st.sampled_from([2, 4, 30, 255]))
    maps = []
    for _ in range(2):
        noise = ndimage.gaussian_filter(random.normal(size=shape), rough)
        noise -= noise.min()
        noise /= max(noise.max(), 1e-9)
        maps.append((np.round(noise * levels) * (255 / levels)).astype(np.uint8))
    return maps[0], maps[1]


OPTIONS = st.builds(
    ObjectSettings,
    foreground=st.sampled_from([0.05, 0.3, 0.5, 0.7]),
    splitting=st.sampled_from([0.0, 0.5, 0.8, 0.95, 1.0]),
    certainty=st.sampled_from([0.0, 0.6, 0.9, 1.0]),
    min_size=st.sampled_from([0, 2, 10, 40]),
    fill_holes=st.booleans(),
    edge_objects=st.booleans(),
)


@settings(deadline=None, max_examples=150)
@given(blobs(), OPTIONS, st.integers(1, 40))
def test_blocks_change_nothing(
    maps: tuple[np.ndarray, np.ndarray], options: ObjectSettings, core: int
) -> None:
    foreground, height = maps
    check(foreground, height, options, max(core, 4) if foreground.ndim == 3 else core)


@st.composite
def flows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A foreground, and codes of directions: of vectors that change slowly or fast, turn around, or are all alike."""
    foreground, codes = draw(blobs())
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    if draw(st.booleans()):
        rough = draw(st.sampled_from([0.7, 1.5, 3.0]))
        vectors = np.stack(
            [ndimage.gaussian_filter(random.normal(size=codes.shape), rough) for _ in codes.shape]
        )
        towards = draw(st.sampled_from([-1, 0, 1]))  # outwards, anywhere, or to the middle
        middle = np.reshape(codes.shape, (-1, *(1,) * codes.ndim)) / 2
        vectors -= towards * (np.indices(codes.shape) - middle) * 0.02
        if draw(st.booleans()):  # around the middle: circles across several blocks
            vectors[-2:] = vectors[-1], -vectors[-2]
        codes = codes_of(vectors)
    if draw(st.booleans()):
        foreground = np.maximum(foreground, 13)
    return foreground, codes


@settings(deadline=None, max_examples=100)
@given(flows(), OPTIONS, st.integers(2, 40))
def test_blocks_change_nothing_about_directions(
    maps: tuple[np.ndarray, np.ndarray], options: ObjectSettings, core: int
) -> None:
    foreground, codes = maps
    check(foreground, codes, options, max(core, 3) if foreground.ndim == 3 else core, directed=True)


@pytest.mark.parametrize("core", [3, 7, 16, 33])
def test_a_circle_across_all_blocks_is_one_object(core: int) -> None:
    foreground, codes = np.zeros((2, 32, 32), np.uint8)
    foreground[4:29, 3:30] = 255
    foreground[5:28, 4:29] = 0
    foreground[10:12, 4:7] = foreground[11, 29:] = 255  # what leads into it, from beside a seam, too
    codes[4], codes[28], codes[5:29, 3], codes[4:28, 29] = 0, 128, 192, 64
    codes[10:12, 4:7] = codes[11, 30:] = 128
    basins = find_basins(foreground, codes, directed=True)
    options = ObjectSettings(splitting=1.0, fill_holes=False)
    check(foreground, codes, options, core, directed=True)
    assert len(basins) == in_blocks(foreground, codes, options, core, directed=True)[0] == 1


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("shape", [(40, 50), (9, 10, 11)])
def test_nothing_and_everything(value: int, shape: tuple[int, ...]) -> None:
    flat = np.full(shape, value, np.uint8)
    check(flat, flat, ObjectSettings(), 8)
    check(flat, flat, ObjectSettings(), 8, directed=True)


def test_a_ring_across_all_blocks_is_filled() -> None:
    rows, columns = np.indices((64, 64))
    radius = np.hypot(rows - 31, columns - 33)
    foreground = np.where((radius > 18) & (radius < 26), 255, 0).astype(np.uint8)
    n, found = in_blocks(foreground, foreground, ObjectSettings(splitting=0), 16)
    assert n == 1
    np.testing.assert_array_equal(found > 0, radius < 26)


@pytest.mark.parametrize("core", [128, 256, 512])
def test_real_nuclei_in_blocks(shared_data: Path, core: int) -> None:
    for path in sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[:2]:
        truth = imread(path)
        border = find_boundaries(truth, connectivity=1, mode="inner")
        height = 6 * (ndimage.distance_transform_edt(~border) + 1) * (truth > 0)
        height += 6 * np.random.default_rng(0).normal(size=truth.shape) * (truth > 0)
        blurred = ndimage.gaussian_filter(255.0 * (truth > 0), 1.0)
        maps = blurred.astype(np.uint8), height.clip(0, 255).astype(np.uint8)
        check(*maps, ObjectSettings(splitting=0.85, min_size=20, edge_objects=False), core)
        check(*maps, ObjectSettings(splitting=1.0, foreground=0.2, min_size=5), core)


def test_what_cannot_be_decoded() -> None:
    def read(box: Box) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((3, 3), np.uint8), np.zeros((3, 3), np.uint8)

    def write(box: Box, block: np.ndarray) -> None:
        raise AssertionError

    with pytest.raises(InputError, match="0 pixels"):
        decode_blocks(read, write, (8, 8), ObjectSettings(), 0)
    with pytest.raises(InputError, match=r"\(8, 8\) was asked for"):
        decode_blocks(read, write, (8, 8), ObjectSettings(), 16)
    assert decode_blocks(read, write, (0, 8), ObjectSettings(), 16) == 0


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(BytesIO):
        def write(self, data: object) -> int:
            raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(stitching.tempfile, "TemporaryFile", Full)
    full = np.full((9, 9), 255, np.uint8)
    with pytest.raises(StorageError, match="no room"):
        in_blocks(full, full, ObjectSettings(), 4)

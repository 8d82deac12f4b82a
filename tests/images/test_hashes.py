"""The fingerprint depends on the pixels, not on what they are stored in."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.images import Image, image_hash, read_image

PIXELS = np.random.default_rng(0).integers(0, 200, (3, 40, 50)).astype(np.uint8)


def test_the_container_does_not_matter(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PIXELS)
    tifffile.imwrite(
        tmp_path / "a.tif", PIXELS, photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"}
    )
    zarr.save_array(str(tmp_path / "a.zarr"), PIXELS)
    images = [
        Image("layer", (PIXELS,), "ZYX"),
        Image("float", (PIXELS.astype(np.float64),), "TYX"),
        Image("dask", (dask.array.from_array(PIXELS, chunks=7),), "ZYX"),
        Image("deeper", (PIXELS[:, None],), "TZYX"),
        *(read_image(tmp_path / f"a.{suffix}") for suffix in ("npy", "tif", "zarr")),
    ]
    assert len({image_hash(image) for image in images}) == 1


def test_channels_as_layers_or_as_an_axis_are_the_same() -> None:
    together = Image("rgb", (np.moveaxis(PIXELS, 0, -1),), "YXC")
    apart = Image("layers", tuple(PIXELS), "YX")
    assert image_hash(together) == image_hash(apart)
    assert image_hash(together) != image_hash(Image("stack", (PIXELS,), "ZYX"))


def test_one_pixel_or_the_shape_makes_a_difference() -> None:
    other = PIXELS.copy()
    other[2, 39, 49] += 1
    different = {
        image_hash(Image("x", (a,), "ZYX")) for a in (PIXELS, other, PIXELS[:2], PIXELS.reshape(3, 50, 40))
    }
    assert len(different) == 4


def test_nan_and_negative_zero_have_one_form() -> None:
    a = np.array([[np.nan, 0.0]], np.float32)
    b = np.array([[0.0, -0.0]], np.float32)
    b.view(np.uint32)[0, 0] = 0x7FC12345  # another NaN
    assert np.isnan(b[0, 0])
    assert image_hash(Image("a", (a,), "YX")) == image_hash(Image("b", (b,), "YX"))


def test_real_images_differ(shared_data: Path) -> None:
    paths = sorted((shared_data / "isbi2012_em_membrane" / "train" / "images").iterdir())
    assert len({image_hash(read_image(p)) for p in paths}) == len(paths)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (40, 5, 5)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    digest = image_hash(Image("x", (np.ones(shape),), "ZYX"[-len(shape) :]))
    assert len(digest) == 32
    assert set(digest) <= set("0123456789abcdef")

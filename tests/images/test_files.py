"""Images and labels in files."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.errors import InputError, StorageError
from napari_unet.images import (
    files,
    formats,
    image_paths,
    is_written_here,
    read_image,
    read_labels,
    write_labels,
)

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (20, 30)).astype(np.uint8)
RGB = RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)
RGBA = RNG.integers(0, 255, (20, 30, 4)).astype(np.uint8)
STACK = RNG.integers(0, 60_000, (4, 20, 30)).astype(np.uint16)


def everything(path: Path, axes: str | None = None) -> np.ndarray[Any, Any]:
    image = read_image(path, axes)
    return np.asarray(image.channels[0][...])


@pytest.mark.parametrize("pixels", [GREY, GREY.astype(np.uint16) * 200, RGB, RGB.astype(np.uint16) * 200])
def test_png(tmp_path: Path, pixels: np.ndarray[Any, Any]) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    np.testing.assert_array_equal(everything(tmp_path / "a.png"), pixels)
    image = read_image(tmp_path / "a.png")
    assert image.axes == ("YXC" if pixels.ndim == 3 else "YX")
    assert image.channels[0].dtype == pixels.dtype
    assert image.name == "a.png"


def test_alpha_is_left_out(tmp_path: Path) -> None:
    PIL.Image.fromarray(RGBA).save(tmp_path / "a.png")
    np.testing.assert_array_equal(everything(tmp_path / "a.png"), RGBA[..., :3])
    PIL.Image.fromarray(RGBA[..., :2]).save(tmp_path / "la.png")
    np.testing.assert_array_equal(everything(tmp_path / "la.png"), RGBA[..., 0])
    tifffile.imwrite(tmp_path / "a.tif", RGBA, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(everything(tmp_path / "a.tif"), RGBA[..., :3])


def test_palette_is_colour_in_an_image_and_numbers_in_labels(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray((GREY % 3).astype(np.uint8), mode=None)
    picture = picture.convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    numbers = np.asarray(picture)
    np.testing.assert_array_equal(np.asarray(read_labels(tmp_path / "a.png")[...]), numbers)
    image = read_image(tmp_path / "a.png")
    assert image.axes == "YXC"
    np.testing.assert_array_equal(everything(tmp_path / "a.png")[..., 0] == 255, numbers == 1)


def test_jpeg_and_bmp(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(20), np.arange(30)).astype(np.uint8)
    PIL.Image.fromarray(smooth).save(tmp_path / "a.JPG", quality=95)
    assert np.abs(everything(tmp_path / "a.JPG").astype(int) - smooth).max() < 6
    PIL.Image.fromarray(RGB).save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(everything(tmp_path / "a.bmp"), RGB)


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((20, 30), "YX", "YX"),
        ((4, 20, 30), "ZYX", "ZYX"),
        ((4, 20, 30), "TYX", "TYX"),
        ((2, 4, 20, 30), "CZYX", "CZYX"),
        ((3, 2, 20, 30), "TCYX", "TCYX"),
    ],
)
@pytest.mark.parametrize("ome", [True, False])
def test_tiff_keeps_its_axes(
    tmp_path: Path, shape: tuple[int, ...], axes: str, expected: str, ome: bool
) -> None:
    pixels = RNG.integers(0, 60_000, shape).astype(np.uint16)
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    tifffile.imwrite(path, pixels, metadata={"axes": axes}, photometric="minisblack", compression="zlib")
    assert read_image(path).axes == expected
    np.testing.assert_array_equal(everything(path), pixels)


def test_imagej_hyperstack_and_rgb_tiff(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 60_000, (3, 2, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "ij.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
    assert read_image(tmp_path / "ij.tif").axes == "ZCYX"
    tifffile.imwrite(tmp_path / "rgb.tif", RGB, photometric="rgb")
    assert read_image(tmp_path / "rgb.tif").axes == "YXC"
    tifffile.imwrite(
        tmp_path / "planar.tif", np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"
    )
    assert read_image(tmp_path / "planar.tif").axes == "CYX"
    np.testing.assert_array_equal(everything(tmp_path / "planar.tif"), np.moveaxis(RGB, -1, 0))


def test_axes_can_be_given(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK)
    assert read_image(tmp_path / "a.npy").axes == "ZYX"
    assert read_image(tmp_path / "a.npy", "cyx").axes == "CYX"
    with pytest.raises(InputError, match="3"):
        read_image(tmp_path / "a.npy", "YX")


def test_large_tiff_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(
        tmp_path / "z.tif", STACK, photometric="minisblack", compression="zlib", metadata={"axes": "ZYX"}
    )
    tifffile.imwrite(tmp_path / "m.tif", STACK, photometric="minisblack", metadata={"axes": "ZYX"})
    monkeypatch.setattr(formats, "IN_MEMORY", 100)
    for name in ("z.tif", "m.tif"):
        image = read_image(tmp_path / name)
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(image.channels[0][1:3, 5:9, ::2], STACK[1:3, 5:9, ::2])
        assert formats.open_file(tmp_path / name).held_bytes == 0
    files._cache.clear()  # closes them; an open file would be a ResourceWarning, hence a failure


def test_zarr_array_group_and_ome_zarr(tmp_path: Path) -> None:
    zarr.save_array(str(tmp_path / "a.zarr"), STACK)
    np.testing.assert_array_equal(everything(tmp_path / "a.zarr"), STACK)
    group = zarr.open_group(str(tmp_path / "ome.zarr"), mode="w", zarr_format=2)
    array = group.create_array("0", shape=(2, 20, 30), dtype="uint16")
    array[:] = STACK[:2]
    group.create_array("1", shape=(2, 10, 15), dtype="uint16")
    group.attrs["multiscales"] = [
        {"axes": [{"name": n} for n in "cyx"], "datasets": [{"path": "0"}, {"path": "1"}]}
    ]
    assert read_image(tmp_path / "ome.zarr").axes == "CYX"
    np.testing.assert_array_equal(everything(tmp_path / "ome.zarr"), STACK[:2])
    plain = zarr.open_group(str(tmp_path / "two.zarr"), mode="w")
    plain.create_array("a", shape=(4, 4), dtype="uint8")
    plain.create_array("b", shape=(4, 4), dtype="uint8")
    with pytest.raises(InputError, match="2 arrays"):
        read_image(tmp_path / "two.zarr")


def test_a_reference_is_small_to_pickle_and_reads_elsewhere(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STACK)
    data = pickle.dumps(read_image(tmp_path / "a.npy"))
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data).channels[0][2], STACK[2])


def test_decoded_files_are_kept_only_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files._cache.clear()
    monkeypatch.setattr(files, "CACHE_BYTES", 3 * GREY.nbytes)
    for i in range(6):
        (tmp_path / f"{i}.png").write_bytes(imagecodecs.png_encode(GREY))
        everything(tmp_path / f"{i}.png")
    assert [Path(path).name for path, *_ in files._cache] == ["3.png", "4.png", "5.png"]


def test_a_file_that_changes_is_read_anew_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(GREY))
    image = read_image(path)
    path.write_bytes(imagecodecs.png_encode(255 - GREY[::-1]))
    np.testing.assert_array_equal(image.channels[0][...], 255 - GREY[::-1])
    path.write_bytes(imagecodecs.png_encode(GREY[:10]))
    with pytest.raises(InputError, match="changed"):
        image.channels[0][...]
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        image.channels[0][...]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "a.bmp", "a.npy", "a.zarr"])
@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(2000)])
def test_damaged_files_are_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    for read in (read_image, read_labels):
        with pytest.raises(InputError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
def test_truncated_files_are_a_sentence(tmp_path: Path, name: str, fraction: float) -> None:
    path = tmp_path / name
    if name == "a.png":
        path.write_bytes(imagecodecs.png_encode(RGB))
    elif name == "a.tif":
        tifffile.imwrite(path, STACK, compression="zlib", photometric="minisblack")
    else:
        np.save(path, STACK)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * fraction)])
    with pytest.raises(InputError, match=name):
        read_image(path)


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "nowhere.png")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="Use one of"):
        read_image(tmp_path / "a.txt")
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(InputError):
        read_image(tmp_path / "o.npy")


def test_grey_labels_stored_as_rgb_count_as_grey(tmp_path: Path) -> None:
    labels = GREY % 4
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.stack([labels] * 3, -1)))
    array = read_labels(tmp_path / "a.png")
    assert array.shape == (20, 30)
    np.testing.assert_array_equal(array[...], labels)


def test_coloured_labels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(RGB))
    with pytest.raises(InputError, match="colour"):
        read_labels(tmp_path / "a.png")


def test_float_labels_are_converted_only_without_loss(tmp_path: Path) -> None:
    np.save(tmp_path / "whole.npy", (GREY % 5).astype(np.float32))
    array = read_labels(tmp_path / "whole.npy")
    assert np.dtype(array.dtype).kind == "i"
    np.testing.assert_array_equal(array[...], GREY % 5)
    for bad, told in (
        (GREY / 2, "fractions"),
        (np.full((3, 3), np.nan), "fractions"),
        (np.full((3, 3), 1e20), "too large"),
    ):
        np.save(tmp_path / "bad.npy", bad)
        with pytest.raises(InputError, match=told):
            read_labels(tmp_path / "bad.npy")


@settings(deadline=None, max_examples=40)
@given(
    labels=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.int64, bool]),
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=6),
    )
)
def test_tiff_labels_come_back_as_written(
    labels: np.ndarray[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    write_labels(path, labels)
    np.testing.assert_array_equal(np.asarray(read_labels(path)[...]).reshape(labels.shape), labels)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.int64])
def test_png_labels_come_back_as_written(tmp_path: Path, dtype: type) -> None:
    labels = (STACK[0] % (2 if dtype is bool else 200)).astype(dtype)
    write_labels(tmp_path / "a.png", labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[...], labels)


def test_labels_that_do_not_fit_a_png(tmp_path: Path) -> None:
    for labels in (np.full((4, 4), 70_000), np.full((4, 4), -1), np.zeros((2, 4, 4), np.uint8)):
        with pytest.raises(InputError, match="tif"):
            write_labels(tmp_path / "a.png", labels)
    with pytest.raises(InputError, match=r"\.png or \.tif"):
        write_labels(tmp_path / "a.jpg", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="integers"):
        write_labels(tmp_path / "a.tif", np.zeros((4, 4)))


def test_old_labels_survive_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_labels(tmp_path / "a.tif", GREY)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(StorageError, match="full"):
        write_labels(tmp_path / "a.tif", GREY[::-1])
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif")[...], GREY)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_files_of_a_folder_in_natural_order(tmp_path: Path) -> None:
    for name in ("s10.png", "s9.PNG", "s1.tif", ".hidden.png", "notes.txt", "._s1.tif"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "deeper.png").mkdir()
    (tmp_path / "z.zarr").mkdir()
    assert [p.name for p in image_paths(tmp_path)] == ["s1.tif", "s9.PNG", "s10.png", "z.zarr"]
    assert image_paths([tmp_path / "s10.png", tmp_path])[0].name == "s10.png"
    assert len(image_paths([tmp_path, tmp_path])) == 4


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images"):
        image_paths(tmp_path)
    with pytest.raises(InputError, match="no file or folder"):
        image_paths(tmp_path / "nowhere")
    with pytest.raises(InputError):
        image_paths([])


def test_every_real_set_can_be_read(shared_data: Path) -> None:
    axes = {}
    for folder in sorted(shared_data.glob("*/train")):
        image = read_image(image_paths(folder / "images")[0])
        labels = read_labels(image_paths(folder / "labels")[0])
        assert tuple(labels.shape) == image.label_shape
        assert np.dtype(labels.dtype).kind == "u"
        axes[folder.parent.name] = image.axes
    assert axes["monuseg_he_nuclei"] == "YXC"
    assert axes["bbbc050_embryo_nuclei3d"] == "ZYX"
    assert axes["isbi2012_em_membrane"] == "YX"


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression="zlib", photometric="minisblack")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        everything(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_label_images_name_the_program_that_wrote_them(tmp_path: Path, name: str) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_labels(tmp_path / name, labels)
    assert is_written_here(tmp_path / name)
    with PIL.Image.open(tmp_path / name) as opened:  # the mark leaves a sound file
        assert np.array_equal(np.asarray(opened), labels)
    edited = tmp_path / f"edited{name[1:]}"
    if name == "a.png":
        PIL.Image.fromarray(labels).save(edited)
    else:
        tifffile.imwrite(edited, labels, photometric="minisblack")
    assert not is_written_here(edited)
    assert not is_written_here(tmp_path / f"absent{name[1:]}")
    (tmp_path / f"empty{name[1:]}").touch()
    assert not is_written_here(tmp_path / f"empty{name[1:]}")

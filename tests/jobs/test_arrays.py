from __future__ import annotations

import io

import dask.array as da
import numpy as np
import pytest
import zarr

from jobs.toys import Toy, Unreadable
from napari_unet.errors import InputError
from napari_unet.images import AnnotatedImage, Image, read_image, write_labels
from napari_unet.jobs import arrays
from napari_unet.jobs.arrays import ServedArray, pack, unpack
from napari_unet.jobs.messages import read_message, write_message
from napari_unet.jobs.scratch import ScratchFiles

VALUES = np.random.default_rng(0).integers(0, 60000, (5, 30, 40), dtype=np.uint16)


class Carrier:
    """Packs and unpacks through a pipe's bytes; serves what is served."""

    def __init__(self) -> None:
        self.scratch = ScratchFiles()
        self.size = 0

    def __call__(self, request):
        packed, served = pack(request, self.scratch)
        file = io.BytesIO()
        write_message(file, packed)
        self.size = file.tell()
        file.seek(0)
        return unpack(read_message(file), served.read)


@pytest.fixture
def carry():
    carrier = Carrier()
    yield carrier
    carrier.scratch.remove()


@pytest.fixture
def no_small_arrays(monkeypatch):
    monkeypatch.setattr(arrays, "SMALL_BYTES", 0)


def through(carry, array):
    return carry(Toy("sums", (array,))).arrays[0]


def test_a_small_array_comes_along(carry):
    got = through(carry, VALUES)
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, VALUES)


@pytest.mark.parametrize("view", [np.asarray, np.transpose, lambda a: a[::2, ::-1]])
def test_a_large_array_is_mapped_and_its_file_gone_at_once(carry, view, no_small_arrays):
    array = view(VALUES)
    got = through(carry, array)
    assert carry.size < 2000
    assert isinstance(got.base, np.memmap)
    np.testing.assert_array_equal(got, array)
    assert not any(path.exists() for path in carry.scratch._paths)


def test_without_room_a_large_array_is_served(carry, monkeypatch, no_small_arrays):
    monkeypatch.setattr(ScratchFiles, "store", lambda *args: None)
    got = through(carry, VALUES)
    assert isinstance(got, ServedArray)
    np.testing.assert_array_equal(got[1:3, ..., ::2], VALUES[1:3, ..., ::2])


VIEWS = {
    "whole": lambda a: a,
    "slice": lambda a: a[2:],
    "strided": lambda a: a[1:4, ::3, 5:],
    "backwards": lambda a: a[::-1, :, ::-2],
    "transposed": lambda a: a.T,
    "one plane": lambda a: a[3],
    "plain array": lambda a: np.asarray(a)[1:][1:],
    "other type": lambda a: a.view(np.int16)[:, 3:],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_memory_map_is_mapped_again(carry, tmp_path, view, order):
    mapped = np.memmap(tmp_path / "a.raw", VALUES.dtype, "w+", offset=10, shape=VALUES.shape, order=order)
    mapped[:] = VALUES
    got = through(carry, view(mapped))
    assert carry.size < 2000
    np.testing.assert_array_equal(got, view(mapped))
    mapped[:] = 7
    assert (got == view(mapped)).all()


def test_a_private_memory_map_is_copied(carry, tmp_path, no_small_arrays):
    np.save(tmp_path / "a.npy", VALUES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="c")
    mapped[0] = 5
    np.testing.assert_array_equal(through(carry, mapped), mapped)


def test_a_memory_map_of_a_deleted_file_is_copied(carry, tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    (tmp_path / "a.npy").unlink()
    np.testing.assert_array_equal(through(carry, mapped), VALUES)


def test_a_file_that_goes_on_the_way_is_told_by_name(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    packed, served = pack(Toy("sums", (np.load(tmp_path / "a.npy", mmap_mode="r"),)), ScratchFiles())
    (tmp_path / "a.npy").unlink()
    with pytest.raises(InputError, match=r"a\.npy could not be read"):
        unpack(packed, served.read)


def test_zarr_on_disk_is_opened_again(carry, tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=VALUES.shape, dtype=VALUES.dtype, chunks=(1, 30, 40))
    array[:] = VALUES
    got = through(carry, array)
    assert isinstance(got, zarr.Array)
    np.testing.assert_array_equal(got[1], VALUES[1])


def test_zarr_in_memory_is_served(carry):
    array = zarr.create_array({}, shape=VALUES.shape, dtype=VALUES.dtype)
    array[:] = VALUES
    got = through(carry, array)
    assert isinstance(got, ServedArray)
    np.testing.assert_array_equal(got[1], VALUES[1])


def test_dask_is_served_region_by_region(carry):
    got = through(carry, da.from_array(VALUES, chunks=(1, 16, 16)).map_blocks(lambda block: block + 1))
    assert isinstance(got, ServedArray)
    assert (got.shape, got.dtype, got.ndim, len(got)) == (VALUES.shape, VALUES.dtype, 3, 5)
    np.testing.assert_array_equal(got[2, 3:20], VALUES[2, 3:20] + 1)
    np.testing.assert_array_equal(np.asarray(got), VALUES + 1)


def test_a_file_array_stays_one(carry, tmp_path):
    write_labels(tmp_path / "a.png", VALUES[0])
    array = read_image(tmp_path / "a.png").channels[0]
    got = through(carry, array)
    assert type(got) is type(array)
    np.testing.assert_array_equal(got[:5], VALUES[0, :5])


def test_an_array_used_twice_is_sent_once(carry, no_small_arrays):
    got = carry(Toy("sums", (VALUES, VALUES, VALUES.copy())))
    assert got.arrays[0] is got.arrays[1]
    assert got.arrays[0] is not got.arrays[2]


def test_what_cannot_be_read_any_more_is_told_with_the_layers_name(carry):
    image = Image("nuclei", (Unreadable(),), "YX")
    got = carry(AnnotatedImage(image, Unreadable()))
    with pytest.raises(InputError, match="nuclei could not be read any more: Not a dataset"):
        got.image.read(((0, 4), (0, 4)))
    with pytest.raises(InputError, match="The labels of nuclei could not"):
        got.labels[0]

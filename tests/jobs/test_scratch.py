from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_unet.jobs import scratch
from napari_unet.jobs.scratch import ScratchFiles, StoppedError, available_memory, sweep


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A shared memory and a disk of our own."""
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    disk.mkdir()
    monkeypatch.setattr(scratch, "_SHARED_MEMORY", memory)
    monkeypatch.setattr(scratch, "_disk_folder", lambda: disk)
    monkeypatch.setattr(scratch, "PIECE_BYTES", 1000)
    monkeypatch.setattr(scratch, "available_memory", lambda: 1 << 30)
    return memory, disk


ARRAY = np.random.default_rng(0).integers(0, 60000, (7, 30, 40), dtype=np.uint16)


@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        ARRAY.T,
        ARRAY[:, ::-2],
        np.asfortranarray(ARRAY),
        np.moveaxis(ARRAY, 0, 2),
        ARRAY[:1].astype(">f8"),
    ],
)
def test_a_copy_is_exact_and_in_c_order(folders, array):
    files = ScratchFiles()
    path = files.store(array, lambda: False)
    assert path.parent == folders[0]
    np.testing.assert_array_equal(np.fromfile(path, array.dtype).reshape(array.shape), array)
    files.remove()
    assert not path.exists()


def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_in_shared_memory_falls_back_to_the_disk(folders, monkeypatch):
    reserve, calls = os.posix_fallocate, []

    def first_is_full(*args):
        calls.append(args)
        return full() if len(calls) == 1 else reserve(*args)

    monkeypatch.setattr(os, "posix_fallocate", first_is_full)
    path = ScratchFiles().store(ARRAY, lambda: False)
    assert path.parent == folders[1]
    assert list(folders[0].iterdir()) == []


def test_no_room_anywhere_is_no_error(folders, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full)
    files = ScratchFiles()
    assert files.store(ARRAY, lambda: False) is None
    assert [list(folder.iterdir()) for folder in folders] == [[], []]


def test_room_is_reserved_before_the_first_byte_is_written(folders, monkeypatch):
    sizes = []
    monkeypatch.setattr(os, "posix_fallocate", lambda fd, start, n: sizes.append((os.fstat(fd).st_size, n)))
    ScratchFiles().store(ARRAY, lambda: False)
    assert sizes == [(0, ARRAY.nbytes)]


def test_a_file_system_that_cannot_reserve_is_written_to(folders, monkeypatch):
    def unsupported(*args):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    assert ScratchFiles().store(ARRAY, lambda: False) is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_fills_up_while_written_is_no_error(folders, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", lambda *args: None)
    monkeypatch.setattr(
        scratch.tempfile,
        "mkstemp",
        lambda suffix, prefix, folder: (os.open("/dev/full", os.O_WRONLY), str(folder / "x")),
    )
    assert ScratchFiles().store(ARRAY, lambda: False) is None


def test_shared_memory_is_spared_when_memory_is_short(folders, monkeypatch):
    monkeypatch.setattr(scratch, "available_memory", lambda: 3 * ARRAY.nbytes)
    assert ScratchFiles().store(ARRAY, lambda: False).parent == folders[1]


def test_the_disk_is_not_filled_to_the_brim(folders, monkeypatch):
    monkeypatch.setattr(scratch, "available_memory", lambda: 0)
    usage = shutil.disk_usage(folders[1])
    monkeypatch.setattr(scratch, "DISK_SPARE_BYTES", usage.free)
    assert ScratchFiles().store(ARRAY, lambda: False) is None


def test_a_copy_can_be_stopped_between_two_pieces(folders):
    answers = iter([False, False, True])
    files = ScratchFiles()
    with pytest.raises(StoppedError):
        files.store(ARRAY, lambda: next(answers))
    files.remove()
    assert list(folders[0].iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_nothing_else(folders):
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    for folder in folders:
        for pid in (int(ended.stdout), os.getpid(), 1):
            (folder / f"napari-unet-{pid}-abc.scratch").write_bytes(b"x")
        (folder / "mine.scratch").write_bytes(b"x")
    sweep()
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {
            f"napari-unet-{os.getpid()}-abc.scratch",
            "napari-unet-1-abc.scratch",
            "mine.scratch",
        }


@pytest.mark.skipif(sys.platform != "linux", reason="known on Linux only")
def test_available_memory_is_a_plausible_number():
    assert 1 << 20 < available_memory() < 1 << 50

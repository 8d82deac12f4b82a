"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from napari_unet.errors import StorageError
from napari_unet.images import write_atomically


def fails_with(number: int) -> Any:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(number, os.strerror(number))

    return write


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "full"), (errno.EACCES, "permission"), (errno.EIO, "could not be written")],
)
def test_the_old_file_survives_a_failure(tmp_path: Path, number: int, says: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(StorageError, match=says):
        write_atomically(path, fails_with(number))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_failures_of_fsync_and_rename_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _raise_full)
            with pytest.raises(StorageError, match="full"):
                write_atomically(tmp_path / "a.bin", lambda f: f.write(b"new"))
    assert os.listdir(tmp_path) == []


def _raise_full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_really_full_device_is_a_full_disk(tmp_path: Path) -> None:
    def write(_: BinaryIO) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(StorageError, match="full"):
        write_atomically(tmp_path / "a.bin", write)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        write_atomically(tmp_path / "file" / "a.bin", lambda f: f.write(b"x"))


def test_an_error_of_the_writer_itself_passes_and_leaves_nothing(tmp_path: Path) -> None:
    def write(_: BinaryIO) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "a.bin", write)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_colleagues_may_read_it_as_any_new_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "deep" / "a.bin", lambda f: f.write(b"x"))
    (tmp_path / "plain").write_bytes(b"")
    mode = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "deep" / "a.bin").stat().st_mode) == mode


def test_a_long_name_in_a_script_of_many_bytes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("核" * 80 + ".tif")  # 244 bytes of 255
    write_atomically(path, lambda file: file.write(b"a"))
    assert path.read_bytes() == b"a"


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="no such devices here")
def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    write_atomically(link, lambda file: file.write(b"a"))
    assert link.is_symlink()
    assert Path("/dev/null").is_char_device()


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links are not permitted here")
    write_atomically(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert target.read_bytes() == b"new"

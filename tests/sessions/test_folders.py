"""Which sessions are in use, and what is kept of those that have ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from napari_unet.errors import SessionError, StorageError
from napari_unet.sessions import (
    AnnotationRecord,
    Placement,
    Session,
    SessionWriter,
    earlier_sessions,
    limit_sessions,
    mark_closed,
    new_folder,
    read_session,
    read_strokes,
    write_session,
)
from napari_unet.sessions.folders import MARKER, is_in_use
from napari_unet.sessions.record import FILE_NAME, inside

PLACE = Placement(
    scale=(1, 1), translate=(0, 0), rotate=((1, 0), (0, 1)), shear=(0,), affine=((1, 0), (0, 1))
)
SESSION = Session(annotations=(AnnotationRecord(name="a", shape=(9, 9), placement=PLACE, file="a.strokes"),))


def end(folder):
    """The process that made it is no more."""
    mark = json.loads((folder / MARKER).read_text())
    (folder / MARKER).write_text(json.dumps({**mark, "started": 1.0}))


def test_what_another_process_left_was_interrupted(tmp_path):
    program = "import sys, pathlib, napari_unet.sessions as s; s.new_folder(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    (folder,) = tmp_path.iterdir()
    assert not is_in_use(folder)
    assert earlier_sessions(tmp_path, closed=False) == []  # nothing was painted in it
    write_session(folder, SESSION)
    (found,) = earlier_sessions(tmp_path, closed=False)
    assert found.session == SESSION
    assert found.session.contents == "1 annotation layer"


def test_one_that_is_open_is_not_offered(tmp_path):
    folder, other = new_folder(tmp_path), new_folder(tmp_path)
    assert folder != other
    write_session(folder, SESSION)
    assert is_in_use(folder)
    assert earlier_sessions(tmp_path, closed=False) == []
    end(folder)
    assert [each.folder for each in earlier_sessions(tmp_path, closed=False)] == [folder]


def test_what_the_user_closed_is_kept_and_not_offered(tmp_path):
    folder = new_folder(tmp_path)
    write_session(folder, SESSION)
    mark_closed(folder)
    assert earlier_sessions(tmp_path, closed=False) == []
    assert [each.folder for each in earlier_sessions(tmp_path, closed=True)] == [folder]


def test_on_another_machine_it_is_open_while_it_gives_signs_of_life(tmp_path):
    folder = new_folder(tmp_path)
    mark = json.loads((folder / MARKER).read_text())
    (folder / MARKER).write_text(json.dumps({**mark, "host": "microscope-3"}))
    assert is_in_use(folder)
    long_ago = time.time() - 3600
    os.utime(folder / MARKER, (long_ago, long_ago))
    assert not is_in_use(folder)


def test_the_oldest_go(tmp_path):
    folders = []
    for i in range(4):
        folders.append(new_folder(tmp_path))
        write_session(folders[-1], SESSION)
        end(folders[-1])
        for path in (folders[-1], *folders[-1].iterdir()):
            os.utime(path, (1000 * i, 1000 * i))
    assert limit_sessions(tmp_path, 3) == 1
    assert [each.folder for each in earlier_sessions(tmp_path, closed=False)] == folders[:0:-1]


@pytest.mark.parametrize("text", ["", "{", '{"images": 3}', '{"format_version": 99}'])
def test_a_record_that_cannot_be_read_is_said(tmp_path, text):
    with pytest.raises(SessionError, match="no project folder"):
        read_session(tmp_path)
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(SessionError, match=r"damaged|newer"):
        read_session(tmp_path)


def test_no_file_outside_of_the_folder(tmp_path):
    with pytest.raises(SessionError):
        inside(tmp_path, "../secret.strokes")


def test_the_writer_writes_in_order_and_says_what_fails(tmp_path):
    writer = SessionWriter(tmp_path)
    writer.begin("a.strokes", (9, 9), np.uint8)
    writer.paint("a.strokes", ((0, 2), (0, 2)), np.ones((2, 2), np.uint8))
    writer.record(SESSION)
    assert writer.wait(30)
    labels, _ = read_strokes(writer.folder / "a.strokes")
    assert labels[...].sum() == 4
    assert read_session(writer.folder) == SESSION
    writer.begin("a.strokes", (9, 9), np.uint8)
    assert not writer.wait(0.5)
    assert isinstance(writer.problem, StorageError)
    writer.close(remove=False)
    assert read_strokes(writer.folder / "a.strokes")[0][...].sum() == 4
    writer.close(remove=True)
    assert not writer.folder.exists()

"""What was written comes back, wherever writing was cut off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import SessionError, ShapeMismatchError, StorageError
from napari_unet.sessions import StrokeFile, read_strokes, strokes, write_strokes

SHAPE = (2, 600, 700)

writes = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 500), st.integers(0, 600), st.integers(1, 100), st.integers(0, 3)
    ),
    max_size=6,
)


def paint(file, array, stroke):
    z, y, x, side, value = stroke
    region = ((z, z + 1), (y, y + side), (x, x + side))
    array[z, y : y + side, x : x + side] = value
    file.append(region, np.full((1, side, side), value, np.uint8))


@settings(deadline=None, max_examples=40)
@given(writes, st.data())
def test_cut_anywhere_it_gives_back_what_was_written_before(tmp_path_factory, strokes_painted, data):
    path = tmp_path_factory.mktemp("strokes") / "a.strokes"
    array = np.zeros(SHAPE, np.uint8)
    file = StrokeFile(path, SHAPE, np.uint8)
    states, ends = [array.copy()], [path.stat().st_size]
    for stroke in strokes_painted:
        paint(file, array, stroke)
        states.append(array.copy())
        ends.append(path.stat().st_size)  # what is written is there for others before it is flushed
    file.close()
    cut = data.draw(st.integers(ends[0], ends[-1]))
    rest = data.draw(st.sampled_from([b"", b"\0" * 20, b"garbage, more than a frame"]))
    path.write_bytes(path.read_bytes()[:cut] + rest)
    labels, unread = read_strokes(path)
    n = max(i for i, end in enumerate(ends) if end <= cut)
    np.testing.assert_array_equal(labels[...], states[n])
    assert unread == cut - ends[n] + len(rest)


@settings(deadline=None, max_examples=20)
@given(writes)
def test_rewriting_changes_nothing(tmp_path_factory, strokes_painted):
    path = tmp_path_factory.mktemp("strokes") / "a.strokes"
    array = np.zeros(SHAPE, np.uint8)
    file = StrokeFile(path, SHAPE, np.uint8)
    for i, stroke in enumerate(strokes_painted):
        paint(file, array, stroke)
        if i == 2:
            file._rewrite()
    file.close()
    labels, unread = read_strokes(path)
    np.testing.assert_array_equal(labels[...], array)
    assert unread == 0


def test_a_file_that_is_mostly_painted_over_is_rewritten(tmp_path, monkeypatch):
    monkeypatch.setattr(strokes, "SMALLEST_REWRITTEN", 50_000)
    file = StrokeFile(tmp_path / "a", (512, 512), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(12):
        last = rng.integers(0, 4, (512, 512), dtype=np.uint8)
        file.append(((0, 512), (0, 512)), last)
        file.flush()
    file.append(((0, 1), (0, 1)), np.array([[9]], np.uint8))
    file.close()
    last[0, 0] = 9
    np.testing.assert_array_equal(read_strokes(tmp_path / "a")[0][...], last)
    assert (tmp_path / "a").stat().st_size < 5 * 70_000
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">i4", np.int64, np.uint64])
def test_whole_labels_of_any_type(tmp_path, dtype):
    labels = np.zeros((3, 40, 50), dtype)
    labels[1, 5:9] = np.iinfo(dtype).max
    write_strokes(tmp_path / "a", labels)
    read, _ = read_strokes(tmp_path / "a")
    np.testing.assert_array_equal(read[...], labels)
    assert read.dtype == np.dtype(dtype).newbyteorder("<")
    write_strokes(tmp_path / "b", read)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def test_a_damaged_stroke_costs_no_other(tmp_path):
    array = np.zeros(SHAPE, np.uint8)
    file = StrokeFile(tmp_path / "a", SHAPE, np.uint8)
    paint(file, np.zeros_like(array), (0, 0, 0, 50, 1))
    at = (tmp_path / "a").stat().st_size - 3
    paint(file, array, (1, 100, 100, 50, 2))
    file.close()
    data = bytearray((tmp_path / "a").read_bytes())
    data[at] ^= 0xFF
    (tmp_path / "a").write_bytes(data)
    labels, unread = read_strokes(tmp_path / "a")
    np.testing.assert_array_equal(labels[...], array)
    assert unread > 0


@pytest.mark.parametrize("content", [b"", b"other", strokes.FIRST_LINE, strokes.FIRST_LINE + b"\0" * 30])
def test_what_is_no_annotation_is_said(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(SessionError):
        read_strokes(tmp_path / "a")
    with pytest.raises(SessionError):
        read_strokes(tmp_path / "missing")


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "a").write_bytes(b"somebody's")
    with pytest.raises(StorageError):
        StrokeFile(tmp_path / "a", SHAPE, np.uint8)
    assert (tmp_path / "a").read_bytes() == b"somebody's"


def test_a_full_disk_leaves_a_good_file(tmp_path):
    file = StrokeFile(tmp_path / "a", SHAPE, np.uint8)
    array = np.zeros(SHAPE, np.uint8)
    paint(file, array, (0, 0, 0, 50, 1))
    disk = file._file

    class Full:
        """Takes a few bytes more."""

        def write(self, data):
            if len(data) < 10:
                raise OSError(28, "No space left on device")
            return disk.write(data[:9])

        def __getattr__(self, name):
            return getattr(disk, name)

    file._file = Full()
    with pytest.raises(StorageError, match="disk is full"):
        paint(file, array.copy(), (1, 0, 0, 60, 2))
    file._file = disk
    paint(file, array, (1, 300, 300, 60, 3))
    file.close()
    labels, unread = read_strokes(tmp_path / "a")
    np.testing.assert_array_equal(labels[...], array)
    assert unread == 0


def test_labels_of_another_shape_are_refused(tmp_path):
    file = StrokeFile(tmp_path / "a", SHAPE, np.uint8)
    with pytest.raises(ShapeMismatchError):
        file.append(((0, 1), (0, 5), (0, 5)), np.zeros((1, 4, 5), np.uint8))
    file.close()

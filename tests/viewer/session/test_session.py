"""What is painted is kept, offered back after a crash, and saved as a project."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_unet.errors import StorageError
from napari_unet.labels import Annotation, LabelClass
from napari_unet.sessions import ModelUse, earlier_sessions, read_session, read_strokes
from napari_unet.sessions.folders import MARKER
from napari_unet.settings import TrainSettings
from napari_unet.viewer.keys import Keys
from napari_unet.viewer.layers import METADATA, annotation_of, set_annotation
from napari_unet.viewer.live.run import live_run_of
from napari_unet.viewer.remembered import sessions_folder
from napari_unet.viewer.session.bar import SessionBar
from napari_unet.viewer.session.collecting import annotation_record, camera_of
from napari_unet.viewer.train.classes import said_kind
from napari_unet.viewer.train.pairs import LayerPair
from napari_unet.viewer.train.run import run_of
from napari_unet.viewer.train.setup_page import SetupPage

ANNOTATION = Annotation(
    kind="scribbles",
    classes=(
        LabelClass(value=1, name="membrane", color="#112233"),
        LabelClass(value=2, name="rest", color="#445566"),
    ),
)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr("napari_unet.viewer.live.watcher.BUDGET", 10.0)


@pytest.fixture
def open_bar(make_napari_viewer, qtbot, worker):
    """Opens a viewer with what of the dock has to do with sessions; looks when the test wants it."""
    from napari_unet.viewer.bridge import engine

    bars = []

    def open_it():
        viewer = make_napari_viewer()
        page = SetupPage(viewer, engine(), Keys(viewer))
        bar = SessionBar(viewer, page, run_of(viewer), live_run_of(viewer))
        bar.autosave._timer.stop()
        qtbot.addWidget(page)
        qtbot.addWidget(bar)
        bars.append(bar)
        return SimpleNamespace(
            viewer=viewer,
            page=page,
            bar=bar,
            autosave=bar.autosave,
            projects=bar.projects,
        )

    yield open_it
    for bar in bars:
        bar.autosave.close()
        bar._page.source.close_connections()


def paint_session(opened, image_path=None):
    """An image in a file or in memory, and scribbles of two classes on it."""
    viewer = opened.viewer
    if image_path is None:
        image = viewer.add_image(
            np.random.default_rng(0).integers(0, 255, (60, 70), dtype=np.uint8), name="cells"
        )
    else:
        (image,) = viewer.open(str(image_path), plugin="napari")
    image.scale = (0.5, 0.25)
    labels = viewer.add_labels(np.zeros((60, 70), np.uint8), name="paint", scale=(0.5, 0.25))
    opened.page.source.show_pairs([LayerPair((image,), labels)])
    labels.brush_size = 4
    labels.data_setitem((np.arange(10), np.arange(10)), 1)
    labels.data_setitem((np.arange(30, 40), np.arange(10)), 2)
    set_annotation(labels, ANNOTATION)
    labels.opacity = 0.5
    return image, labels


def image_file(folder, name="cells.tif"):
    path = folder / name
    tifffile.imwrite(path, np.random.default_rng(1).integers(0, 255, (60, 70), dtype=np.uint8))
    return path


def settle(opened, qtbot):
    """Keep everything, what images are recognised by included."""
    assert opened.autosave.wait()
    assert opened.autosave.wait()  # from now on it knows its folder, where copies of images go
    qtbot.waitUntil(lambda: not opened.autosave._kept.images.is_busy, timeout=20_000)
    opened.autosave._kept.recorded_at = 0.0
    assert opened.autosave.wait()


def crash(opened):
    """The process ends without a word: its folder stays, its marker names nobody."""
    folder = opened.autosave.folder
    kept = folder.with_name("crashed " + folder.name)
    shutil.copytree(folder, kept)
    mark = json.loads((kept / MARKER).read_text())
    (kept / MARKER).write_text(json.dumps({**mark, "started": mark["started"] - 1000}))
    opened.autosave.close()
    shutil.rmtree(folder)
    return kept


def test_what_is_painted_is_on_the_disk(open_bar):
    opened = open_bar()
    assert opened.autosave.wait()
    assert not sessions_folder().exists()  # nothing to keep yet
    _, labels = paint_session(opened)
    assert opened.autosave.wait()
    session = read_session(opened.autosave.folder)
    (record,) = session.annotations
    np.testing.assert_array_equal(read_strokes(opened.autosave.folder / record.file)[0][...], labels.data)
    labels.undo()
    assert opened.autosave.wait()
    np.testing.assert_array_equal(read_strokes(opened.autosave.folder / record.file)[0][...], labels.data)
    assert record.annotation == ANNOTATION


def test_what_was_painted_before_napari_was_closed_can_be_restored(open_bar, qtbot):
    first = open_bar()
    _, labels = paint_session(first)
    settle(first, qtbot)
    labels.data_setitem((np.array([50, 51]), np.array([60, 60])), 2)  # at the last moment
    painted = labels.data.copy()
    first.autosave.close()

    second = open_bar()
    assert second.bar.isHidden()  # nobody is asked
    menu = second.page.project.earlier_menu
    second.page.project.menu().aboutToShow.emit()
    (action,) = menu.actions()
    assert action.text().endswith("1 annotation layer")
    action.trigger()
    np.testing.assert_array_equal(second.viewer.layers["paint"].data, painted)
    assert second.bar.line.text() == "Restored: 1 annotation layer."


def test_other_data_gets_another_file(open_bar):
    opened = open_bar()
    _, labels = paint_session(opened)
    assert opened.autosave.wait()
    labels.data = np.full((60, 70), 3, np.int32)
    assert opened.autosave.wait()
    (record,) = read_session(opened.autosave.folder).annotations
    read, _ = read_strokes(opened.autosave.folder / record.file)
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read[...], labels.data)
    assert len(list(opened.autosave.folder.glob("*.strokes"))) == 1


@pytest.mark.parametrize("in_file", [True, False])
def test_a_crashed_session_comes_back(open_bar, qtbot, tmp_path, in_file):
    first = open_bar()
    image, labels = paint_session(first, image_file(tmp_path) if in_file else None)
    first.page.form.set(TrainSettings(minutes=7))
    camera_of(first.viewer).zoom = 3.5
    settle(first, qtbot)
    painted, pixels = labels.data.copy(), np.asarray(image.data).copy()
    folder = crash(first)

    second = open_bar()
    mine = second.viewer.add_labels(np.ones((60, 70), np.uint8), name="paint")
    assert "was interrupted: 1 annotation layer." in second.bar.line.text()
    assert not second.bar.restore_button.isHidden()
    second.bar.restore()
    assert second.bar.line.text() == "Restored: 1 annotation layer."
    (pair,) = second.page.source.pairs
    np.testing.assert_array_equal(pair.labels.data, painted)
    np.testing.assert_array_equal(pair.images[0].data, pixels)
    assert (mine.data == 1).all()
    assert pair.labels.name == "paint 2"
    assert pair.labels.brush_size == 4
    assert pair.labels.opacity == 0.5
    assert annotation_of(pair.labels) == ANNOTATION
    np.testing.assert_allclose(pair.images[0].scale, (0.5, 0.25))
    np.testing.assert_allclose(pair.labels.scale, (0.5, 0.25))
    assert camera_of(second.viewer).zoom == pytest.approx(3.5)
    assert second.page.settings.minutes == 7
    assert [layer.name for layer in second.viewer.layers][-2:] == ["cells", "paint 2"]

    assert folder.exists()  # until this session keeps it all
    settle(second, qtbot)
    assert second.autosave.wait()
    assert not folder.exists()
    (record,) = [r for r in read_session(second.autosave.folder).annotations if r.name == "paint 2"]
    np.testing.assert_array_equal(read_strokes(second.autosave.folder / record.file)[0][...], painted)


@pytest.mark.parametrize("is_guessed", [None, False, True])
def test_a_kind_that_somebody_said_is_said_when_it_comes_back(open_bar, qtbot, tmp_path, is_guessed):
    opened = open_bar()
    _, labels = paint_session(opened, image_file(tmp_path))
    if is_guessed is None:  # as a copy of a prediction is: its kind is set, nothing says it is a guess
        labels.metadata[METADATA].pop("kind_is_guessed", None)
    else:
        labels.metadata[METADATA]["kind_is_guessed"] = is_guessed
    record = annotation_record(labels, 0, "file")
    assert record.kind_is_guessed == bool(is_guessed)
    assert (said_kind([labels]) is None) == record.kind_is_guessed


def test_an_image_that_is_gone_or_changed_is_said(open_bar, qtbot, tmp_path):
    first = open_bar()
    _, labels = paint_session(first, image_file(tmp_path))
    settle(first, qtbot)
    painted = labels.data.copy()
    crash(first)
    (tmp_path / "cells.tif").rename(tmp_path / "moved.tif")
    second = open_bar()
    second.bar.restore()
    assert f"was not found at {tmp_path / 'cells.tif'}" in second.bar.line.text()
    np.testing.assert_array_equal(second.viewer.layers["paint"].data, painted)


def test_discarding_asks_first(open_bar, qtbot):
    first = open_bar()
    paint_session(first)
    settle(first, qtbot)
    folder = crash(first)
    second = open_bar()
    box = second.bar.ask_to_discard()
    next(b for b in box.buttons() if b.text() == "Keep").click()
    assert folder.exists()
    box = second.bar.ask_to_discard()
    next(b for b in box.buttons() if b.text() == "Delete").click()
    assert not folder.exists()
    assert second.bar.isHidden()


def test_a_disk_that_cannot_be_written_is_said_and_tried_again(open_bar, monkeypatch):
    opened = open_bar()
    sessions_folder().parent.mkdir(parents=True, exist_ok=True)
    sessions_folder().write_text("in the way")
    _, labels = paint_session(opened)
    assert not opened.autosave.wait(0.3)
    opened.autosave.look()
    assert "What you paint is not kept" in opened.bar.line.text()
    sessions_folder().unlink()
    opened.autosave._failed_at = 0.0
    monkeypatch.setattr("napari_unet.viewer.session.autosave.TRY_AGAIN", 0.0)
    assert opened.autosave.wait()
    opened.autosave.look()
    assert "kept again" in opened.bar.line.text()
    (record,) = read_session(opened.autosave.folder).annotations
    np.testing.assert_array_equal(read_strokes(opened.autosave.folder / record.file)[0][...], labels.data)


def save(opened, folder, qtbot):
    opened.projects.save(folder)
    qtbot.waitUntil(lambda: not opened.projects.is_busy, timeout=20_000)
    assert opened.bar.line.text().startswith("Saved to"), opened.bar.line.text()


@pytest.mark.parametrize("copies", [True, False])
def test_a_project_opens_on_another_machine(open_bar, qtbot, tmp_path, copies):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    first = open_bar()
    image, labels = paint_session(first, image_file(here))
    pixels = np.asarray(image.data).copy()
    first.page.project.copies_images.setChecked(copies)
    save(first, here / "project", qtbot)
    assert (here / "project" / "images").exists() == copies
    if copies:
        there.mkdir()
        (here / "project").rename(there / "project")
        (here / "cells.tif").unlink()
    else:
        here.rename(there)
    second = open_bar()
    second.projects.open(there / "project")
    assert second.bar.line.text() == "Restored: 1 annotation layer."
    (pair,) = second.page.source.pairs
    np.testing.assert_array_equal(pair.labels.data, labels.data)
    np.testing.assert_array_equal(pair.images[0].data, pixels)
    assert second.autosave.project == there / "project"
    pair.labels.data_setitem((np.array([59]), np.array([69])), 2)
    save(second, there / "project", qtbot)
    (record,) = read_session(there / "project").annotations
    assert read_strokes(there / "project" / record.file)[0][59, 69] == 2
    assert len(list((there / "project").rglob("*.strokes"))) == 1
    assert len(list((there / "project").rglob("*.tif"))) == int(copies)


def test_a_moved_image_is_asked_for(open_bar, qtbot, tmp_path, monkeypatch):
    first = open_bar()
    paint_session(first, image_file(tmp_path))
    save(first, tmp_path / "project", qtbot)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cells.tif").rename(tmp_path / "elsewhere" / "cells.tif")
    second = open_bar()
    monkeypatch.setattr(
        second.projects, "_ask_for_image", lambda record: tmp_path / "elsewhere" / "cells.tif"
    )
    second.projects.open(tmp_path / "project")
    assert second.bar.line.text() == "Restored: 1 annotation layer."
    image_file(tmp_path)
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((60, 70), np.uint8))
    third = open_bar()
    third.projects.open(tmp_path / "project")
    assert "cells.tif has changed since it was painted on" in third.bar.line.text()


def test_nothing_of_the_users_is_overwritten(open_bar, qtbot, tmp_path):
    opened = open_bar()
    opened.projects.save(tmp_path / "new")
    assert "Nothing is painted yet" in opened.bar.line.text()
    paint_session(opened)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    for folder in (tmp_path / "thesis", tmp_path / "thesis" / "chapter.txt"):
        opened.projects.save(folder)
        assert "Choose another name" in opened.bar.line.text() or "Type a new name" in opened.bar.line.text()
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]
    opened.projects.open(tmp_path / "thesis")
    assert "is no project folder" in opened.bar.line.text()
    save(opened, tmp_path / "project", qtbot)
    (tmp_path / "project" / "notes.txt").write_text("mine")
    save(opened, tmp_path / "project", qtbot)
    assert (tmp_path / "project" / "notes.txt").read_text() == "mine"
    assert len(list((tmp_path / "project" / "images").iterdir())) == 1


def test_a_disk_that_stays_full_costs_nothing_that_is_on_it(open_bar, monkeypatch):
    opened = open_bar()
    _, labels = paint_session(opened)
    assert opened.autosave.wait()
    folder, before = opened.autosave.folder, labels.data.copy()
    opened.autosave._kept.writer.problem = StorageError("The disk is full.", "Make room.")
    labels.data_setitem((np.array([59]), np.array([69])), 2)
    opened.autosave.look()
    opened.autosave.close()
    (record,) = read_session(folder).annotations
    np.testing.assert_array_equal(read_strokes(folder / record.file)[0][...], before)
    assert [each.folder for each in earlier_sessions(sessions_folder(), closed=True)] == [folder]


def test_a_large_annotation_is_complete_when_napari_is_closed(open_bar, monkeypatch):
    monkeypatch.setattr("napari_unet.viewer.live.watcher.BUDGET", 5e-5)  # a block or two at a time
    opened = open_bar()
    image = opened.viewer.add_image(np.zeros((8, 64, 64)), name="stack")
    painted = np.ones((8, 64, 64), np.uint8)
    labels = opened.viewer.add_labels(painted.copy(), name="paint")
    opened.page.source.show_pairs([LayerPair((image,), labels)])
    opened.autosave.look()
    assert opened.autosave._kept.painted.has_more
    assert not opened.autosave._collect().session.is_complete
    opened.autosave.close()
    folder = opened.autosave.folder
    session = read_session(folder)
    assert session.is_complete
    np.testing.assert_array_equal(read_strokes(folder / session.annotations[0].file)[0][...], painted)


def test_an_annotation_that_is_not_chosen_is_kept_when_it_comes_back(open_bar, qtbot, tmp_path):
    first = open_bar()
    image, labels = paint_session(first, image_file(tmp_path))
    assert first.autosave.wait()
    other = first.viewer.add_labels(np.zeros((60, 70), np.uint8), name="other")
    first.page.source.show_pairs([LayerPair((image,), other)])
    other.data_setitem((np.arange(5), np.arange(5)), 2)
    settle(first, qtbot)
    crash(first)
    second = open_bar()
    second.bar.restore()
    settle(second, qtbot)
    kept = {
        record.name: read_strokes(second.autosave.folder / record.file)[0][...]
        for record in read_session(second.autosave.folder).annotations
    }
    np.testing.assert_array_equal(kept["paint"], labels.data)
    np.testing.assert_array_equal(kept["other"], other.data)
    for _ in range(2):
        save(second, tmp_path / "project", qtbot)
        assert len(read_session(tmp_path / "project").annotations) == 2


def test_a_project_keeps_models_whose_originals_are_elsewhere(open_bar, qtbot, tmp_path):
    first = open_bar()
    paint_session(first, image_file(tmp_path))
    model = tmp_path / "models" / "cells.safetensors"
    model.parent.mkdir()
    model.write_bytes(b"weights")
    first.autosave.note_model(ModelUse(path=str(model), how="trained"))
    save(first, tmp_path / "project", qtbot)
    model.unlink()
    second = open_bar()
    second.projects.open(tmp_path / "project")
    for folder in (tmp_path / "project", tmp_path / "project", tmp_path / "another"):
        save(second, folder, qtbot)
        assert [path.read_bytes() for path in (folder / "models").iterdir()] == [b"weights"]


def test_an_image_that_cannot_be_opened_stays_in_its_project(open_bar, qtbot, tmp_path, monkeypatch):
    first = open_bar()
    paint_session(first, image_file(tmp_path))
    first.page.project.copies_images.setChecked(True)
    save(first, tmp_path / "project", qtbot)
    (tmp_path / "cells.tif").unlink()
    second = open_bar()

    def without_reader(*_arguments, **_options):
        raise ValueError("no reader")

    monkeypatch.setattr(type(second.viewer), "open", without_reader)
    second.projects.open(tmp_path / "project")
    assert "could not be opened" in second.bar.line.text()
    save(second, tmp_path / "project", qtbot)
    assert len(list((tmp_path / "project" / "images").iterdir())) == 1

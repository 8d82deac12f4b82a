import os
from datetime import date

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_unet.viewer.train.output import OutputRow, output_problem, unused_path, with_suffix

DAY = date(2026, 3, 1)


def test_the_name_is_the_image_and_the_day_and_nobody_elses(tmp_path):
    first = unused_path(tmp_path, "cells: C=1/2*", DAY)
    assert first.name == "cells C 1 2 2026-03-01.safetensors"
    first.touch()
    second = unused_path(tmp_path, "cells: C=1/2*", DAY)
    assert second.name == "cells C 1 2 2026-03-01 2.safetensors"
    assert unused_path(tmp_path, "***", DAY).name == "U-Net 2026-03-01.safetensors"


def test_a_dot_in_a_name_is_no_suffix(tmp_path):
    assert with_suffix(tmp_path / "v1.5").name == "v1.5.safetensors"
    assert with_suffix(tmp_path / "a.safetensors").name == "a.safetensors"


def test_why_a_model_cannot_be_written(tmp_path):
    there = tmp_path / "there.safetensors"
    there.touch()
    assert output_problem(tmp_path / "new" / "deep" / "m.safetensors", may_replace=False) == ""
    assert "exists already" in output_problem(there, may_replace=False)
    assert output_problem(there, may_replace=True) == ""
    assert "is a folder" in output_problem(tmp_path, may_replace=False)
    assert "Nothing can be written" in output_problem(there / "m.safetensors", may_replace=False)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    locked.mkdir()
    allowed = os.access
    monkeypatch.setattr(  # also to root, to whom no folder is locked
        os, "access", lambda path, mode: path != locked and allowed(path, mode)
    )
    assert output_problem(tmp_path / "m.safetensors", may_replace=False) == ""
    assert "Nothing can be written" in output_problem(locked / "m.safetensors", may_replace=False)


@pytest.fixture
def row(qtbot):
    row = OutputRow()
    qtbot.addWidget(row)
    return row


def test_proposes_until_the_user_chooses(row, qtbot):
    row.propose("cells")
    assert row.path.name.startswith("cells ")
    row.edit.clear()
    qtbot.keyClicks(row.edit, "mine")
    row.propose("other")
    assert row.path == row.folder / "mine.safetensors"
    row.after_run()
    assert row.path.name.startswith("other ")


def test_an_existing_file_is_replaced_only_after_the_dialog_asked(row, qtbot, tmp_path, monkeypatch):
    there = tmp_path / "there.safetensors"
    there.touch()
    row.edit.clear()
    qtbot.keyClicks(row.edit, str(there))
    assert "exists already" in row.problem
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "there"), ""))
    row.browse.click()
    assert "exists already" in row.problem  # the dialog asked about a file without suffix: that one is free
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(there), ""))
    row.browse.click()
    assert (row.path, row.problem) == (there, "")


def test_a_name_is_needed(row):
    row.edit.clear()
    assert row.problem == "Give the model file a name."


@pytest.mark.parametrize(("text", "words"), [("/", "is a folder"), (".", "a name"), ("", "a name")])
def test_a_path_without_a_name_is_a_sentence(qtbot, text, words):
    row = OutputRow()
    qtbot.addWidget(row)
    row.edit.setText(text)
    assert words in row.problem


def test_the_home_folder_may_be_abbreviated(qtbot, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    row = OutputRow()
    qtbot.addWidget(row)
    row.edit.setText("~/cells")
    assert row.path == tmp_path / "cells.safetensors"


def test_whoever_takes_the_name_away_gets_another_proposed(qtbot):
    row = OutputRow()
    qtbot.addWidget(row)
    row.propose("cells")
    proposed = row.path
    row.edit.selectAll()
    qtbot.keyClick(row.edit, Qt.Key.Key_Backspace)
    assert row.problem == "Give the model file a name."
    qtbot.keyClick(row.edit, Qt.Key.Key_Return)
    assert row.path == proposed
    assert row.problem == ""

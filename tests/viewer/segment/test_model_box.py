from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_unet.models.record import FORMAT_VERSION, ValidationRecord
from napari_unet.viewer import remembered
from napari_unet.viewer.segment.model_box import ModelBox, describe
from segment_support import model_record, network, write_model


@pytest.fixture
def box(qtbot):
    box = ModelBox()
    qtbot.addWidget(box)
    qtbot.addWidget(box.about)
    return box


def test_a_model_says_what_it_knows():
    text = describe(model_record())
    assert "#e69f00" in text
    assert "vessel &amp; co" in text  # names come from a file and are not markup
    assert "2D, 1 channel" in text
    assert "Trained on eye &lt;1&gt;, eye 2 and 1 more, 2026-01-02" in text
    assert "Mean Dice 0.750 on held-out pixels (background 0.90, vessel &amp; co 0.60)" in text
    assert "2 of 8 images held out." in text


def test_without_an_honest_score_none_is_shown():
    reason = "Too little is annotated for a score."
    text = describe(model_record(validation=ValidationRecord(honest=False, method=reason, mean_dice=0.99)))
    assert "0.99" not in text
    assert "No honest score" in text
    assert reason in text
    stopped = ValidationRecord(honest=True, method="2 of 8 images held out.")
    assert "Stopped before it was scored" in describe(model_record(validation=stopped))
    found = ValidationRecord(honest=True, mean_dice=0.9, object_ap=0.7)
    assert "AP of objects 0.700, mean Dice 0.900 on held-out pixels" in describe(
        model_record(validation=found)
    )
    assert "3 channels" in describe(model_record(network=network(n_channels=3)))


def test_opening_remembers_the_model(box, model_file, qtbot):
    with qtbot.waitSignal(box.changed):
        assert box.open(model_file)
    assert box.path == model_file
    assert remembered.recent_models() == [model_file]
    assert box.box.currentText() == "vessels"


def test_a_model_trained_meanwhile_is_offered(box, model_file, tmp_path):
    box.open(model_file)
    trained = write_model(tmp_path / "just trained.safetensors", model_record())
    remembered.add_recent_model(trained)
    assert [box.box.itemText(i) for i in range(2)] == ["just trained", "vessels"]
    assert box.box.currentText() == "vessels"
    box.box.activated.emit(0)
    assert box.path == trained


def broken_files(folder):
    good = write_model(folder / "good.safetensors", model_record()).read_bytes()
    newer = model_record(format_version=FORMAT_VERSION + 1)
    return {
        "no model": (b"hello, this is no model", "not a model"),
        "truncated": (good[: len(good) // 2], "truncated"),
        "empty": (b"", "truncated"),
        "newer": (write_model(folder / "n.safetensors", newer).read_bytes(), "newer version"),
    }


@pytest.mark.parametrize("what", ["no model", "truncated", "empty", "newer"])
def test_what_is_wrong_with_a_file_is_said(box, model_file, tmp_path, what):
    box.open(model_file)
    content, words = broken_files(tmp_path)[what]
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    assert not box.open(path)
    assert words in box.about.text()
    assert "border" in box.box.styleSheet()
    assert box.record is None
    assert path not in remembered.recent_models()
    assert box.open(model_file)
    assert "border" not in box.box.styleSheet()


def test_a_file_that_has_gone_is_said(box, tmp_path):
    assert not box.open(tmp_path / "gone.safetensors")
    assert "There is no file" in box.problem


def test_the_dialog_opens_where_the_last_model_was(box, model_file, monkeypatch):
    folders = []

    def choose(parent, title, folder, pattern):
        folders.append(folder)
        return str(model_file), pattern

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    box.open_button.click()
    box.open_button.click()
    assert box.path == model_file
    assert folders == ["", str(model_file.parent)]


def test_a_dialog_cancelled_changes_nothing(box, model_file, monkeypatch):
    box.open(model_file)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    box.open_button.click()
    assert box.path == model_file


def test_a_box_that_has_gone_hears_nothing(qtbot, model_file):
    box = ModelBox()
    box.deleteLater()
    qtbot.waitSignal(box.destroyed).wait()
    remembered.add_recent_model(model_file)

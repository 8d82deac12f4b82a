from __future__ import annotations

import pytest
from napari.utils.notifications import notification_manager

from napari_unet.viewer import remembered


@pytest.fixture
def notices():
    with notification_manager:
        notification_manager.records.clear()
        yield notification_manager.records


def test_what_is_saved_comes_back():
    assert remembered.load("train") is None
    remembered.save("train", {"minutes": 5.0, "width": None})
    assert remembered.load("train") == {"minutes": 5.0, "width": None}


@pytest.mark.parametrize("text", ["{", "[1]", "\udcff"])
def test_a_broken_file_is_ignored_and_said(config_folder, notices, text):
    config_folder.mkdir()
    (config_folder / "train.json").write_text(text, errors="surrogateescape")
    assert remembered.load("train") is None
    assert "cannot be read" in notices[-1].message
    remembered.save("train", {"a": 1})
    assert remembered.load("train") == {"a": 1}


def test_a_folder_that_cannot_be_written_costs_only_a_notice(config_folder, notices):
    config_folder.write_text("a file where the folder should be")
    remembered.save("train", {"a": 1})
    assert "cannot be remembered" in notices[-1].message


def test_nothing_is_left_behind(config_folder):
    remembered.save("train", {"a": 1})
    assert [p.name for p in config_folder.iterdir()] == ["train.json"]


def test_recent_models_are_latest_first_existing_and_few(tmp_path):
    paths = [tmp_path / f"{i}.safetensors" for i in range(remembered.RECENT_MODELS + 3)]
    for path in paths:
        path.touch()
        remembered.add_recent_model(path)
    remembered.add_recent_model(paths[5])
    assert remembered.recent_models()[0] == paths[5]
    assert len(remembered.recent_models()) == remembered.RECENT_MODELS == len(set(remembered.recent_models()))
    paths[5].unlink()
    assert paths[5] not in remembered.recent_models()


def test_docks_hear_of_new_models(tmp_path):
    heard = []
    remembered.events.recent_models.connect(lambda: heard.append(1))
    (tmp_path / "m.safetensors").touch()
    remembered.add_recent_model(tmp_path / "m.safetensors")
    assert heard == [1]
    remembered.events.recent_models.disconnect()

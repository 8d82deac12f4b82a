from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from safetensors.numpy import save_file

from napari_unet.viewer.reader import get_reader
from segment_support import model_record, write_model


@pytest.fixture
def model_file(tmp_path):
    return write_model(tmp_path / "vessels.safetensors", model_record())


def segment_dock(viewer):
    return viewer.window.dock_widgets["Segment with U-Net (napari-unet-live)"]


def test_a_dropped_model_opens_in_the_dock_and_adds_no_layer(make_napari_viewer, worker, model_file):
    viewer = make_napari_viewer()
    assert viewer.open(str(model_file), plugin="napari-unet-live") == []
    assert segment_dock(viewer).page.model.path == model_file
    assert len(viewer.layers) == 0


def test_a_second_model_opens_in_the_same_dock(make_napari_viewer, worker, model_file, tmp_path):
    viewer = make_napari_viewer()
    viewer.open(str(model_file), plugin="napari-unet-live")
    first = segment_dock(viewer)
    other = write_model(tmp_path / "other.safetensors", model_record())
    viewer.open(str(other), plugin="napari-unet-live")
    assert segment_dock(viewer) is first
    assert first.page.model.path == other


def test_other_files_are_left_to_others(tmp_path, model_file):
    foreign = tmp_path / "language model.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, foreign)
    assert get_reader(str(foreign)) is None
    assert get_reader(str(tmp_path / "image.tif")) is None
    assert get_reader([str(model_file), str(model_file)]) is None


def test_a_broken_model_is_explained(tmp_path, model_file):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(model_file.read_bytes()[:40])
    read = get_reader(str(broken))
    with notification_manager:
        notification_manager.records.clear()
        assert read(str(broken)) == [(None,)]
        (record,) = notification_manager.records
    assert "truncated" in record.message


def test_without_a_viewer_it_says_so(model_file, monkeypatch):
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    with notification_manager:
        notification_manager.records.clear()
        assert get_reader(str(model_file))(str(model_file)) == [(None,)]
        assert "no napari window" in notification_manager.records[0].message

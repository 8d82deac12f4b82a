"""What the box "Measure" shows, and what may be done with it, on a real viewer."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from measure_support import LABELS, color_by, column, measure
from napari_unet.images import read_image, read_labels
from score_support import headers, rows


def test_a_heading_sorts_and_a_row_shows_its_object(open_box, qtbot):
    it = open_box(scale=(2, 2))
    measure(it, qtbot)
    place = headers(it.box.findings.table).index("area (unit²)")
    it.box.findings.table.sortByColumn(place, Qt.SortOrder.DescendingOrder)
    assert column(it, "label") == ["4", "9", "1"]
    it.box.findings.table.clicked.emit(it.box.findings.table.model().index(1, 0))
    assert it.layer.selected_label == 9
    camera = getattr(it.viewer, "scene", it.viewer).camera
    assert tuple(camera.center)[-2:] == pytest.approx((74, 109))


def test_colours_and_one_click_back(open_box, qtbot):
    it = open_box()
    mine = DirectLabelColormap(color_dict={None: "red", 0: "transparent", 1: "blue"})
    it.layer.colormap = mine
    measure(it, qtbot)
    assert it.layer.colormap is mine
    color_by(it, "area")
    small, large = it.layer.colormap.map(1), it.layer.colormap.map(4)
    assert small[2] > small[1]  # viridis: from violet to yellow
    assert large[1] > large[2]
    assert not it.box.findings.legend.isHidden()
    color_by(it, "circularity")
    measure(it, qtbot)  # again: the colours stay, and the way back
    assert it.box.findings.color_box.currentData() == "circularity"
    assert it.layer.colormap is not mine
    color_by(it, None)
    assert it.layer.colormap is mine
    assert it.box.findings.legend.isHidden()


def test_colours_come_back_when_the_dock_goes_or_works_on_another_layer(open_box, qtbot):
    it = open_box()
    mine = it.layer.colormap
    measure(it, qtbot)
    color_by(it, "area")
    it.chosen[0] = it.viewer.add_labels(LABELS.copy(), name="others")
    it.box.refresh()
    measure(it, qtbot)
    assert it.layer.colormap is mine
    other = it.chosen[0].colormap
    color_by(it, "area")
    it.box.close_down()
    assert it.chosen[0].colormap is other


def test_colours_chosen_since_are_the_users(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    color_by(it, "area")
    it.layer.new_colormap()
    theirs = it.layer.colormap
    color_by(it, None)
    assert it.layer.colormap is theirs


def test_names_of_others_in_the_features_stay(open_box, qtbot):
    it = open_box()
    it.layer.features = {"index": [4, 7], "name": ["nucleus", "dust"]}
    for _ in range(2):
        measure(it, qtbot)
        features = it.layer.features.set_index("index")
        assert features.loc[4, "name"] == "nucleus"
        assert features.loc[4, "pixels"] == 400
        assert features.loc[7, "name"] == "dust"
        assert len(features) == 4


def test_a_time_series_shows_the_frame_that_is_seen(open_box, qtbot):
    series = np.stack([LABELS, np.where(LABELS == 4, 0, LABELS), np.roll(LABELS, 5, 0)])
    series[1, 20:22, 20:40] = 4
    it = open_box(labels=series, axis_labels=("t", "y", "x"))
    it.viewer.dims.set_point(0, 0)
    measure(it, qtbot)
    assert it.box.findings.headline.text() == "cells: 9 rows, one per object and frame"
    assert column(it, "frame") == ["0", "1", "2"] * 3  # by label
    color_by(it, "area")
    assert it.layer.features.set_index("index").loc[4, "pixels"] == 400
    bright = it.layer.colormap.map(4)
    it.viewer.dims.set_point(0, 1)
    assert it.layer.features.set_index("index").loc[4, "pixels"] == 40
    assert not np.allclose(it.layer.colormap.map(4), bright)
    it.box.findings.table.clicked.emit(it.box.findings.table.model().index(8, 0))
    assert it.viewer.dims.point[0] == 2
    color_by(it, None)
    assert not isinstance(it.layer.colormap, DirectLabelColormap)


def test_a_volume_and_slices_with_numbers_of_their_own(open_box, qtbot):
    it = open_box(labels=np.stack([LABELS] * 4))
    measure(it, qtbot)
    assert it.box.findings.headline.text() == "cells: 3 objects"
    assert "volume (pixel³)" in headers(it.box.findings.table)
    it.box.findings.table.clicked.emit(it.box.findings.table.model().index(0, 0))
    assert it.viewer.dims.point[0] == 2
    it.layer.data = np.stack([LABELS, np.where(LABELS, 13 - LABELS, 0)])
    measure(it, qtbot)
    assert column(it, "slice") == ["0", "0", "1", "0", "1", "1"]


def test_csv(open_box, qtbot, tmp_path, monkeypatch):
    it = open_box(scale=(0.5, 0.5), units=("µm", "µm"))
    measure(it, qtbot)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "cells"), ""))
    qtbot.mouseClick(it.box.findings.csv_button, Qt.MouseButton.LeftButton)
    with open(tmp_path / "cells.csv", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    assert [row["label"] for row in table] == ["1", "4", "9"]
    assert table[1]["area"] == "100"
    assert table[1]["unit"] == "µm"
    assert "Saved" in it.box.note.text()
    it.box.findings.save_csv(tmp_path / "cells.csv" / "no folder.csv")
    assert "Saved" not in it.box.note.text()


def test_no_object_and_labels_too_large_to_colour(open_box, qtbot):
    it = open_box(labels=np.zeros((5, 6), np.int32))
    measure(it, qtbot)
    assert it.box.findings.headline.text() == "cells: 0 objects"
    color_by(it, "area")
    assert "no numbers" in it.box.findings.legend.text()
    it.layer.data = np.array([[1, 100_000]], np.int32)
    color_by(it, None)
    measure(it, qtbot)
    before = it.layer.colormap
    color_by(it, "area")
    if it.layer.colormap is before:  # without numba
        assert "number the objects anew" in it.box.note.text()
        assert it.box.findings.color_box.currentData() is None


def test_real_nuclei(open_box, qtbot, shared_data):
    folder = shared_data / "bbbc039_nuclei" / "train"
    path = sorted((folder / "labels").glob("*.png"))[0]
    labels = np.asarray(read_labels(path))
    it = open_box(labels=labels, image=np.asarray(read_image(folder / "images" / path.name).channels[0]))
    measure(it, qtbot)
    assert len(rows(it.box.findings.table)) == len(np.unique(labels)) - 1
    color_by(it, "mean_DAPI")
    shown = it.layer.colormap.map(labels)
    assert len(np.unique(shown.reshape(-1, 4), axis=0)) > 30
    assert not shown[labels == 0].any()

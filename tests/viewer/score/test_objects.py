"""Objects in the Scores dock."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from scipy.ndimage import binary_dilation
from skimage.io import imread

from napari_unet.viewer.score.results import OBJECTS, SLICES
from score_support import WAIT, compare, headers, rows


def square(labels, top, left, value, size=6):
    labels[..., top : top + size, left : left + size] = value


@pytest.fixture
def truth():
    """Five objects: one will be right, one missed, one split, two merged."""
    labels = np.zeros((40, 40), np.int32)
    for value, (top, left) in enumerate([(2, 2), (2, 20), (20, 2), (20, 20), (20, 26)], start=1):
        square(labels, top, left, value)
    return labels


@pytest.fixture
def guess(truth):
    prediction = np.where(np.isin(truth, (2, 3, 5)), 0, truth).astype(np.int32)
    square(prediction, 20, 2, 11)
    square(prediction, 20, 5, 12)
    prediction[20:26, 8:12] = 0
    square(prediction, 20, 26, 4)
    square(prediction, 33, 33, 9)
    return prediction


def camera_of(viewer):
    return getattr(viewer, "scene", viewer).camera


ROWS = [
    ["merged", "4, 5", "4", "0.500"],
    ["split", "3", "11, 12", "0.500"],
    ["missed", "2", "", "0.000"],
    ["spurious", "", "9", "0.000"],
    ["matched", "1", "1", "1.000"],
]


def test_scores_and_table(open_dock, qtbot, truth, guess):
    it = open_dock(truth, guess, "objects")
    compare(it.dock, qtbot)
    tables = it.dock.tables
    # 3 pairs (one half of the split, one of the merged), 2 predictions and 2 labels left over
    assert tables.headline.text().splitlines() == [
        "AP50 0.429, F1 50 0.600, AP50:95 0.143",
        "5 objects labelled, 5 predicted",
    ]
    assert dict(rows(tables.measures)) == {
        "AP50": "0.429", "F1 50": "0.600", "AP50:95": "0.143", "PQ": "0.400", "Precision": "0.600",
        "Recall": "0.600", "Labelled": "5", "Predicted": "5",
        "matched": "1", "missed": "1", "spurious": "1", "split": "1", "merged": "1",
    }  # fmt: skip
    assert rows(tables.classes)[0][0] == "foreground"
    assert tables.tabs.isTabVisible(OBJECTS)
    panel = tables.objects
    assert panel.filter_box.currentText() == "errors (4)"
    assert headers(panel.table) == ["Object", "Labels", "Prediction", "IoU"]
    assert rows(panel.table) == ROWS[:4]
    panel.filter_box.setCurrentIndex(panel.filter_box.findData("matched"))
    assert rows(panel.table) == ROWS[4:]
    panel.filter_box.setCurrentIndex(panel.filter_box.findData("all"))
    assert rows(panel.table) == ROWS


def test_a_click_centres_the_viewer(open_dock, qtbot, truth, guess):
    it = open_dock(truth, guess, "objects", scale=(0.5, 0.5), translate=(10, 20))
    compare(it.dock, qtbot)
    table = it.dock.tables.objects.table
    zoom = camera_of(it.viewer).zoom
    table.clicked.emit(table.model().index(2, 0))  # the missed one, around (4.5, 22.5)
    assert camera_of(it.viewer).center[-2:] == pytest.approx((10 + 4.5 / 2, 20 + 22.5 / 2))
    assert camera_of(it.viewer).zoom == zoom


def test_layers_of_wrong_objects(open_dock, qtbot, truth, guess):
    it = open_dock(truth, guess, "objects", scale=(0.5, 0.5))
    compare(it.dock, qtbot)
    assert it.dock.actions.error_class.currentText() == "objects"
    assert it.dock.actions.error_button.text() == "Add error layers"
    for name in ("missed", "spurious", "split", "merged"):
        assert name in it.dock.actions.legend.text()
    qtbot.mouseClick(it.dock.actions.error_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 6, timeout=WAIT)
    expected = {
        "Missed: guess": np.where(truth == 2, 2, 0),
        "Spurious: guess": np.where(guess == 9, 9, 0),
        "Split: guess": np.where(truth == 3, 3, 0),
        "Merged: guess": np.where(guess == 4, 4, 0),
    }
    for name, data in expected.items():
        layer = it.viewer.layers[name]
        np.testing.assert_array_equal(layer.data, data)
        np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
        assert list(layer.features["index"]) == [data.max()]
        assert it.dock.choice.prediction_box.findText(name) < 0
    colors = {tuple(it.viewer.layers[name].get_color(int(data.max()))) for name, data in expected.items()}
    assert len(colors) == 4


def test_nothing_wrong_is_said(open_dock, qtbot, truth):
    it = open_dock(truth, truth.copy(), "objects")
    compare(it.dock, qtbot)
    assert it.dock.tables.objects.filter_box.currentText() == "all (5)"
    it.dock.actions.error_button.click()
    qtbot.waitUntil(lambda: "no errors" in it.dock.note.text(), timeout=WAIT)
    assert len(it.viewer.layers) == 2


def test_foreground_errors_are_still_there(open_dock, qtbot, truth, guess):
    it = open_dock(truth, guess, "objects")
    compare(it.dock, qtbot)
    it.dock.actions.error_class.setCurrentIndex(it.dock.actions.error_class.findData(1))
    it.dock.actions.error_button.click()
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 3, timeout=WAIT)
    assert it.viewer.layers[-1].name == "Errors of guess: foreground"


def test_a_volume_and_its_slices(open_dock, qtbot, truth, guess):
    labels = np.stack([np.zeros_like(truth), truth, truth, np.zeros_like(truth)])
    prediction = np.stack([np.zeros_like(guess), guess, guess, np.zeros_like(guess)])
    it = open_dock(labels, prediction, "objects", scale=(2, 1, 1))
    options = it.dock.choice.options
    assert options.volume is None
    compare(it.dock, qtbot)
    tables = it.dock.tables
    assert tables.headline.text().endswith("5 predicted, in 3D")
    assert headers(tables.objects.table)[-1] == "Slice"
    assert rows(tables.objects.table)[2] == ["missed", "2", "", "0.000", "2"]
    assert tables.measure.findData("objects") < 0
    table = tables.objects.table
    it.viewer.dims.set_point(0, 0)
    table.clicked.emit(table.model().index(0, 0))
    assert it.viewer.dims.point[0] == 4  # slice 2; its middle lies between 1 and 2
    assert camera_of(it.viewer).center[-2:] == pytest.approx((22.5, 25.5))

    options.volume_box.setCurrentIndex(options.volume_box.findData(False))
    compare(it.dock, qtbot)
    assert tables.headline.text().endswith("10 predicted, mean over 2 slices")
    assert tables.measure.currentData() == "objects"
    assert headers(tables.slices) == ["Slice", "AP50", "F1 50", "PQ", "Labelled", "Predicted"]
    assert rows(tables.slices)[0] == ["0", "–", "–", "–", "0", "0"]
    assert rows(tables.slices)[1] == ["1", "0.429", "0.600", "0.400", "5", "5"]
    assert tables.tabs.isTabEnabled(SLICES)
    tables.slices.clicked.emit(tables.slices.model().index(3, 0))
    assert it.viewer.dims.point[0] == 6
    last = table.model().rowCount() - 1
    table.clicked.emit(table.model().index(last, 0))
    assert it.viewer.dims.point[0] == 4
    it.viewer.dims.ndisplay = 3
    table.clicked.emit(table.model().index(0, 0))
    assert camera_of(it.viewer).center == pytest.approx((2, 22.5, 25.5))


def test_pieces_of_masks(open_dock, qtbot, truth, guess):
    it = open_dock((truth > 0).astype(np.uint8), (guess > 0).astype(np.uint8), "masks")
    tables = it.dock.tables
    compare(it.dock, qtbot)
    assert not tables.tabs.isTabVisible(OBJECTS)
    assert not it.dock.actions.objects_button.isVisible()
    it.dock.choice.options.components_box.setChecked(True)
    compare(it.dock, qtbot)
    assert tables.headline.text().splitlines()[1] == "4 objects labelled, 4 predicted"
    assert [row[0] for row in rows(tables.classes)] == ["background", "foreground", "mean"]
    it.dock.actions.error_button.click()
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 4, timeout=WAIT)
    assert np.count_nonzero(it.viewer.layers["Missed: guess"].data) == 36


def test_options_fit_the_labels(open_dock, qtbot, truth, guess):
    it = open_dock(truth, guess, "objects")
    options, dock = it.dock.choice.options, it.dock
    assert options.components_box.isVisibleTo(dock)
    assert not options.volume_box.isVisibleTo(dock)
    box = dock.choice.kind_box
    box.setCurrentIndex(box.findData("scribbles"))
    box.activated.emit(box.currentIndex())
    assert not options.components_box.isVisibleTo(dock)
    assert not options.scores_objects


def test_csv(open_dock, qtbot, truth, guess, tmp_path, monkeypatch):
    it = open_dock(truth, guess, "objects")
    compare(it.dock, qtbot)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / a[1]), ""))
    qtbot.mouseClick(it.dock.actions.csv_button, Qt.MouseButton.LeftButton)
    with open(tmp_path / "Export scores.csv", encoding="utf-8") as file:
        (line,) = [r for r in csv.DictReader(file) if r["class"] == "objects" and r["image"] == "guess"]
    assert (line["ap_50"], line["splits"]) == ("0.428571", "1")
    qtbot.mouseClick(it.dock.actions.objects_button, Qt.MouseButton.LeftButton)
    with open(tmp_path / "Export objects.csv", encoding="utf-8") as file:
        assert [r["state"] for r in csv.DictReader(file)] == [row[0] for row in ROWS]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: ("", ""))
    it.dock.actions.objects_button.click()
    assert len(list(tmp_path.iterdir())) >= 2


def test_real_nuclei_spoilt(open_dock, qtbot, shared_data):
    path = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[1]
    truth = imread(path).astype(np.int32)
    guess = truth.copy()
    guess[guess == 40] = 0
    neighbours = np.unique(truth[binary_dilation(truth == 1, iterations=3)])
    joined = next(int(i) for i in neighbours if i > 1)
    guess[guess == joined] = 1
    half = (guess == 70) & (np.arange(guess.shape[1]) > np.nonzero(guess == 70)[1].mean())
    guess[half] = 500
    it = open_dock(truth, guess, kind=None)
    assert it.dock.choice.kind == "objects"
    compare(it.dock, qtbot)
    found = {(row[0], row[1]) for row in rows(it.dock.tables.objects.table)}
    assert ("missed", "40") in found
    assert ("split", "70") in found
    assert ("merged", f"1, {joined}") in found

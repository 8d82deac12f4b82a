import csv

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import set_annotation
from napari_unet.viewer.score.results import SLICES
from score_support import LABELS, PREDICTION, WAIT, compare, headers, rows


def test_compares_with_one_click(open_dock, qtbot):
    it = open_dock(LABELS, PREDICTION)
    assert it.dock.choice.prediction.name == "guess"
    assert it.dock.choice.labels.name == "truth"
    assert it.dock.choice.kind == "masks"
    assert it.dock.compare_button.isEnabled()
    compare(it.dock, qtbot)
    assert rows(it.dock.tables.classes) == [
        ["background", "0.400", "0.250", "2"],
        ["class 1", "0.500", "0.333", "2"],
        ["class 2", "0.667", "0.500", "2"],
        ["mean", "0.522", "0.361", ""],
        ["foreground", "0.571", "0.400", "4"],
    ]
    assert it.dock.tables.headline.text() == "Mean Dice 0.522, IoU 0.361"
    assert rows(it.dock.tables.matrix)[0] == ["background", "50.0%", "50.0%", "0.0%"]
    assert not it.dock.tables.tabs.isTabEnabled(SLICES)


def test_unlabelled_pixels_are_ignored_and_an_absent_class_is_undefined(open_dock, qtbot):
    it = open_dock(LABELS, PREDICTION, "scribbles")
    set_annotation(it.viewer.layers["truth"], default_annotation("scribbles", [1, 2, 3]))
    compare(it.dock, qtbot)
    assert rows(it.dock.tables.classes) == [
        ["class 1", "0.667", "0.500", "2"],
        ["class 2", "0.667", "0.500", "2"],
        ["class 3", "–", "–", "0"],
        ["mean", "0.667", "0.500", ""],
    ]
    assert rows(it.dock.tables.matrix)[2][1:] == ["–", "–", "–", "–"]
    assert headers(it.dock.tables.matrix)[-1] == "no class"


def test_objects_have_one_row(open_dock, qtbot):
    it = open_dock(LABELS * 3, PREDICTION, "objects")
    compare(it.dock, qtbot)
    assert rows(it.dock.tables.classes) == [["foreground", "0.571", "0.400", "4"]]


def test_stack_per_slice_and_the_viewer_follows(open_dock, qtbot):
    stack = np.stack([LABELS, LABELS, LABELS])
    it = open_dock(stack, np.stack([LABELS, PREDICTION, LABELS]), scale=(2, 1, 1))
    compare(it.dock, qtbot)
    assert it.dock.tables.tabs.isTabEnabled(SLICES)
    assert headers(it.dock.tables.slices) == ["Slice", "mean", "background", "class 1", "class 2"]
    assert rows(it.dock.tables.slices)[1] == ["1", "0.522", "0.400", "0.500", "0.667"]
    it.dock.tables.measure.setCurrentIndex(1)
    assert rows(it.dock.tables.slices)[1][1] == "0.361"
    model = it.dock.tables.slices.model()
    it.dock.tables.slices.clicked.emit(model.index(2, 0))
    assert it.viewer.dims.point[0] == 4
    assert "do not lie in the same place" in it.dock.choice.note.text()


def test_error_layer_of_a_class_lies_on_the_prediction(open_dock, qtbot):
    it = open_dock(LABELS, PREDICTION, scale=(0.5, 0.5), translate=(3, 4))
    it.viewer.add_labels(np.zeros((2, 2), np.uint8), name="Errors of guess: class 1")
    compare(it.dock, qtbot)
    it.dock.actions.error_class.setCurrentIndex(it.dock.actions.error_class.findData(1))
    qtbot.mouseClick(it.dock.actions.error_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 4, timeout=WAIT)
    layer = it.viewer.layers[-1]
    assert layer.name == "Errors of guess: class 1 2"
    np.testing.assert_array_equal(layer.data, [[0, 2, 1], [3, 0, 0]])
    np.testing.assert_array_equal(layer.scale, (0.5, 0.5))
    np.testing.assert_array_equal(layer.translate, (3, 4))
    assert list(layer.features["name"]) == ["true positive", "false positive", "false negative"]
    assert it.dock.choice.prediction.name == "guess"  # errors are nothing to score
    assert it.dock.choice.prediction_box.findText(layer.name) < 0


def test_error_layer_over_all_classes(open_dock, qtbot):
    it = open_dock(LABELS, PREDICTION)
    compare(it.dock, qtbot)
    assert it.dock.actions.error_class.currentData() is None
    it.dock.actions.error_button.click()
    qtbot.waitUntil(lambda: len(it.viewer.layers) == 3, timeout=WAIT)
    np.testing.assert_array_equal(it.viewer.layers[-1].data, [[1, 2, 1], [2, 1, 2]])
    assert "right" in it.dock.actions.legend.text()


def test_csv(open_dock, qtbot, tmp_path, monkeypatch):
    it = open_dock(np.stack([LABELS, LABELS]), np.stack([PREDICTION, LABELS]))
    compare(it.dock, qtbot)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "scores"), ""))
    qtbot.mouseClick(it.dock.actions.csv_button, Qt.MouseButton.LeftButton)
    with open(tmp_path / "scores.csv", encoding="utf-8") as file:
        table = {(r["slice"], r["class"]): r for r in csv.DictReader(file)}
    assert table["0", "1"]["dice"] == "0.500000"
    assert table["1", "1"]["dice"] == "1.000000"
    assert table["all", "1"] == table["all", "1"] | {"image": "guess", "name": "class 1", "dice": "0.750000"}
    assert "Saved" in it.dock.note.text()
    it.dock.save_csv(tmp_path / "scores.csv" / "no folder.csv")
    assert it.dock.note.text()
    assert "Saved" not in it.dock.note.text()


def test_changes_after_comparing_are_noted(open_dock, qtbot):
    it = open_dock(LABELS.copy(), PREDICTION.copy())
    compare(it.dock, qtbot)
    assert it.dock.note.text() == ""
    it.viewer.layers["truth"].paint((0, 0), 2)
    qtbot.waitUntil(lambda: "changed since" in it.dock.note.text(), timeout=WAIT)
    compare(it.dock, qtbot)
    assert it.dock.note.text() == ""
    it.viewer.layers["truth"].undo()
    qtbot.waitUntil(lambda: "changed since" in it.dock.note.text(), timeout=WAIT)
    compare(it.dock, qtbot)
    it.viewer.layers["guess"].data = LABELS
    qtbot.waitUntil(lambda: "changed since" in it.dock.note.text(), timeout=WAIT)


def test_looking_around_is_no_change(open_dock, qtbot):
    it = open_dock(np.stack([LABELS, LABELS]), np.stack([PREDICTION, LABELS]))
    compare(it.dock, qtbot)
    it.viewer.dims.set_point(0, 1)
    it.viewer.layers["truth"].opacity = 0.1
    qtbot.wait(500)
    assert it.dock.note.text() == ""


def test_a_deleted_layer_leaves_its_scores(open_dock, qtbot):
    it = open_dock(LABELS, PREDICTION)
    compare(it.dock, qtbot)
    it.viewer.layers.remove("truth")
    assert "truth has been deleted" in it.dock.note.text()
    assert len(rows(it.dock.tables.classes)) == 5
    it.dock.actions.error_button.click()
    assert len(it.viewer.layers) == 1
    assert "deleted" in it.dock.note.text()


class Endless:
    """Labels so slow that nobody waits for them, or broken."""

    def __init__(self, fail=None):
        self.shape, self.dtype, self.ndim, self.size = (10_000, 4, 4), np.dtype(np.uint8), 3, 160_000
        self.fail, self.armed = fail, False

    def __getitem__(self, key):
        if self.armed and self.fail is not None:
            raise self.fail
        if self.armed:
            import time

            time.sleep(0.01)
        return np.zeros(self.shape, np.uint8)[key]


def test_a_long_comparison_can_be_stopped(open_dock, qtbot):
    slow = Endless()
    it = open_dock(np.zeros(slow.shape, np.uint8), np.zeros(slow.shape, np.uint8))
    it.viewer.layers["guess"].data = slow
    slow.armed = True
    qtbot.mouseClick(it.dock.compare_button, Qt.MouseButton.LeftButton)
    assert it.dock.compare_button.text() == "Stop"
    assert it.dock.is_busy
    qtbot.mouseClick(it.dock.compare_button, Qt.MouseButton.LeftButton)
    assert it.dock.compare_button.text() == "Compare"
    assert it.dock.compare_button.isEnabled()
    assert it.dock.note.text().startswith("Stopped")
    slow.armed = False


@pytest.mark.parametrize("error", [RuntimeError("no network"), OSError("disk gone"), MemoryError()])
def test_no_error_is_swallowed_and_the_dock_works_on(open_dock, qtbot, error):
    broken = Endless(error)
    it = open_dock(np.zeros(broken.shape, np.uint8), np.zeros(broken.shape, np.uint8))
    it.viewer.layers["guess"].data = broken
    broken.armed = True
    compare(it.dock, qtbot)
    broken.armed = False
    assert str(error) in it.dock.note.text()
    assert it.dock.note.text()
    assert it.dock.compare_button.isEnabled()


def test_dask_and_multiscale_layers(open_dock, qtbot):
    large = np.kron(LABELS, np.ones((64, 64), np.uint8))
    it = open_dock(large, [da.from_array(large, chunks=50), large[::2, ::2]])
    compare(it.dock, qtbot)
    assert it.dock.tables.headline.text() == "Mean Dice 1.000, IoU 1.000"


def test_closing_the_dock_lets_go_of_the_viewer(open_dock, qtbot):
    it = open_dock(LABELS, PREDICTION)
    compare(it.dock, qtbot)
    it.viewer.window.remove_dock_widget(it.dock)
    it.dock.deleteLater()
    qtbot.wait(50)
    it.viewer.add_labels(LABELS)
    it.viewer.layers.clear()


def test_real_second_observer(open_dock, qtbot, shared_data):
    from skimage.io import imread

    folder = shared_data / "chase_retinal_vessels" / "train"
    name = "Image_01L.png"
    it = open_dock(imread(folder / "labels" / name), imread(folder / "labels_2nd_observer" / name))
    compare(it.dock, qtbot)
    dice = float(rows(it.dock.tables.classes)[1][1])
    assert 0.7 < dice < 0.9
    assert [row[0] for row in rows(it.dock.tables.classes)] == ["background", "foreground", "mean"]

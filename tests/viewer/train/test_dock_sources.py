import numpy as np
from qtpy.QtCore import Qt

from napari_unet.events import (
    Finished,
    ValidationRegions,
)
from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import METADATA, annotation_of, set_annotation
from train_support import press_train, scribbled, settle, tell

# Painting


def test_a_new_annotation_layer_is_ready_to_paint(open_dock, qtbot):
    opened = open_dock(scribbled((3, 64, 64))[0])
    opened.viewer.layers["cells"].scale = (5, 0.5, 0.5)
    qtbot.mouseClick(opened.dock.page.source.new_annotation, Qt.MouseButton.LeftButton)
    settle(opened.dock, qtbot)
    layer = opened.viewer.layers["cells annotation"]
    assert layer.data.shape == (3, 64, 64)
    assert tuple(layer.scale) == (5, 0.5, 0.5)
    assert (layer.mode, opened.viewer.layers.selection.active) == ("paint", layer)
    assert opened.dock.page.source.pairs[0].labels is layer


def test_strokes_are_counted_while_painting(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    layer = opened.viewer.layers["paint"]
    layer.data_setitem(np.nonzero(np.eye(64, dtype=bool)), 3)
    layer.events.paint(value=[])
    settle(opened.dock, qtbot)
    assert "3 classes" in opened.dock.footer.line.text()
    assert opened.dock.page.classes.rowCount() == 3
    layer.undo()
    settle(opened.dock, qtbot)
    assert opened.dock.page.classes.rowCount() == 2


def test_a_stroke_just_before_train_counts(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    layer = opened.viewer.layers["paint"]
    layer.data_setitem(np.nonzero(np.eye(64, dtype=bool)), 3)
    layer.events.paint(value=[])
    assert press_train(opened.dock, worker, qtbot).annotation.values == (1, 2, 3)


def test_names_go_into_the_layer_and_the_request(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.dock.page.classes.item(0, 2).setText("axon")
    assert annotation_of(opened.viewer.layers["paint"]).classes[0].name == "axon"
    assert press_train(opened.dock, worker, qtbot).annotation.classes[0].name == "axon"


def test_later_painting_does_not_reach_the_run(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    request = press_train(opened.dock, worker, qtbot)
    before = np.array(request.images[0].labels[...])
    opened.viewer.layers["paint"].data[:] = 7
    np.testing.assert_array_equal(request.images[0].labels[...], before)


# Sources


def test_several_layers_are_channels(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    opened.viewer.add_image(scribbled()[0], name="actin")
    settle(opened.dock, qtbot)
    row = opened.dock.page.source.rows[0]
    for action in row.images.menu().actions():
        action.setChecked(True)
    settle(opened.dock, qtbot)
    (pair,) = press_train(opened.dock, worker, qtbot).images
    assert pair.image.n_channels == 2


def test_several_pairs(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    image, labels = scribbled((48, 64))
    opened.viewer.add_image(image, name="more cells")
    opened.viewer.add_labels(labels, name="more paint")
    opened.viewer.layers.selection.active = opened.viewer.layers["paint"]
    settle(opened.dock, qtbot)
    source = opened.dock.page.source
    qtbot.mouseClick(source.add_pair, Qt.MouseButton.LeftButton)
    settle(opened.dock, qtbot)
    assert opened.dock.footer.line.text().startswith("2 images, 2 classes")
    request = press_train(opened.dock, worker, qtbot)
    assert [pair.image.name for pair in request.images] == ["cells", "more cells"]
    tell(opened.dock, worker, qtbot, Finished(stopped=True))
    qtbot.mouseClick(source.rows[0].remove, Qt.MouseButton.LeftButton)
    settle(opened.dock, qtbot)
    assert opened.dock.footer.line.text().startswith("1 image")


def test_axes_can_be_corrected(open_dock, worker, qtbot):
    image = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
    opened = open_dock(image, scribbled()[1])
    assert "cells needs labels of (3, 64, 64) (axes ZYX)" in opened.dock.footer.line.text()
    row = opened.dock.page.source.rows[0]
    for text, is_wrong in (("CY", True), ("CYX", False)):
        row.axes.setText(text)
        row.axes.editingFinished.emit()
        assert ("border" in row.axes.styleSheet()) == is_wrong
    settle(opened.dock, qtbot)
    assert press_train(opened.dock, worker, qtbot).images[0].image.n_channels == 3


def test_a_pair_of_folders(open_dock, worker, qtbot, shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    dock = open_dock().dock
    source = dock.page.source
    source.use_folders.setChecked(True)
    assert "Choose a folder" in dock.footer.line.text()
    source.folder_pair.set_folders(str(folder / "images"), str(folder / "labels"))
    source.folder_pair.changed.emit()
    settle(dock, qtbot)
    assert "3 images are paired" in source.folder_pair._summary.text()
    box = dock.page.kind.box
    box.setCurrentIndex(box.findData("masks"))
    box.activated.emit(box.currentIndex())
    settle(dock, qtbot)
    assert dock.footer.line.text().startswith("3 images, 3 classes")
    request = press_train(dock, worker, qtbot)
    assert len(request.images) == 3
    assert request.output.name.startswith("axondeepseg_myelin_sem ")


def test_folders_the_wrong_way_round_are_noticed(open_dock, qtbot, shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    dock = open_dock().dock
    dock.page.source.use_folders.setChecked(True)
    dock.page.source.folder_pair.set_folders(str(folder / "labels"), str(folder / "images"))
    dock.page.source.folder_pair.changed.emit()
    settle(dock, qtbot)
    assert "wrong way round" in dock.footer.line.text()
    assert not dock.footer.button.isEnabled()


def test_folders_without_pairs_are_a_sentence(open_dock, tmp_path):
    dock = open_dock().dock
    dock.page.source.use_folders.setChecked(True)
    dock.page.source.folder_pair.set_folders(str(tmp_path), str(tmp_path / "absent"))
    dock.page.source.folder_pair.changed.emit()
    assert not dock.footer.button.isEnabled()
    assert dock.footer.line.text() == dock.page.source.folder_pair.problem != ""


def test_layers_renamed_deleted_or_replaced_during_a_run_disturb_nothing(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    viewer, dock = opened.viewer, opened.dock
    request = press_train(dock, worker, qtbot)
    before = np.array(request.images[0].labels[...])
    viewer.layers["paint"].name = "renamed"
    viewer.layers["renamed"].data = np.zeros((5, 5), np.uint8)
    viewer.layers.remove("cells")
    viewer.layers.remove("renamed")
    tell(dock, worker, qtbot, ValidationRegions(((((0, 8), (0, 8)),),), True, "A part."), Finished())
    np.testing.assert_array_equal(request.images[0].labels[...], before)
    assert dock.run.report.phase == "finished"
    assert "There is no image yet." in dock.footer.line.text()


def test_where_every_chosen_layer_has_gone_others_are_proposed(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    source = opened.dock.page.source
    qtbot.mouseClick(source.add_pair, Qt.MouseButton.LeftButton)  # nothing is left for it
    assert "No image is chosen" in opened.dock.footer.line.text()
    opened.viewer.layers.clear()
    image, labels = scribbled((48, 64))
    opened.viewer.add_image(image, name="other cells")
    opened.viewer.add_labels(labels, name="other paint")
    settle(opened.dock, qtbot)
    assert len(source.rows) == 1
    assert press_train(opened.dock, worker, qtbot).images[0].image.name == "other cells"


def test_an_empty_pair_takes_the_layers_that_come(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    qtbot.mouseClick(opened.dock.page.source.add_pair, Qt.MouseButton.LeftButton)
    image, labels = scribbled((48, 64))
    opened.viewer.add_image(image, name="more cells")
    opened.viewer.add_labels(labels, name="more paint")
    settle(opened.dock, qtbot)
    names = [pair.image.name for pair in press_train(opened.dock, worker, qtbot).images]
    assert names == ["cells", "more cells"]


def test_a_corrected_prediction_can_be_learnt_from_but_is_never_proposed(open_dock, worker, qtbot):
    opened = open_dock(*scribbled())
    corrected = np.ones((64, 64), np.uint8)
    corrected[30:] = 2
    metadata = {METADATA: {"prediction": True}}
    prediction = opened.viewer.add_labels(corrected, name="cells U-Net", metadata=metadata)
    set_annotation(prediction, default_annotation("masks", [1, 2]))
    settle(opened.dock, qtbot)
    row = opened.dock.page.source.rows[0]
    assert row.labels.currentText() == "paint"
    row.labels.setCurrentIndex(row.labels.findText(prediction.name))
    settle(opened.dock, qtbot)
    np.testing.assert_array_equal(press_train(opened.dock, worker, qtbot).images[0].labels[...], corrected)


def test_what_was_said_of_a_layer_does_not_hold_for_folders(open_dock):
    dock = open_dock(*scribbled(), said="objects").dock
    dock.page.source.use_folders.setChecked(True)
    assert dock.page.kind.said is None


def test_typed_folders_are_read_without_leaving_the_field(open_dock, qtbot, shared_data):
    folder = shared_data / "axondeepseg_myelin_sem" / "train"
    dock = open_dock().dock
    dock.page.source.use_folders.setChecked(True)
    pair = dock.page.source.folder_pair
    for edit, name in ((pair.images, "images"), (pair.labels, "labels")):
        edit.clear()
        qtbot.keyClicks(edit, str(folder / name))
    qtbot.waitUntil(lambda: "3 images are paired" in pair._summary.text(), timeout=10_000)

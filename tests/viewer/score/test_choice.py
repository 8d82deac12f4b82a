import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.labels import default_annotation
from napari_unet.viewer.layers import METADATA, set_annotation
from napari_unet.viewer.score import choice as choice_module
from score_support import LABELS, PREDICTION, WAIT


def test_in_doubt_it_asks_and_remembers_the_answer(open_dock, qtbot):
    labels = np.zeros((20, 20), np.uint8)
    labels[3:7, 3:7] = 1  # a mask, an object, or the first of several scribbles
    it = open_dock(labels, np.zeros_like(labels), kind=None)
    assert it.dock.choice.kind is None
    assert "Choose what the labels are" in it.dock.choice.note.text()
    assert not it.dock.compare_button.isEnabled()
    box = it.dock.choice.kind_box
    box.setCurrentIndex(box.findData("masks"))
    box.activated.emit(box.currentIndex())
    assert it.dock.compare_button.isEnabled()
    it.dock.choice.labels_box.choose(it.viewer.layers["guess"])
    assert "two different layers" in it.dock.choice.note.text()
    it.dock.choice.labels_box.choose(it.viewer.layers["truth"])
    assert it.dock.choice.kind == "masks"


def test_different_shapes_are_said_with_both(open_dock):
    it = open_dock(LABELS, np.zeros((4, 3), np.uint8))
    text = it.dock.choice.note.text()
    assert "(4, 3)" in text
    assert "(2, 3)" in text
    assert not it.dock.compare_button.isEnabled()


def test_without_layers_nothing_breaks_and_later_layers_are_taken(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")
    assert "Two labels layers are needed" in dock.choice.note.text()
    assert not dock.compare_button.isEnabled()
    viewer.add_labels(LABELS, name="one")
    assert not dock.compare_button.isEnabled()
    viewer.add_labels(PREDICTION, name="two")
    assert {dock.choice.prediction.name, dock.choice.labels.name} == {"one", "two"}
    viewer.layers["two"].name = "renamed"
    assert dock.choice.labels_box.findText("renamed") >= 0
    viewer.layers.clear()
    assert dock.choice.prediction is None
    qtbot.waitUntil(lambda: not dock.choice.is_guessing, timeout=WAIT)


def test_a_prediction_that_comes_later_is_taken_until_the_user_chose(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")
    viewer.add_labels(LABELS, name="truth")
    viewer.add_labels(PREDICTION, name="first", metadata={METADATA: {"prediction": True}})
    assert (dock.choice.prediction.name, dock.choice.labels.name) == ("first", "truth")
    viewer.add_labels(PREDICTION, name="second", metadata={METADATA: {"prediction": True}})
    assert (dock.choice.prediction.name, dock.choice.labels.name) == ("second", "truth")
    box = dock.choice.prediction_box
    box.setCurrentIndex(box.findText("first"))
    box.activated.emit(box.currentIndex())
    viewer.add_labels(PREDICTION, name="third", metadata={METADATA: {"prediction": True}})
    assert (dock.choice.prediction.name, dock.choice.labels.name) == ("first", "truth")
    qtbot.waitUntil(lambda: not dock.choice.is_guessing, timeout=WAIT)


def test_pixels_of_a_multiscale_layer_are_the_finest():
    layer = Labels([np.zeros((8, 8), int), np.zeros((4, 4), int)])
    assert choice_module.pixels(layer).shape == (8, 8)


def add_prediction(viewer, image, trained_on=()):
    record = {"image": image, "trained_on": list(trained_on)}
    metadata = {METADATA: {"prediction": True, "record": record}}
    return viewer.add_labels(PREDICTION, name=f"{image} U-Net", metadata=metadata)


def test_labels_of_the_same_image_are_proposed(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    for name in ("first annotation", "second annotation"):
        viewer.add_labels(LABELS, name=name)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")
    for image in ("first", "second"):
        add_prediction(viewer, image)
        assert dock.choice.prediction.name == f"{image} U-Net"
        assert dock.choice.labels.name == f"{image} annotation"
    qtbot.waitUntil(lambda: not dock.choice.is_guessing, timeout=WAIT)


@pytest.mark.parametrize(("trained_on", "is_said"), [(["eye"], True), (["other"], False)])
def test_scores_on_an_image_of_the_training_come_with_a_caution(make_napari_viewer, trained_on, is_said):
    viewer = make_napari_viewer()
    layer = viewer.add_labels(LABELS, name="eye annotation")
    set_annotation(layer, default_annotation("masks", [1, 2]))
    add_prediction(viewer, "eye", trained_on)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Scores")
    assert ("has learnt from this image" in dock.choice.note.text()) == is_said
    assert dock.compare_button.isEnabled()

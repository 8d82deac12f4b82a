"""Painting with the dock's help: classes, keys, accepting and correcting."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from key_support import ALT, digit_key, other_key, press
from napari_unet.events import Finished, LiveState, ModelSaved, Notice, Preview, Started
from napari_unet.labels import Annotation, LabelClass, default_annotation, object_strokes
from napari_unet.requests import Changed, Painted, Renamed, WhereNext
from napari_unet.viewer import bridge
from napari_unet.viewer.layers import annotation_of, set_annotation
from napari_unet.viewer.results import add_prediction
from napari_unet.viewer.train.class_box import starving
from napari_unet.viewer.train.pairs import LayerPair
from train_support import paint, scribbled, settle

SHAPE = (64, 64)


@pytest.fixture
def painting(open_dock, live_worker, qtbot):
    """An image, and the layer that one click on 'New annotation layer' adds."""
    opened = open_dock(scribbled()[0])
    dock = opened.dock
    qtbot.mouseClick(dock.page.source.new_annotation, Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    layer = opened.viewer.layers["cells annotation"]
    layer.corner_pixels = np.array([[0, 0], [63, 63]])
    return SimpleNamespace(viewer=opened.viewer, dock=dock, layer=layer, worker=live_worker, qtbot=qtbot)


def rows(painting, *columns):
    table = painting.dock.page.classes
    return [tuple(table.item(row, column).text() for column in columns) for row in range(table.rowCount())]


def selected_row(painting):
    return [index.row() for index in painting.dock.page.classes.selectionModel().selectedRows()]


def press_key(painting, make, *arguments):
    press(painting.dock.viewer_window, make, *arguments)


def press_digit(painting, number):
    press_key(painting, digit_key, "French", number, ALT)


def test_live_gives_a_layer_of_ones_own_two_classes_to_choose(open_dock, live_worker, qtbot):
    opened = open_dock(scribbled()[0])
    dock, viewer = opened.dock, opened.viewer
    layer = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
    dock.page.source.show_pairs([LayerPair((viewer.layers["cells"],), layer)])
    settle(dock, qtbot)
    assert dock.page.classes.rowCount() == 0
    qtbot.mouseClick(dock.live.button, Qt.MouseButton.LeftButton)
    settle(dock, qtbot)
    painting = SimpleNamespace(dock=dock, qtbot=qtbot)
    assert rows(painting, 1, 2) == [("1", "class 1"), ("2", "class 2")]
    press_digit(painting, 2)
    assert layer.selected_label == 2


def test_keys_paint_on_the_annotation_that_is_selected(painting):
    viewer = painting.viewer
    image = viewer.add_image(np.zeros(SHAPE), name="more cells")
    other = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="other")
    pairs = [LayerPair((viewer.layers["cells"],), painting.layer), LayerPair((image,), other)]
    painting.dock.page.source.show_pairs(pairs)
    settle(painting.dock, painting.qtbot)
    viewer.layers.selection.active = other
    press_digit(painting, 2)
    assert viewer.layers.selection.active is other
    assert (other.selected_label, painting.layer.selected_label) == (2, 1)


def test_one_click_and_two_classes_are_there(painting):
    assert rows(painting, 1, 2, 3, 4) == [("1", "class 1", "0", "0"), ("2", "class 2", "0", "0")]
    assert painting.layer.mode == "paint"
    assert selected_row(painting) == [0]
    assert painting.dock.page.kind.kind == "scribbles"
    assert painting.dock.footer.line.text().startswith("Nothing is labelled yet.")


def test_pixels_and_strokes_are_counted_and_forgotten_again(painting):
    where = np.zeros(SHAPE, bool)
    where[10:12, 5:15] = where[30:32, 5:15] = True
    paint(painting.layer, where, 2)
    settle(painting.dock, painting.qtbot)
    assert rows(painting, 3, 4) == [("0", "0"), ("40", "2")]
    painting.layer.undo()
    painting.layer.events.paint(value=[])  # a viewer that is not shown draws nothing
    settle(painting.dock, painting.qtbot)
    assert rows(painting, 3, 4) == [("0", "0"), ("0", "0")]


def test_a_key_selects_a_class_and_its_row(painting):
    painting.layer.mode = "pan_zoom"
    painting.viewer.layers.selection.active = painting.viewer.layers["cells"]
    press_digit(painting, 2)
    assert (painting.layer.selected_label, painting.layer.mode) == (2, "paint")
    assert painting.viewer.layers.selection.active is painting.layer
    assert selected_row(painting) == [1]
    press_digit(painting, 7)  # no class
    assert painting.layer.selected_label == 2


def test_a_row_selects_a_class_and_follows_napari(painting):
    table = painting.dock.page.classes
    where = table.visualItemRect(table.item(1, 1)).center()
    painting.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert painting.layer.selected_label == 2
    painting.layer.selected_label = 1
    assert selected_row(painting) == [0]
    painting.layer.selected_label = 9
    assert selected_row(painting) == []


def test_a_class_more_is_announced_named_and_kept(painting):
    painting.qtbot.mouseClick(painting.dock.page.class_box.add_button, Qt.MouseButton.LeftButton)
    assert rows(painting, 1, 2) == [("1", "class 1"), ("2", "class 2"), ("3", "class 3")]
    assert painting.layer.selected_label == 3
    painting.dock.page.classes.item(2, 2).setText("myelin")
    paint(painting.layer, np.eye(64, dtype=bool), 1)
    settle(painting.dock, painting.qtbot)
    assert rows(painting, 2)[2] == ("myelin",)
    assert annotation_of(painting.layer).classes[2].name == "myelin"
    assert painting.dock._annotation.values == (1,)  # what is not painted is not learnt


def test_a_class_with_little_paint_is_named(painting):
    paint(painting.layer, np.tri(64, dtype=bool), 1)
    paint(painting.layer, np.eye(64, k=20, dtype=bool), 2)
    settle(painting.dock, painting.qtbot)
    line = painting.dock.page.class_box.line
    assert line.text() == "class 2 has few pixels (44): paint more of it."
    assert line.isVisibleTo(painting.dock)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({0: 90}, ""),
        ({1: 50, 2: 40}, ""),
        ({1: 500}, "axon has no pixels yet: paint some of it."),
        ({1: 500, 2: 49}, "axon has few pixels (49): paint more of it."),
        ({1: 5000, 2: 100}, ""),
    ],
)
def test_when_a_class_starves(counts, words):
    named = ((1, "rest"), (2, "axon"))
    classes = tuple(LabelClass(value=value, name=name, color="#112233") for value, name in named)
    assert starving(Annotation(kind="scribbles", classes=classes), counts) == words


def test_a_refused_key_is_said_below_the_table(painting):
    button = painting.dock.page.classes.cellWidget(0, 5)
    painting.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    press(button, digit_key, "French", 5, ALT | Qt.KeyboardModifier.ShiftModifier)
    assert button.text() == "Alt+Shift+5"
    painting.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    press(button, other_key, Qt.Key.Key_P, Qt.KeyboardModifier.NoModifier, "p")
    assert "paint mode" in painting.dock.page.class_box.line.text()


# Live


@pytest.fixture
def live(painting):
    """Live is on, and a preview of the whole image is there: sure in its left half."""
    press_key(painting, other_key, Qt.Key.Key_T, ALT)
    painting.dock.live.run._timer.stop()
    labels, doubt = np.ones(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    labels[32:], doubt[:, 32:] = 2, 200
    preview = Preview(0, ((0, 64), (0, 64)), labels, doubt, 5)
    painting.worker.say(Started("CPU"), LiveState("learning", 5, 0.1, {1: 5}), preview)
    painting.qtbot.waitUntil(lambda: not bridge.engine("live")._events)
    return painting


def test_a_key_switches_live_on_and_off(painting):
    run = painting.dock.live.run
    press_key(painting, other_key, Qt.Key.Key_T, ALT)
    assert run.report.phase == "starting"
    assert painting.dock.live.button.isChecked()
    press_key(painting, other_key, Qt.Key.Key_T, ALT)
    assert run.report.phase == "stopping"


def test_nothing_is_offered_without_a_prediction(painting):
    assert not painting.dock.preview.isVisibleTo(painting.dock)
    press_key(painting, other_key, Qt.Key.Key_A, ALT)
    assert not painting.layer.data.any()


@pytest.mark.parametrize("by_key", [True, False])
def test_what_is_sure_is_accepted_in_one_step_and_reaches_the_run(live, by_key):
    paint(live.layer, np.eye(64, dtype=bool), 2)
    before = live.layer.data.copy()
    assert live.dock.preview.isVisibleTo(live.dock)
    if by_key:
        press_key(live, other_key, Qt.Key.Key_A, ALT)
    else:
        live.qtbot.mouseClick(live.dock.preview.accept_button, Qt.MouseButton.LeftButton)
    added = 64 * 32 - 32
    assert live.dock.preview.line.text() == f"Accepted {added:,} pixels in view. Ctrl+Z takes it back."
    assert np.count_nonzero(live.layer.data) == np.count_nonzero(before) + added
    np.testing.assert_array_equal(live.layer.data[before > 0], before[before > 0])
    live.dock.live.run._on_tick()
    assert [m for m in live.worker.jobs[-1].told if isinstance(m, Painted)]
    live.layer.undo()
    np.testing.assert_array_equal(live.layer.data, before)


def test_the_area_under_the_pointer_is_accepted_alone(live):
    live.viewer.cursor.position = (50.0, 10.0)
    press_key(live, other_key, Qt.Key.Key_Q, ALT)
    assert (live.layer.data[32:, :32] == 2).all()
    assert np.count_nonzero(live.layer.data) == 32 * 32
    live.viewer.cursor.position = (50.0, 60.0)
    press_key(live, other_key, Qt.Key.Key_Q, ALT)
    assert live.dock.preview.line.text().startswith("Nothing unlabelled under the pointer is sure yet.")


def test_a_copy_is_painted_on_and_learnt_from(live):
    paint(live.layer, np.eye(64, dtype=bool), 2)
    live.dock.live.run._on_tick()
    before = live.layer.data.copy()
    live.qtbot.mouseClick(live.dock.preview.copy_button, Qt.MouseButton.LeftButton)
    settle(live.dock, live.qtbot)
    copy = live.viewer.layers["cells corrections"]
    np.testing.assert_array_equal(live.layer.data, before)
    assert live.dock.page.source.pairs[0].labels is copy
    assert live.viewer.layers.selection.active is copy
    assert (copy.data[before > 0] == before[before > 0]).all()
    assert copy.data.all()
    n = len(live.worker.jobs[-1].told)
    live.dock.live.run._on_tick()
    assert any(isinstance(m, Painted) for m in live.worker.jobs[-1].told[n:])
    assert live.dock.live.run.report.phase == "learning"
    assert live.dock.preview.accept_button.isEnabled()


def test_a_selected_prediction_can_be_corrected_without_live(painting):
    image = painting.viewer.layers["cells"]
    prediction = add_prediction(
        painting.viewer, image, np.ones(SHAPE, np.uint8), default_annotation("masks", [1]), "cells U-Net", {}
    )
    painting.viewer.layers.selection.active = prediction
    assert not painting.dock.preview.accept_button.isEnabled()
    painting.qtbot.mouseClick(painting.dock.preview.copy_button, Qt.MouseButton.LeftButton)
    settle(painting.dock, painting.qtbot)
    assert painting.dock.page.source.pairs[0].labels is painting.viewer.layers["cells U-Net corrections"]


@pytest.mark.parametrize("by_key", [True, False])
def test_where_a_label_helps_most_is_asked_for_while_live_is_on(live, by_key):
    if by_key:
        press_key(live, other_key, Qt.Key.Key_G, ALT)
    else:
        live.qtbot.mouseClick(live.dock.preview.where_button, Qt.MouseButton.LeftButton)
    assert [m for m in live.worker.jobs[-1].told if isinstance(m, WhereNext)] == [WhereNext()]
    live.worker.say(Finished(True))
    live.qtbot.waitUntil(lambda: not live.dock.live.run.report.is_on)
    assert not live.dock.preview.where_button.isEnabled()


def test_what_a_run_says_is_shown(live):
    live.worker.say(Notice("Learning began once more.", "warning"))
    live.qtbot.waitUntil(lambda: "once more" in live.dock.live.line.text())
    assert live.dock.live.line.text().startswith("Learning from 5 pixels")


def test_where_it_is_not_sure_glows_on_request(live):
    live.viewer.layers.selection.active = live.layer
    live.qtbot.mouseClick(live.dock.preview.doubt, Qt.MouseButton.LeftButton)
    names = [layer.name for layer in live.viewer.layers]
    assert names == ["cells", "cells preview", "cells doubt", "cells annotation"]
    doubt = live.viewer.layers["cells doubt"]
    assert (doubt.data[:, 32:] == 200).all()
    assert not doubt.data[:, :32].any()
    assert live.viewer.layers.selection.active is live.layer
    newer = np.full((8, 64), 99, np.uint8)
    live.worker.say(Preview(0, ((0, 8), (0, 64)), np.ones((8, 64), np.uint8), newer, 6))
    live.qtbot.waitUntil(lambda: bool((doubt.data[:8] == 99).all()))
    live.qtbot.mouseClick(live.dock.preview.doubt, Qt.MouseButton.LeftButton)
    assert not doubt.visible
    live.viewer.layers.remove(doubt)
    live.qtbot.mouseClick(live.dock.preview.doubt, Qt.MouseButton.LeftButton)
    assert live.viewer.layers["cells doubt"].visible


def test_it_computes_as_much_as_it_may_also_next_time(live, open_dock):
    share = live.dock.live.share
    assert share.currentText() == "100%"
    live.qtbot.keyClick(share, Qt.Key.Key_Down)
    live.qtbot.keyClick(share, Qt.Key.Key_Down)
    told = [m.settings for m in live.worker.jobs[-1].told if isinstance(m, Changed)]
    assert [settings.processor_share for settings in told] == [0.75, 0.5]
    other = open_dock(scribbled()[0]).dock
    assert other.live.share.currentText() == "50%"
    other.live.button.click()
    assert live.worker.requests[-1].settings.processor_share == 0.5


def test_strokes_of_objects_have_classes_of_their_own(live):
    live.dock.live.objects.click()
    settle(live.dock, live.qtbot)
    assert [name for (name,) in rows(live, 2)] == ["background", "object", "border"]
    live.dock.live.run._on_tick()
    told = live.worker.jobs[-1].told
    assert [m.settings.objects for m in told if isinstance(m, Changed)] == [True]
    assert [m.annotation for m in told if isinstance(m, Renamed)] == [object_strokes()]


def test_other_classes_are_not_taken_for_strokes_of_objects(live):
    set_annotation(
        live.layer,
        Annotation(kind="scribbles", classes=(LabelClass(value=1, name="nuclei", color="#ff0000"),)),
    )
    live.dock.live.objects.click()
    assert not live.dock.live.objects.isChecked()
    assert "has classes of its own" in live.dock.live.line.text()
    assert annotation_of(live.layer).classes[0].name == "nuclei"
    assert not [m for m in live.worker.jobs[-1].told if isinstance(m, Changed)]


def test_strokes_of_two_classes_are_not_taken_for_strokes_of_objects(live):
    paint(live.layer, np.eye(64, dtype=bool), 1)
    live.dock.live.objects.click()
    assert not live.dock.live.objects.isChecked()
    assert "has classes of its own" in live.dock.live.line.text()


@pytest.fixture
def open_annotated(open_dock, make_napari_viewer):
    """The dock on an image whose labels have classes already."""

    def open_it(annotation):
        viewer = make_napari_viewer()
        image, labels = scribbled()
        viewer.add_image(image, name="cells")
        set_annotation(viewer.add_labels(labels, name="paint"), annotation)
        return open_dock(viewer=viewer).dock

    return open_it


def test_objects_are_found_again_where_a_layer_has_their_strokes(open_annotated, live_worker):
    dock = open_annotated(object_strokes())
    assert dock.live.objects.isChecked()
    dock.live.button.click()
    assert dock.live.line.text() == "Starting…"
    assert live_worker.requests[-1].settings.objects


def test_masks_are_no_strokes(open_annotated, live_worker):
    dock = open_annotated(default_annotation("masks", [1]))
    dock.live.button.click()
    assert not dock.live.button.isChecked()
    assert "holds masks, not strokes" in dock.live.line.text()
    assert not live_worker.requests


def test_live_can_be_switched_on_again_at_once(live):
    output = live.worker.requests[-1].output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(b"")
    live.dock.live.button.click()
    live.worker.say(ModelSaved(str(output)), Finished(True, str(output)))
    live.qtbot.waitUntil(lambda: not live.dock.live.run.report.is_on)
    live.dock.live.button.click()
    assert live.dock.live.run.report.phase == "starting"
    assert live.worker.requests[-1].output != output


def test_a_refusal_stays_until_something_else_is_done(live):
    paint(live.layer, np.eye(64, dtype=bool), 1)
    live.dock.live.objects.click()
    live.worker.say(LiveState("learning", 9, 0.1, {1: 5}))
    live.qtbot.waitUntil(lambda: live.dock.live.run.report.steps == 9)
    assert "has classes of its own" in live.dock.live.line.text()
    live.qtbot.keyClick(live.dock.live.share, Qt.Key.Key_Down)
    assert live.dock.live.line.text().startswith("Learning from")

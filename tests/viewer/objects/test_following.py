"""The table follows its layer: after every way of changing it, quietly, and never under a stroke."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from kept_maps_support import dumbbell, dumbbells, lying
from measure_support import LABELS, color_by, column, measure
from napari_unet.viewer.objects import following, measure_box, measuring
from napari_unet.viewer.objects.decode_box import DecodeBox
from score_support import WAIT, headers

pytestmark = pytest.mark.usefixtures("quick")


def correct(layer):
    with layer.block_history():
        layer.data_setitem(np.nonzero(LABELS == 4), 0)


def find(layer):
    layer.data[...] = np.where(LABELS == 4, 0, LABELS)
    layer.refresh()


def replace(layer):
    layer.data = np.where(LABELS == 4, 0, LABELS)


def follows(it, qtbot, labels):
    qtbot.waitUntil(lambda: column(it, "label") == labels, timeout=WAIT)


@pytest.mark.parametrize("change", [correct, find, replace])
def test_after_every_change(open_box, qtbot, change):
    it = open_box(image=np.ones((40, 60)))
    measure(it, qtbot)
    it.box._say("Saved cells.csv.", "muted")
    change(it.layer)
    follows(it, qtbot, ["1", "9"])
    assert it.layer.features["index"].tolist() == [1, 9]
    assert column(it, "mean DAPI") == ["1", "1"]
    assert it.box.note.text() == "Saved cells.csv."


@pytest.mark.parametrize("maps", [dumbbell(), dumbbells()], ids=["plane", "stack"])
def test_after_a_slider_has_found_other_objects(open_box, qtbot, maps):
    it = open_box()
    it.chosen[0], _ = lying(maps, "Z" * (maps.ndim - 3))
    it.viewer.add_layer(it.chosen[0])
    finder = DecodeBox(it.viewer, lambda: it.chosen[0])
    qtbot.addWidget(finder, before_close_func=lambda box: box.close_down())
    measure(it, qtbot)
    assert column(it, "label") == ["1"]
    finder.splitting.set_value(0.95)
    follows(it, qtbot, ["1", "2"])


def test_undo_and_what_comes_after(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    correct(it.layer)
    follows(it, qtbot, ["1", "9"])
    it.layer.undo()
    follows(it, qtbot, ["1", "4", "9"])
    it.layer.paint((1, 1), 2)
    follows(it, qtbot, ["1", "2", "4", "9"])


def test_order_colours_selection_and_place_stay(open_box, qtbot):
    labels = np.arange(1, 401).reshape(20, 20).repeat(3, 0).repeat(2, 1)
    it = open_box(labels=labels)
    measure(it, qtbot)
    table = it.box.findings.table
    place = headers(table).index("x (pixel)")
    table.sortByColumn(place, Qt.SortOrder.DescendingOrder)
    row = column(it, "label").index("131")
    table.selectRow(row)
    table.verticalScrollBar().setValue(57)
    table.horizontalScrollBar().setValue(2)
    places = table.verticalScrollBar().value(), table.horizontalScrollBar().value()
    assert places[0] == 57
    color_by(it, "y")
    shown = []
    it.layer.events.colormap.connect(lambda event: shown.append(it.layer.colormap))
    it.layer.data_setitem(np.nonzero(labels == 20), 0)
    qtbot.waitUntil(lambda: table.model().rowCount() == 399, timeout=WAIT)
    header = table.horizontalHeader()
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (
        place,
        Qt.SortOrder.DescendingOrder,
    )
    assert column(it, "x (pixel)")[0] == "38.5"
    selected = [index.row() for index in table.selectionModel().selectedRows()]
    assert [column(it, "label")[row] for row in selected] == ["131"]
    assert (table.verticalScrollBar().value(), table.horizontalScrollBar().value()) == places
    assert it.box.findings.color_box.currentData() == "y"
    assert len({id(colors) for colors in shown}) == 1  # never, in between, the layer's own
    it.layer.data_setitem(np.nonzero(labels == 131), 0)
    qtbot.waitUntil(lambda: table.model().rowCount() == 398, timeout=WAIT)
    assert not table.selectionModel().selectedRows()


def test_colours_chosen_since_stay_the_users(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    color_by(it, "area")
    it.layer.new_colormap()
    theirs = it.layer.colormap
    correct(it.layer)
    follows(it, qtbot, ["1", "9"])
    assert it.layer.colormap is theirs
    assert it.box.findings.color_box.currentData() is None


@pytest.mark.parametrize("asks", [following, measure_box], ids=["before measuring", "before showing"])
def test_never_while_a_mouse_button_is_held(open_box, qtbot, monkeypatch, asks):
    it = open_box()
    measure(it, qtbot)
    held = [True]
    monkeypatch.setattr(asks, "is_mouse_held", lambda: held[0])
    correct(it.layer)
    qtbot.wait(200)
    assert column(it, "label") == ["1", "4", "9"]
    held[0] = False
    follows(it, qtbot, ["1", "9"])


def test_a_stroke_of_the_brush(open_dock, qtbot):
    it = open_dock(LABELS.copy())
    it.box = it.dock.boxes[2]
    it.box.fold.expand()
    measure(it, qtbot)
    it.viewer.reset_view()
    it.layer.selected_label, it.layer.mode = 2, "paint"
    QTest.mousePress(
        it.canvas.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, it.canvas.at((5, 50))
    )
    qtbot.wait(200)
    assert (it.layer.data == 2).any()
    assert column(it, "label") == ["1", "4", "9"]
    QTest.mouseRelease(
        it.canvas.widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, it.canvas.at((5, 50))
    )
    follows(it, qtbot, ["1", "2", "4", "9"])


@pytest.mark.parametrize("limit", ["SLOW", "HITCH"])
def test_what_took_long_is_only_told(open_box, qtbot, monkeypatch, limit):
    it = open_box()
    monkeypatch.setattr(measure_box, limit, 0.0)
    measure(it, qtbot)
    correct(it.layer)
    qtbot.waitUntil(lambda: "changed since" in it.box.note.text(), timeout=WAIT)
    assert column(it, "label") == ["1", "4", "9"]
    measure(it, qtbot)
    assert it.box.note.text() == ""
    assert column(it, "label") == ["1", "9"]


def slowly(monkeypatch):
    """Measuring does not end before there is something in the list that this returns."""
    ended = []
    true = measuring.measure_steps

    def slow(*arguments, **options):
        while not ended:
            time.sleep(0.01)
            yield 0.5
        return (yield from true(*arguments, **options))

    monkeypatch.setattr(measuring, "measure_steps", slow)
    return ended


def test_nothing_is_seen_of_it_unless_it_takes_long(open_box, qtbot, monkeypatch):
    it = open_box()
    measure(it, qtbot)
    ended = slowly(monkeypatch)
    correct(it.layer)
    qtbot.waitUntil(lambda: it.box.is_busy, timeout=WAIT)
    qtbot.wait(100)
    assert (it.box.button.text(), it.box.progress.isHidden()) == ("Measure", True)
    monkeypatch.setattr(measure_box, "PATIENCE", 0.0)
    qtbot.waitUntil(lambda: it.box.button.text() == "Stop", timeout=WAIT)
    qtbot.mouseClick(it.box.button, Qt.MouseButton.LeftButton)
    assert not it.box.is_busy
    assert it.box.note.text() == "Stopped; the table is that of before."
    ended.append(None)
    it.layer.undo()
    it.layer.paint((1, 1), 2)
    follows(it, qtbot, ["1", "2", "4", "9"])


def test_a_click_asks_for_what_goes_on_quietly(open_box, qtbot, monkeypatch):
    it = open_box()
    measure(it, qtbot)
    ended = slowly(monkeypatch)
    correct(it.layer)
    qtbot.waitUntil(lambda: it.box.is_busy, timeout=WAIT)
    qtbot.mouseClick(it.box.button, Qt.MouseButton.LeftButton)
    assert it.box.button.text() == "Stop"
    ended.append(None)
    qtbot.waitUntil(lambda: not it.box.is_busy, timeout=WAIT)
    assert column(it, "label") == ["1", "9"]


def test_a_change_while_measuring_is_noticed(open_box, qtbot, monkeypatch):
    it = open_box()
    ended = slowly(monkeypatch)
    qtbot.mouseClick(it.box.button, Qt.MouseButton.LeftButton)
    correct(it.layer)
    qtbot.wait(100)
    it.layer.paint((1, 1), 2)
    ended.append(None)
    follows(it, qtbot, ["1", "2", "9"])


def test_errors_are_told_and_end_it(open_box, qtbot, monkeypatch):
    it = open_box()
    measure(it, qtbot)

    def broken(*arguments, **options):
        yield 0.5
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure_steps", broken)
        correct(it.layer)
        qtbot.waitUntil(lambda: "not enough memory" in it.box.note.text(), timeout=WAIT)
    assert column(it, "label") == ["1", "4", "9"]
    measure(it, qtbot)
    assert column(it, "label") == ["1", "9"]


def test_the_layer_of_the_table_is_followed_whatever_is_chosen(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    it.chosen[0] = it.viewer.add_labels(LABELS.copy(), name="others")
    it.box.refresh()
    correct(it.layer)
    follows(it, qtbot, ["1", "9"])
    assert it.box.findings.headline.text() == "cells: 2 objects"


def test_layers_that_are_gone(open_box, qtbot, monkeypatch):
    it = open_box(image=np.ones((40, 60)))
    measure(it, qtbot)
    it.viewer.layers.remove("DAPI")
    correct(it.layer)
    qtbot.waitUntil(lambda: "changed since" in it.box.note.text(), timeout=WAIT)
    measure(it, qtbot)
    assert "mean DAPI" not in headers(it.box.findings.table)
    slowly(monkeypatch)
    it.layer.paint((1, 1), 2)
    qtbot.waitUntil(lambda: it.box.is_busy, timeout=WAIT)
    it.chosen[0] = None
    it.viewer.layers.remove("cells")
    assert not it.box.is_busy
    assert "has been deleted" in it.box.note.text()


def test_a_closed_box_follows_nothing(open_box, qtbot):
    it = open_box()
    measure(it, qtbot)
    correct(it.layer)
    it.box.close_down()
    qtbot.wait(200)
    assert column(it, "label") == ["1", "4", "9"]

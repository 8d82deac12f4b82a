"""Objects of a prediction found again while a slider is moved."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from kept_maps_support import START, dumbbell, dumbbells, lying
from napari_unet.viewer.objects.decode_box import SLICES, SOON, DecodeBox
from napari_unet.viewer.objects.kept_maps import KeptMaps, checksum, keep_maps, maps_of
from napari_unet.viewer.objects.search import CORRECTED


class Bench:
    def __init__(self, qtbot: QtBot, layer: Labels | None) -> None:
        self.viewer = ViewerModel()
        if layer is not None:
            self.viewer.add_layer(layer)
        self.layer = layer
        self.box = DecodeBox(self.viewer, lambda: self.layer)
        qtbot.addWidget(self.box, before_close_func=lambda box: box.close_down())
        self.box.show()
        self._qtbot = qtbot

    def wait(self) -> None:
        self._qtbot.waitUntil(lambda: not self.box.is_busy, timeout=10_000)


@pytest.fixture
def bench(qtbot: QtBot) -> Any:
    return lambda layer: Bench(qtbot, layer)


def test_a_slider_finds_objects_again(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    assert layer.data.max() == 1
    desk = bench(layer)
    assert desk.box.settings == START
    desk.box.splitting.set_value(0.95)
    desk.wait()
    assert layer.data.max() == 2
    assert desk.box.note.text() == "2 objects here."
    assert kept.settings.splitting == 0.95
    desk.box.splitting.set_value(0.5)
    desk.wait()
    assert layer.data.max() == 1


def test_a_layer_that_was_chosen_while_it_was_segmented_can_be_found_again(bench: Any) -> None:
    other, _ = lying(dumbbell())
    layer = Labels(other.data.copy(), name="growing")
    desk = bench(layer)
    assert "Choose a layer made by Segment" in desk.box.note.text()
    keep_maps(layer, KeptMaps(dumbbell(), "", "ZT", START), {(): checksum(layer.data)})
    assert desk.box.note.text() == ""
    desk.box.splitting.set_value(0.95)
    desk.wait()
    assert layer.data.max() == 2


def test_what_is_not_certain_enough_goes(bench: Any) -> None:
    maps = dumbbell()
    maps[0, :, 45:] = np.minimum(maps[0, :, 45:], 253)
    maps[0, :, 43:45] = 0
    layer, kept = lying(maps)
    assert layer.data.max() == 2
    desk = bench(layer)
    desk.box.certainty.set_value(0.995)
    desk.wait()
    assert kept.settings.certainty == 0.995
    assert layer.data.max() == 1
    assert not layer.data[:, 45:].any()


def test_keys_move_the_slider(bench: Any, qtbot: QtBot) -> None:
    layer, kept = lying(dumbbell())
    desk = bench(layer)
    for _ in range(4):
        qtbot.keyClick(desk.box.splitting.slider, Qt.Key.Key_PageUp)
    desk.wait()
    assert kept.settings.splitting == 0.9
    assert layer.data.max() == 2


def test_the_last_of_many_moves_counts(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    desk = bench(layer)
    for value in (0.6, 0.7, 0.8, 0.9, 0.97):
        desk.box.splitting.set_value(value)
    desk.wait()
    assert kept.settings.splitting == 0.97
    assert layer.data.max() == 2


def test_what_was_corrected_by_hand_is_never_overwritten(bench: Any) -> None:
    layer, _ = lying(dumbbell())
    desk = bench(layer)
    layer.data_setitem((np.array([1, 2]), np.array([3, 3])), 9)
    before = layer.data.copy()
    desk.box.splitting.set_value(0.95)
    desk.wait()
    np.testing.assert_array_equal(layer.data, before)
    assert desk.box.note.text() == CORRECTED
    assert desk.box.again.isVisibleTo(desk.box)
    desk.box.again.click()
    copy = desk.viewer.layers[-1]
    assert copy is not layer
    desk.layer = copy
    desk.wait()
    desk.box.refresh()
    desk.box.splitting.set_value(0.9)
    desk.wait()
    assert copy.data.max() == 2
    np.testing.assert_array_equal(layer.data, before)
    assert maps_of(copy) is not maps_of(layer)


def test_without_maps_there_is_nothing_to_move(bench: Any) -> None:
    for layer in (None, Labels(np.zeros((5, 5), np.int32))):
        box = bench(layer).box
        assert not box.options.isVisibleTo(box)
        assert box.note.text()


def test_how_slices_are_linked_is_asked_only_where_they_are(bench: Any) -> None:
    layer, _ = lying(dumbbells(), "Z")
    alone, _ = lying(dumbbell())
    desk = bench(layer)

    def shown() -> list[bool]:
        fields = [getattr(desk.box, name) for name in SLICES]
        return [w.isVisibleTo(desk.box) for f in fields for w in (f, desk.box._form.labelForField(f))]

    assert shown() == [True] * (2 * len(SLICES))
    desk.layer = alone
    desk.box.refresh()
    assert shown() == [False] * (2 * len(SLICES))
    assert desk.box.options.isVisibleTo(desk.box)


def test_an_object_in_a_single_slice_is_kept_on_request(bench: Any) -> None:
    maps = dumbbells()
    maps[:, 1:] = 0
    layer, kept = lying(maps, "Z")
    assert not layer.data.any()
    desk = bench(layer)
    desk.box.least_slices.set_value(1)
    desk.wait()
    assert kept.settings == START.model_copy(update={"least_slices": 1})
    assert [int(plane.max()) for plane in layer.data] == [1, 0, 0]
    assert desk.box.note.text() == "1 objects in all."


def test_settings_that_are_not_shown_stay(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    kept.settings = START.model_copy(update={"least_slices": 5})
    desk = bench(layer)
    desk.box.fill_holes.click()
    desk.wait()
    assert kept.settings == START.model_copy(update={"least_slices": 5, "fill_holes": not START.fill_holes})


def test_what_is_under_way_goes_on_when_another_layer_is_chosen(bench: Any) -> None:
    layer, kept = lying(dumbbells(), "Z")
    other, _ = lying(dumbbell())
    desk = bench(layer)
    desk.box.splitting.set_value(0.95)
    desk.layer = other
    desk.box.refresh()
    assert desk.box.settings == START
    desk.layer = layer
    desk.box.refresh()
    assert desk.box.settings.splitting == 0.95  # what is on its way
    desk.layer = other
    desk.box.refresh()
    desk.wait()
    assert layer.data.max() == 2
    assert kept.settings.splitting == 0.95
    assert desk.box.note.text() == ""


def test_a_box_that_is_closed_leaves_what_is_under_way(bench: Any) -> None:
    layer, _ = lying(dumbbells(), "Z")
    before = layer.data.copy()
    desk = bench(layer)
    desk.box.splitting.set_value(0.95)
    desk.box.close_down()
    assert not desk.box.is_busy
    np.testing.assert_array_equal(layer.data, before)
    desk.viewer.dims.set_point(0, 2)
    assert not desk.box._soon.isActive()


def test_another_slice_is_prepared_when_it_is_looked_at(bench: Any, qtbot: QtBot) -> None:
    layer, kept = lying(dumbbells(), "Z")
    desk = bench(layer)
    desk.viewer.dims.set_point(0, 0)
    qtbot.waitUntil(lambda: (0,) in kept._fragments, timeout=10_000)
    desk.viewer.dims.set_point(0, 1)  # only passed through
    desk.viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: (2,) in kept._fragments, timeout=10_000)
    assert (1,) not in kept._fragments
    desk.box.fold.collapse()
    desk.viewer.dims.set_point(0, 1)
    qtbot.waitUntil(lambda: not desk.box._soon.isActive(), timeout=10_000)
    assert (1,) not in kept._fragments
    desk.box.fold.expand()
    qtbot.waitUntil(lambda: (1,) in kept._fragments, timeout=10_000)


def test_a_slice_looked_at_while_another_is_prepared_comes_next(
    bench: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, kept = lying(dumbbells(), "Z")
    begun, go = threading.Event(), threading.Event()
    get_ready = KeptMaps.get_ready

    def slow(self: KeptMaps, position: tuple[int, ...]) -> None:
        if position == (0,):
            begun.set()
            assert go.wait(10)
        get_ready(self, position)

    monkeypatch.setattr(KeptMaps, "get_ready", slow)
    desk = bench(layer)
    desk.viewer.dims.set_point(0, 0)
    qtbot.waitUntil(begun.is_set, timeout=10_000)
    desk.viewer.dims.set_point(0, 2)
    qtbot.wait(2 * SOON)
    go.set()
    qtbot.waitUntil(lambda: (2,) in kept._fragments, timeout=10_000)


def test_a_size_that_is_no_number_is_told(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    desk = bench(layer)
    desk.box.min_size.lineEdit().setText("many")
    desk.box._on_moved()
    assert desk.box.note.text() == "Smallest object must be a whole number from 0 to 1000000000, not many."
    assert not desk.box.is_busy
    assert kept.settings == START

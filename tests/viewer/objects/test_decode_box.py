"""Objects of a prediction found again while a slider is moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from pytestqt.qtbot import QtBot

from napari_unet.settings import ObjectSettings
from napari_unet.viewer.objects.decode_box import CORRECTED, DecodeBox
from napari_unet.viewer.objects.kept_maps import KeptMaps, keep_maps, maps_of

START = ObjectSettings(min_size=0, splitting=0.5)


def dumbbell() -> np.ndarray:
    """Maps (2, Y, X) of two bulges 80 high with a neck of about 60."""
    rows, columns = np.indices((40, 90))
    height = np.maximum(*(80 - np.hypot(rows - 20, columns - x) * 1.2 for x in (27, 60)))
    maps = np.stack([np.where(height > 50, 255, 0), height.clip(0)])
    return np.asarray(maps, np.uint8)


def lying(maps: np.ndarray, leading: str = "") -> tuple[Labels, KeptMaps]:
    kept = KeptMaps(maps, leading, "ZT", START)
    whole = kept.finding(START)
    while True:
        try:
            next(whole)
        except StopIteration as end:
            layer = Labels(end.value, name="found")
            break
    keep_maps(layer, kept)
    return layer, kept


class Bench:
    def __init__(self, qtbot: QtBot, layer: Labels | None) -> None:
        self.viewer = ViewerModel()
        if layer is not None:
            self.viewer.add_layer(layer)
        self.layer = layer
        self.box = DecodeBox(self.viewer, lambda: self.layer)
        qtbot.addWidget(self.box)
        self.box.show()
        self._qtbot = qtbot
        self.wait()

    def wait(self) -> None:
        self._qtbot.waitUntil(lambda: not self.box._run.is_busy and self.box._wanted is None, timeout=10_000)


@pytest.fixture
def bench(qtbot: QtBot) -> Any:
    return lambda layer: Bench(qtbot, layer)


def test_a_slider_finds_objects_again(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    assert layer.data.max() == 1
    desk = bench(layer)
    assert desk.box.settings == START
    desk.box.splitting.setValue(0.95)
    desk.wait()
    assert layer.data.max() == 2
    assert desk.box.note.text() == "2 objects here."
    assert kept.settings.splitting == 0.95
    desk.box.splitting.setValue(0.5)
    desk.wait()
    assert layer.data.max() == 1


def test_the_last_of_many_moves_counts(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    desk = bench(layer)
    for value in (0.6, 0.7, 0.8, 0.9, 0.97):
        desk.box.splitting.setValue(value)
    desk.wait()
    assert kept.settings.splitting == 0.97
    assert layer.data.max() == 2


def test_the_slice_in_view_comes_first_then_all_are_linked(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, _ = lying(np.stack([dumbbell()] * 3, axis=1), "Z")
    desk = bench(layer)
    desk.viewer.dims.set_point(0, 2)
    order: list[tuple[int, ...]] = []
    find = KeptMaps.find

    def watched(self: KeptMaps, position: tuple[int, ...], settings: ObjectSettings) -> Any:
        order.append(position)
        return find(self, position, settings)

    monkeypatch.setattr(KeptMaps, "find", watched)
    desk.box.splitting.setValue(0.95)
    desk.wait()
    assert order[0] == (2,)
    assert set(order) == {(0,), (1,), (2,)}
    assert [set(np.unique(plane)) for plane in layer.data] == [{0, 1, 2}] * 3
    np.testing.assert_array_equal(layer.data[0], layer.data[2])


def test_what_was_corrected_by_hand_is_never_overwritten(bench: Any) -> None:
    layer, _ = lying(dumbbell())
    desk = bench(layer)
    layer.data_setitem((np.array([1, 2]), np.array([3, 3])), 9)
    before = layer.data.copy()
    desk.box.splitting.setValue(0.95)
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
    desk.box.splitting.setValue(0.9)
    desk.wait()
    assert copy.data.max() == 2
    np.testing.assert_array_equal(layer.data, before)
    assert maps_of(copy) is not maps_of(layer)


def test_without_maps_there_is_nothing_to_move(bench: Any) -> None:
    for layer in (None, Labels(np.zeros((5, 5), np.int32))):
        box = bench(layer).box
        assert not box.options.isVisibleTo(box)
        assert box.note.text()


def test_a_size_that_is_no_number_is_told(bench: Any) -> None:
    layer, kept = lying(dumbbell())
    desk = bench(layer)
    desk.box.min_size.lineEdit().setText("many")
    desk.box._on_moved()
    assert "whole number" in desk.box.note.text()
    assert kept.settings == START

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


def test_of_a_stack_only_what_was_segmented_is_found_again(bench: Any) -> None:
    maps = np.zeros((2, 5, 40, 90), np.uint8)
    maps[:, 2] = dumbbell()
    kept = KeptMaps(maps, "Z", "ZT", START, ((2, 3),))
    layer = Labels(np.zeros((5, 40, 90), np.int32), name="found")
    layer.data[2] = kept.find((2,), START)
    layer.data[4, 5, 5] = 9  # painted where nothing was segmented
    keep_maps(layer, kept)
    desk = bench(layer)
    desk.viewer.dims.set_point(0, 2)
    desk.box.splitting.setValue(0.95)
    desk.wait()
    assert [int(plane.max()) for plane in layer.data] == [0, 0, 2, 0, 9]
    desk.viewer.dims.set_point(0, 4)
    desk.box.splitting.setValue(0.5)
    desk.wait()
    assert "Nothing was segmented" in desk.box.note.text()
    assert layer.data[4, 5, 5] == 9


@pytest.mark.parametrize("stack", [False, True])
def test_what_is_painted_while_objects_are_found_is_kept(
    bench: Any, monkeypatch: pytest.MonkeyPatch, stack: bool
) -> None:
    maps = np.stack([dumbbell()] * 3, axis=1) if stack else dumbbell()
    layer, _ = lying(maps, "Z" if stack else "")
    desk = bench(layer)
    find = KeptMaps.find
    calls: list[tuple[int, ...]] = []

    def painting(self: KeptMaps, position: tuple[int, ...], settings: ObjectSettings) -> Any:
        calls.append(position)
        if len(calls) == (3 if stack else 1):
            layer.data[..., 0, 0] = 7
        return find(self, position, settings)

    monkeypatch.setattr(KeptMaps, "find", painting)
    desk.box.splitting.setValue(0.95)
    desk.wait()
    assert (layer.data[..., 0, 0] == 7).all()
    assert desk.box.note.text() == CORRECTED


def test_a_plane_too_large_for_one_piece_is_decoded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept = lying(dumbbell())
    whole = kept.find((), START)
    for module in ("napari_unet.viewer.objects.kept_maps", "napari_unet.inference.objects"):
        monkeypatch.setattr(f"{module}.LARGEST_AT_ONCE", 100)
    monkeypatch.setattr("napari_unet.inference.objects._CORE", {2: 32})
    np.testing.assert_array_equal(kept.find((), START), whole)


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

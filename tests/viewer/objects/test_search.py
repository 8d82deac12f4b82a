"""Objects of a layer found again in the background, never over what somebody painted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, Signal

from kept_maps_support import START, dumbbell, dumbbells, lying
from napari_unet.errors import InputError
from napari_unet.viewer.objects import kept_maps
from napari_unet.viewer.objects import search as module
from napari_unet.viewer.objects.kept_maps import KeptMaps
from napari_unet.viewer.objects.search import CORRECTED, Search

APART = START.model_copy(update={"splitting": 0.95})


class Case:
    """A search, what it said, and in which order planes were found; a plane can be made to wait."""

    def __init__(
        self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, maps: np.ndarray, **options: Any
    ) -> None:
        self.layer, self.kept = lying(maps, "Z" if maps.ndim == 4 else "", **options)
        self.start = self.layer.data.copy()
        self.said: list[str] = []
        self.search = Search(self.layer, self.kept, lambda text, _: self.said.append(text))
        self.order: list[tuple[tuple[int, ...], bool]] = []
        self.held: tuple[int, ...] | None = None
        self.holding, self.go = threading.Event(), threading.Event()
        self._qtbot = qtbot
        find = KeptMaps.find

        def watched(kept: KeptMaps, position: tuple[int, ...], settings: Any, in_view: bool = True) -> Any:
            self.order.append((position, in_view))
            if not in_view and position == self.held:
                self.holding.set()
                assert self.go.wait(10)
            return find(kept, position, settings, in_view)

        monkeypatch.setattr(KeptMaps, "find", watched)

    def hold(self, position: tuple[int, ...]) -> None:
        """On its way through all planes the search is to wait at this one."""
        self.held = position

    def wait_until_held(self) -> None:
        self._qtbot.waitUntil(self.holding.is_set, timeout=10_000)

    def wait(self) -> None:
        self.go.set()
        self._qtbot.waitUntil(lambda: not self.search.is_busy, timeout=10_000)


class Painter(QObject):
    """Somebody who paints, on the GUI thread, when another thread says so."""

    asked = Signal()

    def __init__(self, layer: Labels) -> None:
        super().__init__()
        self._layer, self._done = layer, threading.Event()
        self.asked.connect(self._paint)

    def paint(self) -> None:
        self.asked.emit()
        assert self._done.wait(10)

    def _paint(self) -> None:
        self._layer.data_setitem((np.array([0]), np.array([3]), np.array([3])), 4)
        self._done.set()


@pytest.fixture
def case(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    cases: list[Case] = []

    def make(maps: np.ndarray | None = None, **options: Any) -> Case:
        cases.append(Case(qtbot, monkeypatch, dumbbells() if maps is None else maps, **options))
        return cases[-1]

    yield make
    for it in cases:
        it.go.set()
        it.search.stop()


def test_the_slice_in_view_comes_first_then_all_are_linked(case: Any) -> None:
    it = case()
    it.search.want(APART, (2,))
    assert it.search.wanted == APART
    it.wait()
    assert it.order == [((2,), True), ((0,), False), ((1,), False), ((2,), False)]
    assert [set(np.unique(plane)) for plane in it.layer.data] == [{0, 1, 2}] * 3
    np.testing.assert_array_equal(it.layer.data[0], it.layer.data[2])
    assert it.said[0] == "2 objects here."
    assert it.said[-1] == "2 objects in all."
    assert it.kept.settings == APART


def test_who_moves_on_does_not_wait_for_the_other_slices(case: Any) -> None:
    it = case()
    it.hold((1,))
    it.search.want(APART, (0,))
    it.wait_until_held()
    it.search.want(START, (0,))
    it._qtbot.waitUntil(lambda: "1 objects here." in it.said, timeout=10_000)
    assert not it.go.is_set()
    it.wait()
    np.testing.assert_array_equal(it.layer.data, it.start)


def test_only_the_plane_in_view_is_looked_at_on_the_gui_thread(
    case: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = case(dumbbells(6))
    it.layer.data[5, 0, 0] = 0  # the same again: nothing has changed
    looked: list[bool] = []
    checksum = kept_maps.checksum

    def watched(objects: Any) -> int:
        if threading.current_thread() is threading.main_thread():
            looked.append(np.shares_memory(objects, it.layer.data[3]))
        return checksum(objects)

    for where in (kept_maps, module):
        monkeypatch.setattr(where, "checksum", watched)
    it.search.want(APART, (3,))
    it.wait()
    assert looked == [True]
    assert it.layer.data.max() == 2


@pytest.mark.parametrize("stack", [False, True])
def test_what_was_painted_before_is_kept(case: Any, stack: bool) -> None:
    it = case(dumbbells() if stack else dumbbell())
    it.layer.data[..., 0, 0] = 7
    before = it.layer.data.copy()
    it.search.want(APART, (1,) if stack else ())
    it.wait()
    assert it.order == []
    np.testing.assert_array_equal(it.layer.data, before)
    assert it.said == [CORRECTED]
    assert it.search.is_corrected
    it.layer.data[...] = it.start  # taken back by hand
    it.search.want(APART, (1,) if stack else ())
    it.wait()
    assert not it.search.is_corrected
    assert it.layer.data.max() == 2


@pytest.mark.parametrize("painted", [0, 1, 2])
def test_what_is_painted_while_objects_are_found_is_kept_and_nothing_else_changes(
    case: Any, painted: int
) -> None:
    it = case()
    it.hold((2,))
    it.search.want(APART, (1,))
    it.wait_until_held()
    assert it.layer.data[1].max() == 2  # in view
    expected = it.start.copy()  # the slice in view too, whose numbers would mean others elsewhere
    for data in (it.layer.data, expected):
        data[painted, 3, 3] = 9
    it.wait()
    np.testing.assert_array_equal(it.layer.data, expected)
    assert it.said[-1] == CORRECTED
    assert it.kept.settings == START


def test_a_stroke_at_the_last_moment_is_kept(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    it = case()
    painter, completing, rounds = Painter(it.layer), KeptMaps.completing, []

    def painting(kept: KeptMaps, found: np.ndarray, data: np.ndarray) -> Any:
        rounds.append((yield from completing(kept, found, data)))
        if len(rounds) == 1:  # all is well, but before anybody hears of it...
            painter.paint()
        return rounds[-1]

    monkeypatch.setattr(KeptMaps, "completing", painting)
    it.search.want(APART, (1,))
    it.wait()
    assert rounds == [True, False]
    assert it.layer.data[0, 3, 3] == 4
    assert it.said[-1] == CORRECTED


def test_what_is_painted_beyond_the_segmented_slices_is_taken_along(case: Any) -> None:
    it = case(dumbbells(5), box=((1, 4),))
    it.hold((2,))
    it.search.want(APART, (1,))
    it.wait_until_held()
    it.layer.data[4, 5, 5] = 9
    it.wait()
    assert [int(plane.max()) for plane in it.layer.data] == [0, 2, 2, 2, 9]
    it.search.want(START, (4,))
    it.wait()
    assert it.said[-1] == "Nothing was segmented in this slice."
    assert it.layer.data[4, 5, 5] == 9


def test_what_is_stopped_leaves_the_layer_as_it_was(case: Any) -> None:
    it = case()
    it.hold((1,))
    it.search.want(APART, (0,))
    it.wait_until_held()
    assert it.layer.data[0].max() == 2
    it.search.stop()
    np.testing.assert_array_equal(it.layer.data, it.start)
    assert not it.search.is_busy


def test_how_slices_are_linked_concerns_no_plane_alone(case: Any) -> None:
    maps = dumbbells()
    maps[:, 1:] = 0
    it = case(maps)
    assert it.layer.data.max() == 0
    it.search.want(START.model_copy(update={"least_slices": 1}), (0,))
    it.wait()
    assert [in_view for _, in_view in it.order] == [False] * 3
    assert [int(plane.max()) for plane in it.layer.data] == [1, 0, 0]


def test_a_locked_layer_is_not_written_to(case: Any) -> None:
    it = case()
    it.layer.editable = False
    it.search.want(APART, (0,))
    assert not it.search.is_busy
    assert "locked" in it.said[-1]
    assert it.search.is_corrected
    np.testing.assert_array_equal(it.layer.data, it.start)


def test_other_data_are_not_written_to(case: Any) -> None:
    it = case()
    it.layer.data = np.zeros((3, 3), np.int32)
    it.search.want(APART, (0,))
    it.wait()
    assert it.layer.data.shape == (3, 3)
    assert it.said == [CORRECTED]


def test_an_error_is_told_and_changes_nothing(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    it = case()

    def failing(*_: Any) -> Any:
        yield 0.0
        raise InputError("There is no room.", "Make some.")

    monkeypatch.setattr(KeptMaps, "finding", failing)
    it.search.want(APART, (0,))
    it.wait()
    assert it.said[-1] == "There is no room. Make some."
    np.testing.assert_array_equal(it.layer.data, it.start)


def test_a_plane_is_prepared_unless_something_is_under_way(case: Any) -> None:
    it = case()
    it.search.get_ready((2,))
    it._qtbot.waitUntil(lambda: (2,) in it.kept._fragments, timeout=10_000)
    it.hold((0,))
    it.search.want(APART, (2,))
    it.search.get_ready((1,))
    it.wait_until_held()
    assert (1,) not in it.kept._fragments
    it.wait()

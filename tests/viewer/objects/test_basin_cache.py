"""Basins that are kept: those of the plane in view, and others while there is room."""

from __future__ import annotations

from threading import Event, Thread

import numpy as np
import pytest

from napari_unet.objects.basins import Basins, find_basins
from napari_unet.viewer.objects.basin_cache import BasinCache

FLAT = np.full((10, 10), 100, np.uint8)


class Cache:
    """A cache for so many planes, and which of them had to be found."""

    def __init__(self, planes: int) -> None:
        self.cache = BasinCache(planes * FLAT.size)
        self.found: list[int] = []

    def ask(self, plane: int, in_view: bool) -> Basins:
        def find() -> Basins:
            self.found.append(plane)
            return find_basins(FLAT, FLAT)

        return self.cache.basins((plane,), find, in_view)


def test_what_was_in_view_last_stays() -> None:
    it = Cache(2)
    for plane in (0, 1, 0, 2, 0, 1):
        it.ask(plane, in_view=True)
    assert it.found == [0, 1, 2, 1]
    assert [(plane,) in it.cache for plane in range(3)] == [True, True, False]


def test_a_way_through_all_planes_drives_nothing_out() -> None:
    it = Cache(3)
    it.ask(7, in_view=True)
    for _ in range(2):
        for plane in range(10):
            it.ask(plane, in_view=False)
    assert [plane for plane in range(10) if (plane,) in it.cache] == [0, 1, 7]
    assert it.found == [7, 0, 1, *range(2, 7), 8, 9, *range(2, 7), 8, 9]


def test_a_plane_in_view_is_kept_where_it_alone_is_too_large() -> None:
    it = Cache(0)
    it.ask(3, in_view=False)
    it.ask(4, in_view=True)
    it.ask(4, in_view=True)
    assert it.found == [3, 4]


@pytest.mark.timeout(20)
def test_nothing_is_found_twice_at_once() -> None:
    cache, began, go, found = BasinCache(), Event(), Event(), []

    def find() -> Basins:
        began.set()
        assert go.wait(10)
        found.append(find_basins(FLAT, FLAT))
        return found[-1]

    answers: list[Basins] = []
    threads = [Thread(target=lambda: answers.append(cache.basins((0,), find, True))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert len(found) == 1
    assert answers[0] is answers[1] is found[0]

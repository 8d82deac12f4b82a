"""What is kept of planes: of those in view, and of others while there is room."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from napari_unet.viewer.objects.plane_cache import PlaneCache


class Words:
    """A cache for so many letters, and which words had to be found."""

    def __init__(self, letters: int) -> None:
        self.cache: PlaneCache[str] = PlaneCache(letters, len)
        self.found: list[int] = []

    def ask(self, plane: int, in_view: bool, word: str = "a") -> str:
        def find() -> str:
            self.found.append(plane)
            return word

        return self.cache.get((plane,), find, in_view, lambda kept: kept == word)

    @property
    def kept(self) -> list[int]:
        return [plane for plane in range(20) if (plane,) in self.cache]


def test_what_was_in_view_last_stays() -> None:
    it = Words(2)
    for plane in (0, 1, 0, 2, 0, 1):
        it.ask(plane, in_view=True)
    assert it.found == [0, 1, 2, 1]
    assert it.kept == [0, 1]


def test_a_way_through_all_planes_drives_nothing_out() -> None:
    it = Words(3)
    it.ask(7, in_view=True)
    for _ in range(2):
        for plane in range(10):
            it.ask(plane, in_view=False)
    assert it.kept == [0, 1, 7]
    assert it.found == [7, *range(7), 8, 9, *range(2, 7), 8, 9]


def test_what_is_in_view_is_kept_where_it_alone_is_too_large() -> None:
    it = Words(3)
    it.ask(1, in_view=True)
    it.ask(2, in_view=False, word="large")
    it.ask(3, in_view=True, word="large")
    assert it.ask(3, in_view=True, word="large") == "large"
    assert it.found == [1, 2, 3]
    assert it.kept == [3]


def test_what_does_not_fit_any_more_is_replaced_also_on_a_way_through_all() -> None:
    it = Words(4)
    for plane in range(4):
        it.ask(plane, in_view=False)
    for plane in range(4):
        assert it.ask(plane, in_view=False, word="b") == "b"
    assert it.found == [0, 1, 2, 3] * 2
    assert it.kept == [0, 1, 2, 3]


@pytest.mark.timeout(20)
def test_nothing_is_found_twice_at_once_and_nobody_waits_for_another_plane() -> None:
    cache: PlaneCache[str] = PlaneCache(9, len)
    began, go, found = Event(), Event(), []

    def find() -> str:
        began.set()
        assert go.wait(10)
        found.append("a")
        return found[-1]

    answers: list[str] = []
    threads = [Thread(target=lambda: answers.append(cache.get((0,), find, True))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    assert cache.get((1,), lambda: "b", True) == "b"
    go.set()
    for thread in threads:
        thread.join(10)
    assert found == ["a"]
    assert answers == ["a", "a"]

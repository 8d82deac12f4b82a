"""Objects of a stack as its tiles come in: decoded plane by plane, linked at the end."""

from __future__ import annotations

import numpy as np
import pytest

from flows_support import directed_maps
from napari_unet.events import Box, PredictedObjects
from napari_unet.inference import objects as module
from napari_unet.inference.objects import ObjectFinder, decode
from napari_unet.settings import ObjectSettings

SETTINGS = ObjectSettings(min_size=0)


def blob(shape: tuple[int, int], y: int, x: int) -> np.ndarray:
    """Maps (2, Y, X) of one square object."""
    maps = np.zeros((2, *shape), np.uint8)
    maps[:, y : y + 8, x : x + 8] = 200
    return maps


def whole(region: Box) -> Box:
    return tuple((0, stop - start) for start, stop in region)


def test_a_plane_is_decoded_once_all_its_tiles_are_there() -> None:
    maps = blob((20, 40), 5, 16)
    finder = ObjectFinder(3, ((0, 20), (0, 40)), "YX", 2, SETTINGS, "ZT")
    assert finder.add((), ((0, 20), (0, 20)), maps[:, :, :20]) is None
    event = finder.add((), ((0, 20), (20, 40)), maps[:, :, 20:])
    assert isinstance(event, PredictedObjects)
    assert (event.image, event.region, event.final) == (3, ((0, 20), (0, 40)), True)
    np.testing.assert_array_equal(event.objects, decode(maps, SETTINGS))
    assert event.objects.max() == 1
    assert list(finder.finish()) == []


def test_maps_may_hold_directions() -> None:
    truth = np.zeros((20, 40), int)
    truth[4:16, 3:18], truth[4:16, 18:36] = 1, 2
    finder = ObjectFinder(0, ((0, 20), (0, 40)), "YX", 2, SETTINGS, "ZT", directed=True)
    event = finder.add((), ((0, 20), (0, 40)), np.stack(directed_maps(truth)))
    assert event is not None
    np.testing.assert_array_equal(event.objects, truth)


def fill(
    finder: ObjectFinder, axes_shape: tuple[int, ...], starts: dict[tuple[int, ...], tuple[int, int]]
) -> None:
    for position in np.ndindex(*axes_shape):
        box = tuple((i, i + 1) for i in position)
        event = finder.add(box, ((0, 20), (0, 40)), blob((20, 40), *starts[position]))
        assert event is not None
        assert not event.final


@pytest.mark.parametrize("in_file", [False, True])
def test_slices_are_linked_in_each_frame_and_frames_through_time(
    monkeypatch: pytest.MonkeyPatch, in_file: bool
) -> None:
    if in_file:
        monkeypatch.setattr(module, "LARGEST_IN_MEMORY", 0)
    box = ((0, 2), (0, 3), (0, 20), (0, 40))
    finder = ObjectFinder(0, box, "TZYX", 2, SETTINGS, "ZT")
    starts = {(t, z): (5 + z, 10 + t) for t in range(2) for z in range(3)}
    fill(finder, (2, 3), starts)
    events = list(finder.finish())
    assert len(events) == 6
    assert all(e.final for e in events)
    for event in events:
        position = tuple(low for low, _ in event.region[:2])
        expected = blob((20, 40), *starts[position])[0] > 0
        np.testing.assert_array_equal(event.objects[0, 0], expected.astype(np.int32))  # 1 everywhere


@pytest.mark.parametrize(("linked", "numbers"), [("Z", [1, 1, 1, 1]), ("T", [1, 2, 1, 2]), ("", None)])
def test_only_what_was_asked_for_is_linked(linked: str, numbers: list[int] | None) -> None:
    box = ((4, 6), (1, 3), (0, 20), (0, 40))  # a part of a series
    finder = ObjectFinder(0, box, "TZYX", 2, SETTINGS, linked)
    for t in (4, 5):
        for z in (1, 2):
            maps = blob((20, 40), 5, 10)
            if linked == "T" and z == 2:
                maps = maps + blob((20, 40), 5, 25)  # two objects, so that numbers can tell slices apart
            event = finder.add(((t, t + 1), (z, z + 1)), ((0, 20), (0, 40)), maps)
            assert event is not None
            assert event.final == (not linked)
    events = list(finder.finish())
    if numbers is None:
        assert events == []
        return
    assert [e.region[:2] for e in events] == [((t, t + 1), (z, z + 1)) for t in (4, 5) for z in (1, 2)]
    assert [int(e.objects.max()) for e in events] == numbers


def stack_of(starts: list[tuple[int, int]], settings: ObjectSettings, linked: str = "Z") -> list[int]:
    """How many objects there are in each slice in the end."""
    finder = ObjectFinder(0, ((0, len(starts)), (0, 20), (0, 40)), "ZYX", 2, settings, linked)
    events = [
        finder.add(((z, z + 1),), ((0, 20), (0, 40)), blob((20, 40), *start))
        for z, start in enumerate(starts)
    ]
    ends = list(finder.finish()) or events
    return [int(event.objects.max()) for event in ends if event is not None]


def test_what_is_cut_in_one_slice_is_left_out_of_a_linked_stack_as_a_whole() -> None:
    leaning = [(5, 2), (5, 1), (5, 0)]
    inner = SETTINGS.model_copy(update={"edge_objects": False})
    assert stack_of(leaning, SETTINGS) == [1, 1, 1]
    assert stack_of(leaning, inner) == [0, 0, 0]
    assert stack_of(leaning, inner, linked="") == [1, 1, 0]
    assert stack_of([(5, 2), (5, 2)], inner) == [1, 1]  # the first and the last slice are no edge


def test_the_settings_say_whether_what_is_in_one_slice_is_kept() -> None:
    starts = [(5, 5), (5, 30), (5, 30)]
    assert stack_of(starts, SETTINGS) == [0, 1, 1]
    assert stack_of(starts, SETTINGS.model_copy(update={"least_slices": 1})) == [1, 2, 2]


def test_a_large_plane_is_decoded_in_blocks_to_the_same_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    maps = random.integers(0, 256, (2, 70, 90)).astype(np.uint8)
    whole = decode(maps, SETTINGS)
    monkeypatch.setattr(module, "LARGEST_AT_ONCE", 0)
    monkeypatch.setattr(module, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(module, "_CORE", {2: 32})
    found = decode(maps, SETTINGS)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, whole)

"""Maps that are kept: objects found in them again, and whether a layer still holds what was written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flows_support import directed_maps
from kept_maps_support import START, dumbbell, dumbbells, lying, result
from napari_unet.viewer.objects import kept_maps
from napari_unet.viewer.objects.kept_maps import KeptMaps, checksum


def test_all_planes_are_found_linked_and_counted() -> None:
    maps = dumbbells()
    maps[:, 1, :, 45:] = 0  # one half is missed in the middle
    _, kept = lying(maps, "Z")
    found = result(kept.finding(START.model_copy(update={"splitting": 0.95})))
    assert [set(np.unique(plane)) - {0} for plane in found.data] == [{1, 2}, {1}, {1, 2}]
    assert found.n == 2
    assert found.checksums == {(z,): checksum(found.data[z]) for z in range(3)}


def test_slices_that_are_not_linked_count_for_themselves() -> None:
    kept = KeptMaps(dumbbells(), "Z", "T", START)
    assert kept.linked == ""
    found = result(kept.finding(START))
    assert found.n == 3
    assert [int(plane.max()) for plane in found.data] == [1, 1, 1]


def test_how_slices_are_linked_is_a_setting() -> None:
    maps = dumbbells()
    maps[:, 1:] = 0
    _, kept = lying(maps, "Z")
    assert result(kept.finding(START)).n == 0
    assert result(kept.finding(START.model_copy(update={"least_slices": 1}))).n == 1


def test_what_the_edge_cuts_in_one_slice_goes_from_all() -> None:
    maps = np.zeros((2, 3, 20, 30), np.uint8)
    for z, left in enumerate((2, 0, 2)):
        maps[:, z, 5:13, left : left + 8] = 200
    inner = START.model_copy(update={"edge_objects": False})
    _, kept = lying(maps, "Z")
    assert result(kept.finding(inner)).n == 0
    apart = result(KeptMaps(maps, "Z", "", START).finding(inner))
    assert [int(plane.max()) for plane in apart.data] == [1, 0, 1]


def test_a_plane_too_large_for_one_piece_is_decoded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept = lying(dumbbell())
    whole = kept.find((), START)
    for module in ("napari_unet.viewer.objects.kept_maps", "napari_unet.inference.objects"):
        monkeypatch.setattr(f"{module}.LARGEST_AT_ONCE", 100)
    monkeypatch.setattr("napari_unet.inference.objects._CORE", {2: 32})
    np.testing.assert_array_equal(kept.find((), START), whole)


@pytest.mark.parametrize("largest", [100, 10_000])
def test_directions_serve_as_heights_do(monkeypatch: pytest.MonkeyPatch, largest: int) -> None:
    truth = np.zeros((30, 60), int)
    truth[5:25, 5:30], truth[5:25, 30:50] = 1, 2
    kept = KeptMaps(np.stack(directed_maps(truth)), "", "", START, directed=True)
    for module in ("napari_unet.viewer.objects.kept_maps", "napari_unet.inference.objects"):
        monkeypatch.setattr(f"{module}.LARGEST_AT_ONCE", largest)
    monkeypatch.setattr("napari_unet.inference.objects._CORE", {2: 16})
    np.testing.assert_array_equal(kept.find((), START), truth)
    assert kept.find((), START.model_copy(update={"splitting": 0.0})).max() == 1


def test_what_was_found_out_about_a_plane_serves_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    _, kept = lying(dumbbells(), "Z")
    found: list[str] = []

    def watched(task: Any) -> Any:
        def call(*given: Any) -> Any:
            found.append(task.__name__)
            return task(*given)

        return call

    for task in (kept_maps.find_basins, kept_maps.find_fragments):
        monkeypatch.setattr(kept_maps, task.__name__, watched(task))
    kept.get_ready((1,))
    for options in ({}, {"splitting": 0.95}, {"min_size": 40, "fill_holes": False}):
        kept.find((1,), START.model_copy(update=options))
    assert found == ["find_basins", "find_fragments"]
    kept.find((1,), START.model_copy(update={"foreground": 0.3}))
    assert found == ["find_basins", "find_fragments", "find_fragments"]
    for splitting in (0.5, 0.95):
        result(kept.finding(START.model_copy(update={"splitting": splitting})))
    assert found.count("find_basins") == 3
    assert found.count("find_fragments") == 5


def test_any_change_of_what_was_written_is_noticed() -> None:
    layer, kept = lying(dumbbells(), "Z")
    assert result(kept.checking(layer.data))
    layer.data[1, 0, 0] = 5
    assert not result(kept.checking(layer.data))
    assert [kept.is_untouched(layer.data, (z,)) for z in range(3)] == [True, False, True]
    kept.note({(1,): checksum(layer.data[1])})
    assert result(kept.checking(layer.data))
    for other in (layer.data[:2], layer.data.astype(np.int64), np.zeros((3, 3), np.int32)):
        assert not result(kept.checking(other))


def test_what_lies_beyond_the_prediction_is_taken_over() -> None:
    layer, kept = lying(dumbbells(5), "Z", box=((1, 4),))
    layer.data[0], layer.data[4, 3, 3] = 7, 8
    found = result(kept.finding(START))
    assert result(kept.completing(found.data, layer.data))
    np.testing.assert_array_equal(found.data, layer.data)
    layer.data[2, 0, 0] = 1
    assert not result(kept.completing(found.data, layer.data))

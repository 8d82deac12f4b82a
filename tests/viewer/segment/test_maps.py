"""Maps of a segmentation, collected plane by plane."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.events import PredictedObjects
from napari_unet.labels import default_annotation
from napari_unet.settings import ObjectChoice, ObjectSettings, PredictSettings
from napari_unet.viewer.objects.kept_maps import maps_of
from napari_unet.viewer.segment.maps import GrowingMaps
from segment_support import model_record, network

RECORD = model_record(
    annotation=default_annotation("objects", [1]), network=network(n_classes=3, outputs="borders")
)


def plane(z: int) -> PredictedObjects:
    region = ((z, z + 1), (0, 8), (0, 9))
    shape = (1, 8, 9)
    return PredictedObjects(0, region, np.ones(shape, np.int32), True, np.full((2, *shape), z, np.uint8))


@pytest.mark.parametrize(
    ("planes", "box"), [((2,), ((2, 3),)), ((3, 1, 2), ((1, 4),)), (range(5), ((0, 5),))]
)
def test_only_the_slices_that_came_are_kept(planes, box):
    layer = Labels(np.zeros((5, 8, 9), np.int32))
    growing = GrowingMaps()
    for z in planes:
        growing.add(layer, plane(z))
    growing.keep(0, layer, "ZYX", RECORD, PredictSettings())
    kept = maps_of(layer)
    assert kept is not None
    assert kept.positions == [(z,) for z in range(*box[0])]
    for z in planes:
        assert (kept.maps[:, z] == z).all()


def test_what_was_painted_before_the_end_is_no_work_of_ours():
    layer = Labels(np.zeros((5, 8, 9), np.int32))
    growing = GrowingMaps()
    for z in range(5):
        growing.add(layer, plane(z))
    for z in range(5):  # linked
        event = plane(z)
        growing.add(layer, PredictedObjects(0, event.region, event.objects * 3))
        layer.data[z] = 3
    layer.data[2, 4, 4] = 8
    growing.keep(0, layer, "ZYX", RECORD, PredictSettings())
    kept = maps_of(layer)
    assert [kept.is_untouched(layer.data, (z,)) for z in range(5)] == [True, True, False, True, True]


@pytest.mark.parametrize("outputs", ["borders", "distances", "flows"])
def test_flows_leave_maps_that_hold_directions(outputs):
    layer, growing = Labels(np.zeros((5, 8, 9), np.int32)), GrowingMaps()
    growing.add(layer, plane(0))
    record = RECORD.model_copy(update={"network": network(n_classes=3, outputs=outputs)})
    growing.keep(0, layer, "ZYX", record, PredictSettings())
    assert maps_of(layer).directed == (outputs == "flows")


def test_how_slices_are_linked_comes_from_the_run_or_the_model():
    layer = Labels(np.zeros((1, 8, 9), np.int32))
    growing = GrowingMaps()
    growing.add(layer, plane(0))
    record = RECORD.model_copy(update={"objects": ObjectSettings(slice_overlap=0.4, least_slices=5)})
    settings = PredictSettings(objects=ObjectChoice(least_slices=1), link_frames=False)
    growing.keep(0, layer, "ZYX", record, settings)
    kept = maps_of(layer)
    assert kept.settings == ObjectSettings(slice_overlap=0.4, least_slices=1)
    assert kept.linkable == "Z"
    assert kept.linked == ""

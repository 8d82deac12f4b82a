"""Objects from end to end: trained on numbered objects, predicted, scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread

from napari_unet import evaluate, predict, train
from napari_unet.events import Event, Validation
from napari_unet.models.files import Model
from napari_unet.scores.objects import score_image

SETTINGS: dict[str, Any] = {
    "labels_are": "objects",
    "minutes": None,
    "steps": 200,
    "width": 8,
    "depth": 2,
    "patch_size": 64,
    "batch_size": 8,
    "device": "cpu",
    "threads": 1,
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def nuclei(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    folder = shared_data / "stardist_sample_nuclei2d" / "train"
    (image,) = (folder / "images").iterdir()
    (labels,) = (folder / "labels").iterdir()
    return imread(image), imread(labels)


@pytest.fixture(scope="module")
def trained(
    nuclei: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Model, list[Event]]:
    events: list[Event] = []
    file = tmp_path_factory.mktemp("model") / "nuclei.safetensors"
    return train(*nuclei, file, progress=events.append, **SETTINGS), events


def test_objects_that_touch_are_told_apart(
    nuclei: tuple[np.ndarray, np.ndarray], trained: tuple[Model, Any]
) -> None:
    image, truth = nuclei
    found = predict(trained[0], image, device="cpu", precision="fp32")
    assert found.dtype == np.int32
    assert score_image(found, truth).f1[0] > 0.8
    assert evaluate(found, truth, "objects").to_dict()["objects"]["f1_50"] > 0.8


def test_held_out_objects_are_scored_and_decide_how_objects_are_found(
    trained: tuple[Model, list[Event]],
) -> None:
    model, events = trained
    scored = [e for e in events if isinstance(e, Validation)]
    assert scored
    assert all(0 <= e.object_ap <= 1 for e in scored)
    record = model.record
    assert record.validation.object_ap == max(e.object_ap for e in scored) > 0.2
    assert [p.object_ap for p in record.history] == [e.object_ap for e in scored]
    assert record.objects is not None
    assert record.network.outputs == "flows"


def test_how_objects_are_found_can_be_chosen(
    nuclei: tuple[np.ndarray, np.ndarray], trained: tuple[Model, Any]
) -> None:
    image = nuclei[0]
    options: dict[str, Any] = {"device": "cpu", "precision": "fp32"}
    counts = [
        predict(trained[0], image, objects={"splitting": splitting}, **options).max()
        for splitting in (0.0, 0.99)
    ]
    assert counts[0] < counts[1]
    inner = predict(trained[0], image, objects={"edge_objects": False}, **options)
    assert not inner[0].any()
    assert not inner[:, -1].any()


def test_a_stack_is_linked(nuclei: tuple[np.ndarray, np.ndarray], trained: tuple[Model, Any]) -> None:
    stack = np.stack([nuclei[0]] * 3)
    options: dict[str, Any] = {"device": "cpu", "precision": "fp32", "axes": "ZYX"}
    linked = predict(trained[0], stack, **options)
    np.testing.assert_array_equal(linked[0], linked[1])
    np.testing.assert_array_equal(linked[0], linked[2])
    apart = predict(trained[0], stack, link_slices=False, **options)
    np.testing.assert_array_equal(apart > 0, linked > 0)


@pytest.mark.parametrize("targets", ["distances", "weights"])
def test_objects_may_be_learnt_otherwise(
    nuclei: tuple[np.ndarray, np.ndarray], tmp_path: Path, targets: str
) -> None:
    image, truth = nuclei
    model = train(image, truth, tmp_path / "m.safetensors", object_targets=targets, **SETTINGS)
    found = predict(model, image, device="cpu", precision="fp32")
    assert score_image(found, truth).f1[0] > 0.6
    if targets == "distances":
        assert model.record.plan["object_radius"] > 3


def test_masks_whose_pieces_are_objects(nuclei: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    image, truth = nuclei
    mask = (truth > 0).astype(np.uint8)
    model = train(image, mask, tmp_path / "m.safetensors", **(SETTINGS | {"steps": 20}))
    assert model.record.network.outputs == "flows"
    assert predict(model, image, device="cpu").max() > 1

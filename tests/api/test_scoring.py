"""evaluate takes arrays and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet import calculate_metrics, evaluate
from napari_unet.errors import AmbiguousAnnotationError, ShapeMismatchError
from napari_unet.images import write_labels


def test_arrays_and_files_agree(tmp_path: Path) -> None:
    prediction, truth = np.array([[0, 1], [1, 1]], np.uint8), np.array([[0, 1], [0, 1]], np.uint8)
    in_memory = evaluate(prediction, truth, "masks").to_dict()
    assert in_memory["classes"]["1"]["dice"] == pytest.approx(0.8)
    assert in_memory["foreground"]["dice"] == calculate_metrics(prediction, truth)["dice"]
    write_labels(tmp_path / "p" / "a.png", prediction)
    write_labels(tmp_path / "l" / "a.tif", truth)
    for predictions, labels in (
        (tmp_path / "p", tmp_path / "l"),
        ([tmp_path / "p" / "a.png"], [tmp_path / "l" / "a.tif"]),
    ):
        from_files = evaluate(predictions, labels, "masks").to_dict()
        assert from_files["classes"] == in_memory["classes"]
    mixed = evaluate(prediction, tmp_path / "l" / "a.tif", "masks").to_dict()
    assert mixed["classes"] == in_memory["classes"]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeMismatchError):
        evaluate(np.zeros((2, 2), int), np.zeros((2, 3), int), "masks")
    with pytest.raises(AmbiguousAnnotationError):
        evaluate(np.ones((40, 40), int), np.pad(np.ones((4, 4), int), 18))


def test_objects_from_arrays_and_files_agree(tmp_path: Path) -> None:
    truth = np.kron(np.array([[1, 0, 2]], np.uint8), np.ones((3, 3), np.uint8))
    stack = np.stack([truth, truth])
    write_labels(tmp_path / "p" / "a.tif", stack * 7)
    write_labels(tmp_path / "l" / "a.tif", stack)
    in_memory = evaluate(stack * 7, stack, "objects", volume=False)
    from_files = evaluate(tmp_path / "p", tmp_path / "l", "objects", volume=False)
    assert from_files.to_dict()["objects"] == in_memory.to_dict()["objects"]
    assert in_memory.object_summary.n_images == 2
    assert evaluate(stack, stack, "objects").object_summary.n_images == 1
    mask = evaluate(tmp_path / "p", tmp_path / "l", "masks", components=True)
    assert mask.object_summary.ap_50_95 == 1

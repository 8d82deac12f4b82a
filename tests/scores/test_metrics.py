import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_f1_score, binary_jaccard_index

from napari_unet.errors import ShapeMismatchError
from napari_unet.scores import calculate_metrics


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_tensors_score_as_torchmetrics_says(threshold):
    generator = torch.Generator().manual_seed(0)
    pred = torch.rand((2, 1, 20, 20), generator=generator, requires_grad=True)
    target = (torch.rand((2, 1, 20, 20), generator=generator) > 0.6).float()
    scores = calculate_metrics(pred, target, threshold)
    assert scores["dice"] == pytest.approx(float(binary_f1_score(pred, target.int(), threshold)))
    assert scores["iou"] == pytest.approx(float(binary_jaccard_index(pred, target.int(), threshold)))
    assert scores == calculate_metrics(pred.detach().numpy(), target.numpy().astype(bool), threshold)


def test_monai_agrees():
    from monai.metrics import compute_dice, compute_iou

    rng = np.random.default_rng(0)
    pred, target = rng.random((1, 1, 30, 30)) > 0.5, rng.random((1, 1, 30, 30)) > 0.3
    scores = calculate_metrics(pred, target)
    assert scores["dice"] == pytest.approx(float(compute_dice(torch.tensor(pred), torch.tensor(target))))
    assert scores["iou"] == pytest.approx(float(compute_iou(torch.tensor(pred), torch.tensor(target))))


def test_the_threshold_itself_is_background():
    assert calculate_metrics(np.array([0.5, 0.51]), np.array([0, 1])) == {"dice": 1.0, "iou": 1.0}


def test_labels_above_zero_are_foreground():
    assert calculate_metrics(np.array([0, 3, 2]), torch.tensor([0, 1, 0]))["iou"] == 0.5
    assert calculate_metrics([True, False], [True, True])["dice"] == pytest.approx(2 / 3)
    assert calculate_metrics(torch.tensor([0.9, 0.1]).bfloat16(), torch.tensor([1, 0]))["dice"] == 1


def test_both_empty_is_undefined_and_one_empty_is_zero():
    empty, full = np.zeros((3, 3)), np.ones((3, 3))
    assert all(math.isnan(v) for v in calculate_metrics(empty, empty).values())
    assert calculate_metrics(empty, full) == {"dice": 0.0, "iou": 0.0}


def test_shapes_are_never_broadcast():
    with pytest.raises(ShapeMismatchError, match=r"\(1, 4\).*\(4,\)"):
        calculate_metrics(np.ones((1, 4)), np.ones(4))

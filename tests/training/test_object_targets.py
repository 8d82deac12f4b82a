"""What is learnt about objects: borders, depth, closeness to the centre, and their losses."""

from __future__ import annotations

from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.io import imread
from skimage.segmentation import find_boundaries

from napari_unet.training.losses import CombinedLoss
from napari_unet.training.object_targets import (
    BorderClassLoss,
    DistanceLoss,
    border_classes,
    closeness,
    depth,
    distance_to,
    inner_borders,
)

OBJECTS = arrays(
    np.int64, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.integers(0, 4)
)


@settings(deadline=None)
@given(OBJECTS)
def test_borders_are_those_of_scikit_image(objects: np.ndarray) -> None:
    found = inner_borders(torch.from_numpy(objects)[None])[0].numpy()
    assert np.array_equal(found, find_boundaries(objects, connectivity=1, mode="inner"))


@settings(deadline=None)
@given(OBJECTS, st.sampled_from([None, (2.0, 0.5, 1.25)]))
def test_distances_are_those_of_scipy_up_to_the_limit(
    objects: np.ndarray, spacing: tuple[float, ...] | None
) -> None:
    places = objects == 1
    step = None if spacing is None else spacing[: objects.ndim]
    found = distance_to(torch.from_numpy(places)[None], 5.0, step)[0].numpy()
    expected = np.full(places.shape, 5.0)
    if places.any():
        expected = np.minimum(ndimage.distance_transform_edt(~places, sampling=step), 5.0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_depth_is_one_at_the_border_and_counts_inwards() -> None:
    objects = torch.zeros(1, 9, 9, dtype=torch.int64)
    objects[0, 2:7, 2:7] = 3
    found = depth(objects)[0]
    assert found[4].tolist() == [0, 0, 1, 2, 3, 2, 1, 0, 0]


def test_objects_that_touch_are_apart_and_the_edge_of_a_patch_is_no_border() -> None:
    objects = torch.tensor([[1] * 6 + [2] * 6]).repeat(5, 1)[None]
    assert depth(objects)[0, 2].tolist() == [6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6]
    assert border_classes(objects)[0, 2].tolist() == [1] * 5 + [2, 2] + [1] * 5


def test_the_unknown_is_no_border() -> None:
    objects = torch.tensor([[1, 1, 1, -1, 0, 0, 2]])[None]
    assert not inner_borders(objects)[0, 0, :5].any()
    assert border_classes(objects).tolist() == [[[1, 1, 1, -1, 0, 0, 2]]]


@pytest.mark.parametrize("shape", [(41, 41), (25, 25, 25)])
def test_closeness_of_a_ball(shape: tuple[int, ...]) -> None:
    positions = np.stack(np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij"))
    distance = np.sqrt((positions**2).sum(0))
    ball = torch.from_numpy((distance <= 10).astype(np.int64))[None]
    found = closeness(ball)[0].numpy()
    np.testing.assert_allclose(found, np.where(distance <= 10, np.exp(-((distance / 10) ** 2)), 0), atol=0.02)


def test_closeness_knows_each_object_of_each_patch_and_the_size_of_pixels() -> None:
    objects = torch.zeros(2, 10, 10, dtype=torch.int64)
    objects[0, :5], objects[0, 5:], objects[1, 3:6, 3:6] = 1, 2, 1
    found = closeness(objects)
    assert np.unravel_index(int(found[1].argmax()), (10, 10)) == (4, 4)
    assert found[0, 2].argmax().item() in (4, 5)
    area = 9 * 2.0 * 0.5
    expected = torch.exp(torch.tensor(-(0.5**2) / (area / pi)))
    torch.testing.assert_close(closeness(objects, (2.0, 0.5))[1, 4, 3], expected)


def test_borders_of_real_nuclei_stay_one_pixel_wide(shared_data: Path) -> None:
    file = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[0]
    objects = torch.from_numpy(imread(file).astype(np.int64))[None]
    deep = depth(objects)
    assert torch.equal(deep == 1, inner_borders(objects))
    assert deep.max() < 64
    reference = ndimage.distance_transform_edt(~inner_borders(objects)[0].numpy()) + 1
    np.testing.assert_allclose(
        deep[0].numpy(), np.minimum(reference, 65) * (objects[0] > 0).numpy(), atol=1e-4
    )


def perfect(objects: torch.Tensor, radius: float) -> torch.Tensor:
    deep = depth(objects, 4 * radius)
    maps = torch.stack([(objects > 0).float(), deep / (deep + radius), closeness(objects)], dim=1)
    return torch.logit(maps.clamp(1e-6, 1 - 1e-6))


def objects() -> torch.Tensor:
    random = np.random.default_rng(0).integers(0, 3, (2, 4, 4))
    return torch.from_numpy(random.repeat(8, 1).repeat(8, 2))


def test_the_right_answer_costs_nothing_and_any_other_something() -> None:
    loss = DistanceLoss(CombinedLoss(pooled=True), radius=4.0)
    truth = objects()
    right = perfect(truth, 4.0)
    lowest = float(loss(right, truth))
    assert lowest < 1e-3
    for output in range(3):
        wrong = right.clone()
        wrong[:, output] *= 0.2
        assert float(loss(wrong, truth)) > lowest + 1e-3


def test_what_is_unknown_costs_nothing() -> None:
    loss = DistanceLoss(CombinedLoss(pooled=True), radius=4.0)
    truth = objects()
    truth[:, :, :6] = -1
    answer = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss(answer, truth).backward()
    assert answer.grad is not None
    assert not answer.grad[:, :, :, :6].any()
    assert answer.grad[:, :, :, 6:].all()


def test_depths_are_learnt_in_units_of_the_spacing() -> None:
    """A stack of slices three pixels apart costs nothing with the depths of the finer one it is taken from."""
    spacing = (3.0, 1.0, 1.0)
    truth = torch.zeros(1, 6, 12, 14, dtype=torch.int64)
    truth[:, 1:5, 2:11, 3:12] = 1
    deep, close = depth(truth, spacing=spacing), closeness(truth, spacing=spacing)
    right = torch.stack(
        [torch.where(truth > 0, 20.0, -20.0), torch.logit(deep / (deep + 4), 1e-6), torch.logit(close, 1e-6)],
        dim=1,
    )
    assert float(DistanceLoss(CombinedLoss(pooled=True), 4.0, spacing)(right, truth)) < 1e-3
    assert float(DistanceLoss(CombinedLoss(pooled=True), 4.0)(right, truth)) > 1e-2


def test_border_loss_is_that_of_three_classes() -> None:
    plain = CombinedLoss(pooled=True)
    answer = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    truth = objects()
    assert float(BorderClassLoss(plain)(answer, truth)) == float(plain(answer, border_classes(truth)))

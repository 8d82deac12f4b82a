from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_unet.training.border_weights import REACH, border_weights
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.object_weights import SeparatedLoss, pair_weights, separated


def crowd(shape: tuple[int, ...], n: int, seed: int = 0) -> Tensor:
    """Boxes, some of them over others."""
    random = np.random.default_rng(seed)
    objects = np.zeros(shape, np.int64)
    for value in range(1, n + 1):
        start = [int(random.integers(0, size - 3)) for size in shape]
        objects[tuple(slice(a, a + int(random.integers(1, 9))) for a in start)] = value
    return torch.from_numpy(objects)


@pytest.mark.parametrize(("shape", "n"), [((70,), 5), ((50, 41), 12), ((50, 41), 60), ((12, 20, 17), 9)])
@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_weights_are_those_of_distance_transforms(shape, n, sigma):
    """Checked against one exact distance transform per object, as far as distances are followed."""
    patches = torch.stack([crowd(shape, n, seed) for seed in range(3)])
    found = pair_weights(patches, 10, sigma)
    for patch, weights in zip(patches, found, strict=True):
        expected = border_weights(patch.numpy(), 10, sigma, reach=REACH + 3)
        np.testing.assert_allclose(weights, expected, atol=0.5 / 25.5)
        assert patch.max() < 2 or expected.max() > 0.1


def test_weights_in_pixels_that_are_no_cubes():
    thick = torch.zeros(1, 5, 6, 30, dtype=torch.int64)
    thick[:, 0, :, 5:20], thick[:, 4, :, 8:25] = 1, 2
    fine = thick.repeat_interleave(3, dim=1)  # three thin slices for each
    places = slice(1, None, 3)
    found = pair_weights(thick, spacing=(3.0, 1.0, 1.0))[0, 2]
    # the middle of the gap is 6 units (two slices) from either object; in thin slices 5 from their nearer edge
    assert found[0, 10] == pytest.approx(10 * np.exp(-(12**2) / 50), abs=1e-4)
    assert pair_weights(fine)[0, places][2][0, 10] == pytest.approx(10 * np.exp(-(10**2) / 50), abs=1e-4)


def test_objects_that_touch_get_a_gap_of_two_pixels():
    objects = torch.zeros(1, 6, 12, dtype=torch.int64)
    objects[:, 1:5, 2:6], objects[:, 1:5, 6:10] = 4, 7
    expected = objects.clone()
    expected[:, 1:5, 5:7] = 0
    torch.testing.assert_close(separated(objects), expected)
    torch.testing.assert_close(separated(expected), expected)  # apart already
    weights = pair_weights(separated(objects))
    assert weights[0, 2, 5] == pytest.approx(10 * np.exp(-(3**2) / 50))
    assert weights[0, 2, 4] == pytest.approx(
        10 * np.exp(-(3**2) / 50)
    )  # in the one, three pixels from the other


def test_a_gap_has_two_pixels_in_every_slice_and_between_slices():
    objects = torch.zeros(1, 8, 8, 8, dtype=torch.int64)
    objects[:, :4], objects[:, 4:] = 1, 2
    assert (separated(objects)[0, :, 3, 3] == torch.tensor([1, 1, 1, 0, 0, 2, 2, 2])).all()


def test_unknown_pixels_are_no_objects_and_cost_nothing():
    objects = torch.tensor([[1, 1, -1, 2, 2, 0, -2, -1]])
    torch.testing.assert_close(separated(objects), objects)
    logits = torch.randn(1, 2, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    SeparatedLoss(CombinedLoss())(logits, objects).backward()
    assert logits.grad is not None
    assert not logits.grad[0, :, [2, 6, 7]].any()
    assert logits.grad[0, :, [0, 5]].all()


def test_the_loss_is_the_weighted_one_of_separated_objects():
    patches = torch.stack([crowd((30, 30), 20, seed) for seed in range(2)])
    patches[:, :3] = -1
    logits = torch.randn(2, 2, 30, 30, generator=torch.Generator().manual_seed(1))
    apart = separated(patches)
    classes = torch.where(patches < 0, -1, (apart > 0).long())
    weights = torch.from_numpy(np.stack([border_weights(p.numpy(), 10) for p in apart]))
    expected = CombinedLoss()(logits, classes, weights)
    torch.testing.assert_close(
        SeparatedLoss(CombinedLoss(), 10)(logits, patches), expected, rtol=1e-3, atol=0
    )


def test_no_object_or_one_gives_no_weight():
    assert not pair_weights(torch.zeros(1, 9, 9, dtype=torch.int64)).any()
    assert not pair_weights(crowd((20, 20), 1)[None]).any()


def test_of_equally_near_objects_none_is_lost_in_volumes():
    """Two at the same distance along one axis, then one of them nearer along the next."""
    objects = torch.zeros(1, 5, 5, 5, dtype=torch.int64)
    objects[0, 0, 2, 2], objects[0, 4, 2, 2], objects[0, 2, 0, 2], objects[0, 2, 2, 4] = 1, 2, 3, 2
    expected = border_weights(objects[0].numpy(), 10, 5, reach=REACH + 3)
    np.testing.assert_allclose(pair_weights(objects, 10, 5)[0], expected, atol=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_ties_in_crowded_volumes(seed):
    random = np.random.default_rng(seed)
    objects = np.where(random.random((6, 7, 8)) < 0.08, random.integers(1, 6, (6, 7, 8)), 0)
    expected = border_weights(objects, 10, 5, reach=REACH + 3)
    np.testing.assert_allclose(pair_weights(torch.from_numpy(objects)[None])[0], expected, atol=1e-3)

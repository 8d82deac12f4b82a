from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imread
from torch import Tensor

from napari_unet.training.losses import CombinedLoss
from napari_unet.training.object_flows import FlowLoss, towards_centre


def disc(radius: int, centre: tuple[int, int], side: int = 40, number: int = 1) -> Tensor:
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2).long()[None] * number


def test_vectors_of_length_one_point_to_the_centre():
    objects = disc(8, (15, 22))
    found = towards_centre(objects)[0]
    inside = objects[0] > 0
    assert found.dtype == torch.float32
    assert not found[:, ~inside].any()
    assert not found[:, 15, 22].any()
    inside[15, 22] = False
    torch.testing.assert_close(found.pow(2).sum(0)[inside], torch.ones(int(inside.sum())))
    for y, x in ((10, 20), (15, 30), (22, 22)):
        way = torch.tensor([15.0 - y, 22.0 - x])
        torch.testing.assert_close(found[:, y, x], way / way.norm())


def test_objects_that_touch_point_away_from_each_other():
    objects = torch.zeros(1, 9, 20, dtype=torch.int64)
    objects[:, :, :10], objects[:, :, 10:] = 5, 3
    found = towards_centre(objects)[0]
    assert (found[1, 4, 9], found[1, 4, 10]) == (-1, 1)


def test_the_centre_lies_on_the_object_and_is_that_of_what_is_seen():
    ring = disc(10, (20, 20)) - disc(7, (20, 20))
    found = towards_centre(ring)[0]
    centres = torch.nonzero((ring[0] > 0) & ~found.any(0))
    assert len(centres) == 1
    assert ring[0][tuple(centres[0])] == 1
    cut = disc(8, (0, 20))  # half of it beyond the edge
    (centre,) = torch.nonzero((cut[0] > 0) & ~towards_centre(cut)[0].any(0))
    assert centre.tolist() == [3, 20]


def test_patches_do_not_mix_and_numbers_do_not_matter():
    one, other = disc(6, (10, 10)), disc(9, (25, 22), number=700)
    both = towards_centre(torch.cat([one, other]))
    torch.testing.assert_close(both[:1], towards_centre(one))
    torch.testing.assert_close(both[1:], towards_centre(other.clamp(max=1)))
    assert not towards_centre(torch.full((1, 5, 5), -1)).any()


def test_volumes():
    objects = torch.zeros(1, 5, 9, 9, dtype=torch.int64)
    objects[0, 1:4, 2:7, 2:7] = 1
    found = towards_centre(objects)[0]
    assert found.shape == (3, 5, 9, 9)
    torch.testing.assert_close(found[:, 1, 4, 4], torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(found[:, 3, 2, 6], torch.tensor([-1.0, 2, -2]) / 3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_right_answer_costs_nothing_and_any_other_something(ndim):
    objects = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (2, *(2, 4, 4)[-ndim:])))
    for axis in range(1, ndim + 1):
        objects = objects.repeat_interleave(6, axis)
    right = torch.cat([(objects > 0).float()[:, None] * 40 - 20, towards_centre(objects)], dim=1)
    loss = FlowLoss(CombinedLoss(pooled=True))
    assert float(loss(right, objects)) < 1e-5
    for output in range(1 + ndim):
        wrong = right.clone()
        wrong[:, output] *= -0.5
        assert float(loss(wrong, objects)) > 0.1


def test_what_is_unknown_costs_nothing():
    objects = disc(8, (15, 22)) + disc(6, (32, 8), number=2)
    objects[:, :, :10] = -1
    answer = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)).requires_grad_()
    FlowLoss(CombinedLoss(pooled=True))(answer, objects).backward()
    assert answer.grad is not None
    assert not answer.grad[..., :10].any()
    assert answer.grad[..., 10:].all()


def test_real_nuclei_have_one_centre_each(shared_data: Path):
    file = sorted((shared_data / "bbbc039_nuclei" / "train" / "labels").iterdir())[0]
    objects = torch.from_numpy(imread(file).astype(np.int64))[None]
    found = towards_centre(objects)[0]
    centres = (objects[0] > 0) & ~found.any(0)
    numbers = objects[0][centres]
    assert sorted(numbers.tolist()) == sorted(set(objects[objects > 0].tolist()))

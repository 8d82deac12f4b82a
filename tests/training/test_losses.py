from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss
from torch import Tensor

from napari_unet.errors import InputError
from napari_unet.training.losses import CombinedLoss


def batch(classes: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(2, classes, 9, 7, generator=random, dtype=dtype, requires_grad=True)
    return logits, torch.randint(max(classes, 2), (2, 9, 7), generator=random)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("pooled", [False, True])
def test_equals_torch_cross_entropy_and_monai_dice(classes, pooled):
    logits, target = batch(classes)
    dice = DiceLoss(softmax=True, to_onehot_y=True, batch=pooled)(logits, target.unsqueeze(1))
    expected = 0.5 * F.cross_entropy(logits, target) + 0.5 * dice
    torch.testing.assert_close(CombinedLoss(0.5, 0.5, pooled=pooled)(logits, target), expected)


def test_one_logit_is_binary_cross_entropy_and_monai_dice():
    logits, target = batch(1)
    target = target.unsqueeze(1)
    expected = 0.3 * F.binary_cross_entropy_with_logits(logits, target.float())
    expected = expected + 0.7 * DiceLoss(sigmoid=True)(logits, target)
    torch.testing.assert_close(CombinedLoss(0.3, 0.7)(logits, target), expected)
    torch.testing.assert_close(CombinedLoss(0.3, 0.7)(logits, target[:, 0]), expected)


def test_ignored_pixels_are_as_good_as_absent():
    """The float64 formula over the labelled pixels alone."""
    logits, target = batch(3, torch.float64)
    target[:, 4:] = -1
    loss = CombinedLoss(0.5, 0.5)(logits, target)
    kept, wanted = logits[:, :, :4], target[:, :4]
    p = kept.softmax(1)
    t = F.one_hot(wanted, 3).movedim(-1, 1)
    dice = (2 * (p * t).sum((2, 3)) + 1e-5) / (p.sum((2, 3)) + t.sum((2, 3)) + 1e-5)
    torch.testing.assert_close(loss, 0.5 * F.cross_entropy(kept, wanted) + 0.5 * (1 - dice).mean())
    loss.backward()
    assert (logits.grad[:, :, 4:] == 0).all()
    assert (logits.grad[:, :, :4] != 0).any()


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_nothing_labelled_costs_nothing(classes):
    logits, target = batch(classes)
    loss = CombinedLoss()(logits, torch.full_like(target, -1))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert (logits.grad == 0).all()


def test_gradient_is_right_with_ignored_pixels():
    logits, target = batch(3, torch.float64)
    target[0, :5] = -1
    assert torch.autograd.gradcheck(lambda x: CombinedLoss(pooled=True)(x, target), logits)


def test_sixteen_bit_logits_are_computed_in_float32():
    logits, target = batch(2)
    half = logits.detach().bfloat16()
    assert CombinedLoss()(half, target).dtype == torch.float32


def test_shapes_that_do_not_match_are_refused():
    logits, target = batch(2)
    with pytest.raises(InputError, match="do not fit"):
        CombinedLoss()(logits, target[:, :5])

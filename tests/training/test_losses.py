from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss, FocalLoss
from torch import Tensor

from napari_unet.errors import InputError
from napari_unet.training.losses import TERMS, CombinedLoss, balanced_weights


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


FOCAL = {"weight_ce": 0, "weight_dice": 0, "weight_focal": 1}


@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.0])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_focal_is_monais(classes, gamma):
    """MONAI takes the mean over classes as well, of which all but the pixel's own add nothing."""
    logits, target = batch(classes)
    if classes == 1:
        expected = FocalLoss(gamma=gamma)(logits, target.unsqueeze(1))
    else:
        monai = FocalLoss(gamma=gamma, use_softmax=True, to_onehot_y=True)
        expected = classes * monai(logits, target.unsqueeze(1))
    torch.testing.assert_close(CombinedLoss(**FOCAL, gamma=gamma)(logits, target), expected)


@pytest.mark.parametrize("classes", [1, 3])
def test_focal_without_exponent_is_cross_entropy(classes):
    logits, target = batch(classes)
    target[:, 2] = -1
    torch.testing.assert_close(
        CombinedLoss(**FOCAL, gamma=0)(logits, target), CombinedLoss(1, 0)(logits, target)
    )


def test_class_weights_are_torchs():
    logits, target = batch(3)
    target[:, 4:] = -1
    weights = (0.2, 3.0, 1.0)
    expected = F.cross_entropy(logits, target, torch.tensor(weights), ignore_index=-1)
    torch.testing.assert_close(CombinedLoss(1, 0, class_weights=weights)(logits, target), expected)


def test_every_term_with_every_weight_is_the_formula_in_float64():
    logits, target = batch(3, torch.float64)
    random = torch.Generator().manual_seed(1)
    target[0, 3:6] = -1
    border = 10 * torch.rand(target.shape, generator=random, dtype=torch.float64)
    classes = [0.5, 2.0, 1.0]
    loss = CombinedLoss(0.2, 0.3, weight_focal=0.5, class_weights=classes, pooled=True)
    kept = [tuple(at) for at in (target >= 0).nonzero().tolist()]
    p = logits.detach().softmax(1)
    w = {at: classes[target[at]] + float(border[at]) for at in kept}
    likelihood = {(n, y, x): float(p[n, target[n, y, x], y, x]) for n, y, x in kept}
    total = sum(w.values())
    entropy = sum(w[at] * -math.log(likelihood[at]) for at in kept) / total
    focal = sum(w[at] * (1 - likelihood[at]) ** 2 * -math.log(likelihood[at]) for at in kept) / total
    dice = 0.0
    for k in range(3):
        overlap = sum(float(p[n, k, y, x]) for n, y, x in kept if target[n, y, x] == k)
        size = sum(float(p[n, k, y, x]) + float(target[n, y, x] == k) for n, y, x in kept)
        dice += (1 - (2 * overlap + 1e-5) / (size + 1e-5)) / 3
    found = loss(logits, target, border).item()
    assert found == pytest.approx(0.2 * entropy + 0.3 * dice + 0.5 * focal, rel=1e-6)


@pytest.mark.parametrize("name", list(TERMS))
@pytest.mark.parametrize("classes", [1, 4])
def test_gradients_are_right_and_ignored_pixels_have_none(name, classes):
    logits, target = batch(classes, torch.float64)
    target[0, :5] = -1
    border = torch.full(target.shape, 2.0)
    loss = CombinedLoss(**TERMS[name], class_weights=[0.5] + [1.5] * max(1, classes - 1))
    assert torch.autograd.gradcheck(lambda x: loss(x, target, border), logits)
    loss(logits, target, border).backward()
    assert (logits.grad.movedim(1, -1)[target < 0] == 0).all()
    assert (logits.grad.movedim(1, -1)[target >= 0] != 0).all()


@pytest.mark.parametrize("name", list(TERMS))
@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_have_finite_gradients(name, gamma, classes, dtype):
    """Certain and right, certain and wrong, and nothing labelled at all."""
    logits, target = batch(classes)
    loss = CombinedLoss(**TERMS[name], gamma=gamma, class_weights=[1.0] * max(2, classes))
    for scale in (0.0, 1.0, 1e4):
        for wanted in (target, torch.full_like(target, -1)):
            x = (logits.detach() * scale).to(dtype).requires_grad_()
            value = loss(x, wanted, torch.ones(wanted.shape))
            value.backward()
            assert value.dtype == torch.float32
            assert torch.isfinite(value)
            assert torch.isfinite(x.grad).all()


def test_half_precision_gives_the_float32_loss_of_the_same_logits():
    logits, target = batch(3)
    half = logits.detach().bfloat16()
    for terms in TERMS.values():
        loss = CombinedLoss(**terms)
        assert torch.equal(loss(half, target), loss(half.float(), target))


def test_balanced_weights_give_every_class_the_same_say():
    counts = [70, 25, 5]
    weights = balanced_weights(counts)
    shares = [n * w for n, w in zip(counts, weights, strict=True)]
    assert shares == pytest.approx([100 / 3] * 3)  # so the mean over pixels is 1
    assert balanced_weights([70, 0, 30]) == pytest.approx([100 / 140, 0, 100 / 60])


def test_weights_that_make_no_sense_are_refused():
    logits, target = batch(3)
    with pytest.raises(InputError, match="2 class weights for 3 logits"):
        CombinedLoss(class_weights=(1, 2))(logits, target)
    with pytest.raises(InputError, match="at least 0"):
        CombinedLoss(class_weights=(1, -2))
    with pytest.raises(InputError, match="at least 0"):
        CombinedLoss(gamma=-1)
    with pytest.raises(InputError, match="do not fit"):
        CombinedLoss()(logits, target, torch.ones(2, 3, 3))


def test_class_weights_are_not_stored_with_a_model():
    assert CombinedLoss(class_weights=(1, 2)).state_dict() == {}

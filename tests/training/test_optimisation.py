from __future__ import annotations

import pytest
import torch

from napari_unet.errors import TrainingDivergedError
from napari_unet.nets import UNet, init_weights
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.optimisation import IN_A_ROW, Optimisation, torch_threads

CPU = torch.device("cpu")


def make(recipe="default", precision=torch.float32) -> Optimisation:
    torch.manual_seed(0)
    network = UNet(1, 2, width=2, depth=1)
    init_weights(network)
    return Optimisation(network, recipe, 1e-2, CPU, precision)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.randn(2, 1, 16, 16, generator=random)
    return images, (images[:, 0] > 0).long()


def weights(optimisation: Optimisation) -> list[torch.Tensor]:
    return [p.detach().clone() for p in optimisation.network.parameters()]


@pytest.mark.parametrize("recipe", ["default", "classic"])
def test_steps_lower_the_loss(recipe):
    optimisation = make(recipe)
    if recipe == "classic":
        optimisation.set_learning_rate(1e-2)
    losses = [optimisation.step(*batch()) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_the_classic_recipe_is_the_classic_set_up():
    optimisation = make("classic")
    assert type(optimisation.optimizer) is torch.optim.Adam
    assert optimisation.learning_rate == 1e-4
    assert optimisation.scheduler is not None
    assert isinstance(optimisation.criterion, CombinedLoss)
    assert not optimisation.criterion.pooled
    optimisation.step(*batch())
    for p, q in zip(
        optimisation.network.parameters(), optimisation.average.network.parameters(), strict=True
    ):
        assert torch.equal(p, q)


def test_a_bad_step_changes_nothing():
    optimisation = make()
    before = weights(optimisation)
    images, classes = batch()
    assert optimisation.step(images * float("nan"), classes) is None
    assert all(torch.equal(a, b) for a, b in zip(before, weights(optimisation), strict=True))
    assert not optimisation.failed


def test_half_precision_lowers_its_scale_after_an_overflow():
    optimisation = make(precision=torch.float16)
    images, classes = batch()
    optimisation.step(images, classes)
    scale = optimisation._scaler.get_scale()
    optimisation.step(images * float("inf"), classes)
    assert optimisation._scaler.get_scale() == scale / 2


def test_falling_back_returns_to_good_weights_once():
    optimisation = make(precision=torch.bfloat16)
    images, classes = batch()
    optimisation.step(images, classes)
    optimisation.mark_good()
    good = [p.clone() for p in optimisation.average.network.parameters()]
    optimisation.step(images, classes)
    for _ in range(IN_A_ROW):
        optimisation.step(images * float("nan"), classes)
    assert optimisation.failed
    optimisation.fall_back()
    assert optimisation.precision == torch.float32
    assert not optimisation.failed
    assert all(torch.equal(a, b) for a, b in zip(good, weights(optimisation), strict=True))
    assert all(torch.isfinite(t).all() for t in optimisation.network.state_dict().values())
    assert optimisation.step(images, classes) is not None
    with pytest.raises(TrainingDivergedError):
        optimisation.fall_back()


def test_threads_are_set_back():
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before

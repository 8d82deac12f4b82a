from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from napari_unet.errors import TrainingDivergedError
from napari_unet.nets import UNet, init_weights
from napari_unet.nets.symmetry import Symmetry
from napari_unet.training.distillation import forgetting
from napari_unet.training.losses import CombinedLoss
from napari_unet.training.optimisation import IN_A_ROW, MAX_NORM, Optimisation, torch_threads
from napari_unet.training.views import TwoViews, disagreement

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
    assert [type(optimizer) for optimizer in optimisation.optimizers] == [torch.optim.Adam]
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


def test_a_step_in_parts_is_the_step_of_the_whole_batch():
    """Without norm layers, and with every pixel labelled."""
    random = torch.Generator().manual_seed(1)
    images = torch.randn(4, 1, 16, 16, generator=random)
    classes = (images[:, 0] > 0).long()
    made = []
    for size in (4, 2, 1):
        torch.manual_seed(0)
        network = UNet(1, 2, width=2, depth=1, norm=None)
        init_weights(network)
        optimisation = Optimisation(network, "default", 4e-3, CPU, torch.float32, CombinedLoss())
        optimisation.split(4 // size)
        for _ in range(3):
            before = weights(optimisation)
            for i in range(0, 4, size):
                assert all(torch.equal(a, b) for a, b in zip(before, weights(optimisation), strict=True))
                loss = optimisation.step(images[i : i + size], classes[i : i + size])
        made.append((loss, *weights(optimisation)))
    for other in made[1:]:
        for a, b in zip(made[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_bad_part_spoils_its_step_alone():
    optimisation = make(precision=torch.float16)
    images, classes = batch()
    optimisation.split(2)
    before = weights(optimisation)
    scale = optimisation._scaler.get_scale()
    assert optimisation.step(images * float("nan"), classes) is None
    assert optimisation.step(images, classes) is None
    assert all(torch.equal(a, b) for a, b in zip(before, weights(optimisation), strict=True))
    assert optimisation._scaler.get_scale() == scale / 2
    optimisation.step(images, classes)
    assert optimisation.step(images, classes) is not None
    assert not all(torch.equal(a, b) for a, b in zip(before, weights(optimisation), strict=True))


def test_splitting_drops_what_was_begun():
    optimisation, other = make(), make()
    images, classes = batch()
    optimisation.split(2)
    optimisation.step(images * 5, 1 - classes)
    optimisation.split(1)
    assert optimisation.step(images, classes) == pytest.approx(other.step(images, classes))
    moved = torch.cat([(a - b).flatten() for a, b in zip(weights(optimisation), weights(other), strict=True)])
    assert moved.abs().max() < 1e-6


@pytest.mark.parametrize(("recipe", "clipped"), [("default", True), ("classic", False)])
def test_long_gradients_are_clipped_by_the_default_recipe(recipe, clipped, monkeypatch):
    optimisation = make(recipe)
    original = optimisation.criterion.forward
    monkeypatch.setattr(optimisation.criterion, "forward", lambda *a: 1e4 * original(*a))
    for optimizer in optimisation.optimizers:
        monkeypatch.setattr(optimizer, "step", lambda: None)
    optimisation.step(*batch())
    groups = [group for optimizer in optimisation.optimizers for group in optimizer.param_groups]
    norm = torch.cat([p.grad.flatten() for group in groups for p in group["params"]]).norm()
    assert (norm <= MAX_NORM * 1.001) == clipped


def test_threads_are_set_back():
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_consistency_draws_two_views_together():
    def gap(consistency: float) -> float:
        torch.manual_seed(0)
        network = UNet(1, 2, width=4, depth=1)
        init_weights(network)
        optimisation = Optimisation(network, "default", 1e-2, CPU, torch.float32, consistency=consistency)
        images, classes = batch()
        turn = Symmetry((True, False), True)
        images, classes = (torch.cat([x[:1], turn.turn(x[:1])]) for x in (images, classes))
        views = TwoViews(turn, torch.ones(1, 16, 16, dtype=torch.bool))
        for _ in range(30):
            optimisation.step(images, classes, views)
        with torch.no_grad():
            return float(disagreement(network(images), views, "classes"))

    assert gap(10.0) < 0.5 * gap(0.0)


def test_the_reported_loss_leaves_out_what_views_disagree_by():
    images, classes = batch()
    views = TwoViews(Symmetry((False, True), False), torch.ones(1, 16, 16, dtype=torch.bool))
    torch.manual_seed(0)
    network = UNet(1, 2, width=2, depth=1)
    init_weights(network)
    optimisation = Optimisation(network, "default", 1e-2, CPU, torch.float32, consistency=5.0)
    loss, total = optimisation.losses(images, classes, views)
    assert total > loss
    assert optimisation.step(images, classes, views) == pytest.approx(loss.item())


def test_what_the_parent_answers_is_kept_where_nothing_is_painted():
    def gone(*, parent: bool) -> float:
        torch.manual_seed(0)
        network = UNet(1, 2, width=4, depth=1)
        init_weights(network)
        before = deepcopy(network).eval()
        optimisation = Optimisation(
            network, "default", 1e-2, CPU, torch.float32, parent=deepcopy(network) if parent else None
        )
        images, classes = batch()
        images, classes = torch.cat([images[:1]] * 2), torch.cat([1 - classes[:1]] * 2)
        classes[:, 2:] = -1
        views = TwoViews(Symmetry((False, False), False), torch.ones(1, 16, 16, dtype=torch.bool))
        for _ in range(30):
            optimisation.step(images, classes, views)
        with torch.no_grad():
            return float(forgetting(network(images[:1]), before(images[:1]), classes[:1], views.counted))

    assert gone(parent=True) < 0.5 * gone(parent=False)


def test_what_is_taught_is_learnt_where_nothing_is_painted():
    torch.manual_seed(0)
    network = UNet(1, 2, width=4, depth=1)
    init_weights(network)
    optimisation = Optimisation(network, "default", 1e-2, CPU, torch.float32)
    images, classes = batch()
    nothing = torch.full_like(classes, -1)
    right = torch.stack([classes == 0, classes == 1], dim=1).float()
    right[:, :, :8] = 0  # not known
    for _ in range(60):
        optimisation.step(images, nothing, None, right)
    with torch.no_grad():
        found = network(images).argmax(1)
    assert (found == classes)[:, 8:].float().mean() > 0.9
    loss, total = optimisation.losses(images, nothing, None, torch.zeros_like(right))
    assert loss == total == 0
    optimisation.taught_weight = 0.0
    loss, total = optimisation.losses(images, nothing, None, right)
    assert total == loss

from __future__ import annotations

import pytest
import torch

from napari_unet.nets import UNet
from napari_unet.nets.outputs import probabilities
from napari_unet.settings import AugmentationSettings
from napari_unet.training.views import Turn, TwoViews, disagreement, random_turn

ALL = AugmentationSettings()


def drawn(settings: AugmentationSettings, ndim: int) -> set[Turn]:
    random = torch.Generator().manual_seed(0)
    return {random_turn(settings, ndim, random) for _ in range(400)}


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_turn_is_undone(ndim):
    batch = torch.arange(2 * 3 * 4**ndim).view(2, 3, *[4] * ndim)
    for turn in drawn(ALL, ndim):
        assert torch.equal(turn.undo(turn.apply(batch)), batch)


def test_turns_are_those_by_which_patches_are_varied():
    assert len(drawn(ALL, 2)) == 4 * 4
    assert len(drawn(ALL, 3)) == 4 * 8
    assert {turn.mirrored for turn in drawn(ALL.model_copy(update={"flips": False}), 2)} == {()}
    assert {turn.quarters for turn in drawn(ALL.model_copy(update={"turns": False}), 2)} == {0}
    assert drawn(ALL.model_copy(update={"turns": False, "flips": False}), 2) == {Turn()}


def test_x_and_y_and_z_are_mirrored_alike_often():
    random = torch.Generator().manual_seed(0)
    mirrored = [axis for _ in range(400) for axis in random_turn(ALL, 3, random).mirrored]
    assert all(150 < mirrored.count(axis) < 250 for axis in (-1, -2, -3))


@pytest.mark.parametrize("outputs", ["classes", "distances"])
def test_disagreement_is_the_mean_of_both_divergences(outputs):
    torch.manual_seed(0)
    turn = Turn(1, (-1,))
    first, second = torch.randn(2, 2, 3, 6, 6, dtype=torch.float64)
    counted = torch.rand(2, 6, 6) < 0.7
    views = TwoViews(turn, counted)
    found = disagreement(torch.cat([first, turn.apply(second)]).float(), views, outputs)
    p, q = probabilities(first, outputs), probabilities(second, outputs)
    if outputs == "classes":
        both = (p * (p / q).log()).sum(1) + (q * (q / p).log()).sum(1)
    else:
        both = sum((a * (a / b).log() + b * (b / a).log()).sum(1) for a, b in ((p, q), (1 - p, 1 - q)))
    assert found.item() == pytest.approx(both[counted].mean().item() / 2, rel=1e-5)


def test_a_network_that_does_not_mind_turns_agrees_with_itself():
    torch.manual_seed(0)
    pointwise = torch.nn.Conv2d(1, 2, 1)
    patches = torch.rand(2, 1, 8, 8)
    turn = Turn(3, (-2,))
    batch = torch.cat([patches[:2], turn.apply(patches[:2])])
    views = TwoViews(turn, torch.ones(2, 8, 8, dtype=torch.bool))
    assert disagreement(pointwise(batch), views, "classes").item() == pytest.approx(0, abs=1e-7)
    network = UNet(1, 2, width=2, depth=1)
    assert disagreement(network(batch), views, "classes") > 1e-5
    nothing = TwoViews(turn, torch.zeros(2, 8, 8, dtype=torch.bool))
    assert disagreement(network(batch), nothing, "classes") == 0

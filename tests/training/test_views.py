from __future__ import annotations

import pytest
import torch

from napari_unet.nets import UNet
from napari_unet.nets.outputs import probabilities
from napari_unet.nets.symmetry import Symmetry, symmetries
from napari_unet.settings import AugmentationSettings
from napari_unet.training.views import TwoViews, disagreement, random_symmetry

ALL = AugmentationSettings()


def drawn(settings: AugmentationSettings, ndim: int) -> set[Symmetry]:
    random = torch.Generator().manual_seed(0)
    return {random_symmetry(settings, ndim, random) for _ in range(400)}


@pytest.mark.parametrize("ndim", [2, 3])
def test_all_turns_are_drawn(ndim):
    assert drawn(ALL, ndim) == set(symmetries(ndim))


def test_turns_are_those_by_which_patches_are_varied():
    page = torch.arange(16).view(4, 4)
    quarters = {tuple(torch.rot90(page, k).flatten().tolist()) for k in range(4)}
    turned = {turn.turn(page) for turn in drawn(ALL.model_copy(update={"flips": False}), 2)}
    assert {tuple(t.flatten().tolist()) for t in turned} == quarters
    assert {turn.exchanged for turn in drawn(ALL.model_copy(update={"turns": False}), 2)} == {False}
    assert drawn(ALL.model_copy(update={"turns": False, "flips": False}), 2) == {symmetries(2)[0]}
    assert {turn.flipped[0] for turn in drawn(ALL.model_copy(update={"flips": False}), 3)} == {False}


def test_x_and_y_and_z_are_mirrored_alike_often():
    random = torch.Generator().manual_seed(0)
    flipped = [random_symmetry(ALL, 3, random).flipped for _ in range(400)]
    assert all(150 < sum(axis) < 250 for axis in zip(*flipped, strict=True))


@pytest.mark.parametrize("outputs", ["classes", "distances"])
def test_disagreement_is_the_mean_of_both_divergences(outputs):
    torch.manual_seed(0)
    turn = Symmetry((True, False), True)
    first, second = torch.randn(2, 2, 3, 6, 6, dtype=torch.float64)
    counted = torch.rand(2, 6, 6) < 0.7
    views = TwoViews(turn, counted)
    found = disagreement(torch.cat([first, turn.turn(second)]).float(), views, outputs)
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
    turn = Symmetry((False, True), True)
    batch = torch.cat([patches[:2], turn.turn(patches[:2])])
    views = TwoViews(turn, torch.ones(2, 8, 8, dtype=torch.bool))
    assert disagreement(pointwise(batch), views, "classes").item() == pytest.approx(0, abs=1e-7)
    network = UNet(1, 2, width=2, depth=1)
    assert disagreement(network(batch), views, "classes") > 1e-5
    nothing = TwoViews(turn, torch.zeros(2, 8, 8, dtype=torch.bool))
    assert disagreement(network(batch), nothing, "classes") == 0


def test_vectors_agree_if_they_point_to_the_same_place():
    """Seen in a mirror, what lies to the left lies to the right."""
    turn = Symmetry((False, True), True)
    logits = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = turn.turn(logits)
    y, x = seen[:, 1].clone(), seen[:, 2].clone()
    seen[:, 1], seen[:, 2] = -x, y  # mirrored along X, then Y and X exchanged
    views = TwoViews(turn, torch.ones(1, 8, 8, dtype=torch.bool))
    assert disagreement(torch.cat([logits, seen]), views, "flows").item() == pytest.approx(0, abs=1e-6)
    assert disagreement(torch.cat([logits, turn.turn(logits)]), views, "flows") > 0.1

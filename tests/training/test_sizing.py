from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.settings import NetworkSettings, TrainSettings
from napari_unet.training.coverage import Plane
from napari_unet.training.sizing import choose_plan

CPU = torch.device("cpu")


def planes(*shapes: tuple[int, ...]) -> list[Plane]:
    return [Plane(i, (), s, tuple(np.ones((2, n), np.int64) for n in s)) for i, s in enumerate(shapes)]


def plan(*shapes, device=CPU, parent=None, **options):
    return choose_plan(TrainSettings(**options), planes(*shapes), 1, 2, device, parent)


def test_defaults_suit_a_laptop_and_five_minutes():
    chosen = plan((512, 512))
    assert (chosen.network.width, chosen.network.depth, chosen.network.norm) == (16, 4, "batch")
    assert (chosen.patch_size, chosen.batch_size) == (128, 8)
    assert plan((512, 512), minutes=60).network.width == 32
    assert plan((512, 512), device=torch.device("cuda")).network.width == 64


def test_a_plan_by_steps_does_not_depend_on_the_time():
    assert plan((512, 512), steps=10, minutes=60) == plan((512, 512), steps=10, minutes=1)


@pytest.mark.parametrize(("shape", "patch"), [((100, 90), 112), ((40, 40), 64), ((3000, 200), 128)])
def test_patches_are_not_much_larger_than_the_images(shape, patch):
    assert plan(shape).patch_size == patch


@pytest.mark.parametrize("wanted", [16, 100, 250])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_a_patch_always_fits_the_network(wanted, padding):
    from napari_unet.nets import UNet

    chosen = plan((512, 512), patch_size=wanted, padding=padding, depth=3, width=2)
    network = UNet.from_settings(chosen.network)
    size = chosen.patch_size
    assert wanted <= size
    output = network.eval()(torch.zeros(1, 1, size, size))
    assert output.shape[-1] == network.output_size(size) > 0


def test_what_the_user_chose_is_taken():
    chosen = plan((512, 512), width=7, depth=2, patch_size=64, batch_size=3, learning_rate=0.01, norm="group")
    assert chosen.network == NetworkSettings(n_channels=1, n_classes=2, width=7, depth=2, norm="group")
    assert (chosen.patch_size, chosen.batch_size, chosen.learning_rate) == (64, 3, 0.01)


def test_the_classic_recipe_has_its_own_rate():
    assert plan((512, 512), recipe="classic", learning_rate=0.1).learning_rate == 1e-4


def test_a_parent_keeps_its_architecture_and_learns_more_slowly():
    parent = NetworkSettings(n_channels=1, n_classes=2, width=5, depth=3)
    chosen = plan((512, 512), parent=parent, width=30)
    assert chosen.network == parent
    assert chosen.learning_rate < plan((512, 512)).learning_rate


def test_the_plan_is_told_by_settings_names():
    assert set(plan((512, 512)).to_dict()) <= set(TrainSettings.model_fields)

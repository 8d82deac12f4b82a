"""What a training is put together from."""

from __future__ import annotations

import pytest

from napari_unet.nets import UNet
from napari_unet.settings import AugmentationSettings
from napari_unet.training.assembly import freeze, variation
from napari_unet.training.muon import default_optimizers


@pytest.mark.parametrize(
    ("layers", "learning"),
    [
        ("none", {"inc", "down1", "down2", "up1", "up2", "outc"}),
        ("encoder", {"up1", "up2", "outc"}),
        ("all but the last", {"outc"}),
    ],
)
def test_frozen_layers_are_left_out_by_the_optimisers(layers, learning):
    network = UNet(1, 2, width=2, depth=2)
    network.to(memory_format=network.memory_format)
    freeze(network, layers)
    left = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert {name.split(".")[0] for name in left} == learning
    optimizers = default_optimizers(network, 1e-3)
    n_optimised = sum(
        weight.numel() for o in optimizers for group in o.param_groups for weight in group["params"]
    )
    assert n_optimised == sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


@pytest.mark.parametrize(
    ("kind", "chosen", "share"), [("objects", None, 0.5), ("objects", 0.9, 0.9), ("masks", None, None)]
)
def test_half_of_the_patches_of_objects_keep_their_pixels(kind, chosen, share):
    assert variation(AugmentationSettings(distorted=chosen), kind).distorted == share

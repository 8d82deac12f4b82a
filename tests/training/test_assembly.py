"""Layers that stay as they are."""

from __future__ import annotations

import pytest

from napari_unet.nets import UNet
from napari_unet.training.assembly import freeze
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

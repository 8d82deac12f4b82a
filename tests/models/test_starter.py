from __future__ import annotations

import pytest
import torch

from napari_unet.models.starter import Starter, read_starter, write_starter
from napari_unet.nets import UNet


@pytest.fixture
def starter():
    torch.manual_seed(0)
    return Starter(UNet(3, 2, width=4, depth=2).eval(), 0.02, 3.0)


def test_comes_back_in_half_precision(starter, tmp_path):
    write_starter(starter, tmp_path / "s.safetensors")
    back = read_starter(tmp_path / "s.safetensors")
    assert (back.strength, back.scale) == (0.02, 3.0)
    for name, tensor in starter.network.state_dict().items():
        if not name.startswith("outc.") and "num_batches" not in name:
            torch.testing.assert_close(back.network.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    assert read_starter(tmp_path / "absent") is None


@pytest.mark.parametrize("n_channels", [1, 2, 3, 5])
def test_grey_shown_in_any_number_of_channels_gives_the_same_features(starter, n_channels):
    network = starter.network_for(n_channels, 4).eval()
    assert (network.settings.n_channels, network.settings.n_classes) == (n_channels, 4)
    grey = torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        expected = starter.network.features(grey.repeat(1, 3, 1, 1))
        found = network.features(grey.repeat(1, n_channels, 1, 1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)

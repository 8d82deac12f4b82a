from __future__ import annotations

import pytest
import torch

from napari_unet.models.starter import FILE, starter_for, write_starter
from napari_unet.nets import UNet


@pytest.fixture
def network():
    torch.manual_seed(0)
    return UNet(3, 2, width=4, depth=2).eval()


def test_comes_back_in_half_precision_with_kernels_that_do_the_same(network, tmp_path):
    write_starter(network, tmp_path / "s.safetensors")
    back = starter_for(3, 5, tmp_path / "s.safetensors")
    assert back.settings.n_classes == 5
    for name, tensor in network.state_dict().items():
        if name.startswith(("up1.up.", "inc.1.")) and "num_batches" not in name:
            torch.testing.assert_close(back.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        expected, found = network.train().features(images), back.train().features(images)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.05)
    assert starter_for(3, path=tmp_path / "absent") is None


@pytest.mark.parametrize("n_channels", [1, 2, 3, 5])
def test_grey_shown_in_any_number_of_channels_gives_the_same_features(network, n_channels, tmp_path):
    write_starter(network, tmp_path / "s.safetensors")
    written = starter_for(3, path=tmp_path / "s.safetensors").train()
    other = starter_for(n_channels, path=tmp_path / "s.safetensors").train()
    assert other.settings.n_channels == n_channels
    grey = torch.randn(4, 1, 32, 32)
    with torch.no_grad():
        expected = written.features(grey.repeat(1, 3, 1, 1))
        found = other.features(grey.repeat(1, n_channels, 1, 1))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=2e-3)


def test_the_one_that_ships_is_small():
    assert FILE.stat().st_size <= 4_000_000
    assert FILE.with_name("STARTER.md").is_file()
    assert starter_for(1).settings.n_channels == 1

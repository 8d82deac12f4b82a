from __future__ import annotations

import pytest
import torch

from napari_unet.nets import UNet
from napari_unet.training.averaging import AveragedNetwork


def apply(network, batch):
    return network(batch)


@pytest.fixture
def network() -> UNet:
    torch.manual_seed(0)
    return UNet(1, 2, width=2, depth=1).train()


def set_all(network: UNet, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_the_average_follows_the_formula(network):
    set_all(network, 0.0)
    average = AveragedNetwork(network)
    expected = 0.0
    for t, value in enumerate([1.0, 3.0, -2.0]):
        set_all(network, value)
        average.update(network)
        decay = (1 + t) / (10 + t)
        expected = decay * expected + (1 - decay) * value
    for parameter in average.network.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, expected))


def test_with_a_memory_of_a_half_it_is_the_mean_from_the_beginning_on(network):
    set_all(network, 5.0)
    average = AveragedNetwork(network, memory=0.5)
    for value in (1.0, 3.0, -2.0):
        set_all(network, value)
        average.update(network)
    for parameter in average.network.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, (5 + 1 + 3 - 2) / 4))


def test_without_memory_it_copies(network):
    average = AveragedNetwork(network, max_decay=0.0)
    set_all(network, 0.7)
    average.update(network)
    assert all((p == 0.7).all() for p in average.network.parameters())


def test_statistics_belong_to_the_averaged_weights(network):
    """With them, evaluation mode does what training mode does on the same batch."""
    average = AveragedNetwork(network)
    batch = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 3 + 1
    stale = average.network(batch)
    average.estimate_statistics([batch], apply)
    assert not any(module.training for module in average.network.modules())
    fresh = average.network(batch)
    average.network.train()
    expected = average.network(batch)
    torch.testing.assert_close(fresh, expected, rtol=1e-2, atol=1e-2)
    assert (stale - expected).abs().max() > 0.1


def test_statistics_are_the_mean_over_batches(network):
    average = AveragedNetwork(network)
    batches = [torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(s)) for s in (1, 2, 3)]
    average.estimate_statistics(batches, apply)
    first_norm = average.network.inc[1]
    first_conv = average.network.inc[0]
    expected = torch.stack([first_conv(b).mean((0, 2, 3)) for b in batches]).mean(0)
    torch.testing.assert_close(first_norm.running_mean, expected)
    assert first_norm.momentum == 0.1


def test_without_batch_norm_nothing_is_read():
    network = UNet(1, 2, width=2, depth=1, norm=None)

    def batches():
        raise AssertionError("read")
        yield

    AveragedNetwork(network).estimate_statistics(batches(), apply)

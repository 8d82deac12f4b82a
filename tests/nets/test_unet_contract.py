"""One contract for every variant of the U-Net."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from napari_unet.nets import UNet, init_weights

VARIANTS = {
    "batch": lambda c, k: UNet(c, k, width=4, depth=4),
    "group": lambda c, k: UNet(c, k, width=6, depth=3, norm="group"),
    "instance": lambda c, k: UNet(c, k, width=4, depth=2, norm="instance"),
    "no norm": lambda c, k: UNet(c, k, width=4, depth=2, norm=None),
    "3D": lambda c, k: UNet(c, k, width=4, depth=2, ndim=3),
    "valid": lambda c, k: UNet(c, k, width=4, depth=2, padding="valid", norm=None),
    "valid 3D": lambda c, k: UNet(c, k, width=2, depth=1, ndim=3, padding="valid", norm="group"),
    "odd width": lambda c, k: UNet(c, k, width=3, depth=1, norm="group"),
    "width 1": lambda c, k: UNet(c, k, width=1, depth=5),
}
PADDED = [name for name in VARIANTS if not name.startswith("valid")]


def build(name: str, n_channels: int = 2, n_classes: int = 3) -> UNet:
    torch.manual_seed(0)
    network = VARIANTS[name](n_channels, n_classes)
    init_weights(network)
    return network


def fitting_input(network: UNet, size: int = 33) -> torch.Tensor:
    side = network.next_valid_size(size)
    return torch.randn(2, network.settings.n_channels, *(side,) * network.settings.ndim)


@pytest.mark.parametrize("name", VARIANTS)
def test_output_has_the_announced_shape(name: str) -> None:
    network = build(name)
    image = fitting_input(network)
    expected = tuple(network.output_size(size) for size in image.shape[2:])
    assert network(image).shape == (2, 3, *expected)
    assert network.output_size(network.input_size(20)) >= 20


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", PADDED)
def test_any_size_from_one_pixel_up(name: str, training: bool) -> None:
    network = build(name).train(training)
    ndim = network.settings.ndim
    for size in [(1, 1, 1), (1, 1, 7), (2, 3, 4), (15, 16, 17), (5, 31, 1)]:
        image = torch.randn(1, 2, *size[-ndim:])
        logits = network(image)
        assert logits.shape[2:] == image.shape[2:]
        assert bool(torch.isfinite(logits).all())


@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_learns(name: str) -> None:
    network = build(name)
    network(fitting_input(network)).square().sum().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(torch.isfinite(parameter.grad).all()), parameter_name
    assert any(bool(p.grad.abs().sum() > 0) for p in network.inc.parameters())


@pytest.mark.parametrize("name", VARIANTS)
def test_weights_and_settings_make_the_same_network_again(name: str) -> None:
    network = build(name)
    network(fitting_input(network))  # moves running statistics
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    again = UNet.from_settings(network.settings)
    again.load_state_dict(torch.load(file, weights_only=True))
    image = fitting_input(network)
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(image), network.eval()(image), rtol=0, atol=0)


@pytest.mark.parametrize("name", VARIANTS)
def test_channels_last_gives_the_same(name: str) -> None:
    network = build(name).eval()
    image = fitting_input(network)
    with torch.no_grad():
        expected = network(image)
        network.to(memory_format=network.memory_format)
        actual = network(image.to(memory_format=network.memory_format))
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 1},
        {"depth": 2, "norm": None},
        {"depth": 2, "padding": "valid", "norm": None},
        {"depth": 1, "ndim": 3},
    ],
    ids=str,
)
def test_no_pixel_beyond_the_receptive_radius_matters_and_one_at_it_does(options: dict[str, Any]) -> None:
    # float64 and positive weights: no unit is silenced by ReLU, no path is rounded away.
    network = UNet(1, 1, width=2, **options).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)
    radius, stride = network.receptive_radius, network.stride
    side = network.next_valid_size(2 * (radius + network.margin + stride) + stride)
    middle = (side // 2 - network.margin) // stride * stride
    assert max(_reach(network, side, middle + phase) for phase in range(stride)) == radius


def _reach(network: UNet, side: int, position: int) -> int:
    """Distance along the first axis to the farthest input pixel that the output at ``position`` uses."""
    other = network.next_valid_size(1)
    farthest = 0
    for seed in range(3):  # max-pooling passes the gradient to one pixel of four: several images show all
        generator = torch.Generator().manual_seed(seed)
        shape = (1, 1, side, *(other,) * (network.settings.ndim - 1))
        image = torch.rand(shape, generator=generator, dtype=torch.float64).requires_grad_()
        network(image)[0, 0, position].sum().backward()
        assert image.grad is not None
        touched = image.grad[0, 0].abs().reshape(side, -1).sum(1).nonzero().flatten() - network.margin
        farthest = max(farthest, int((touched - position).abs().max()))
    return farthest

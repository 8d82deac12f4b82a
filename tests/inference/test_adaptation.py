from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_unet.images import Image, Normalisation
from napari_unet.inference.adaptation import adapted, image_share, sample_blocks
from napari_unet.nets import UNet, init_weights

CPU = torch.device("cpu")


def seasoned(**options: Any) -> UNet:
    torch.manual_seed(0)
    network = UNet(**{"n_channels": 1, "n_classes": 2, "width": 4, "depth": 2} | options)
    init_weights(network)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def statistics_of(network: UNet) -> torch.Tensor:
    return torch.cat([b for name, b in network.named_buffers() if "num_batches" not in name])


def test_the_first_layer_by_the_formula() -> None:
    network, blocks = seasoned(), noise(3, 1, 16, 24)
    convolution, norm = network.inc[0], network.inc[1]
    with torch.no_grad():
        features = convolution(torch.from_numpy(blocks)).double().transpose(0, 1).reshape(4, -1)
    changed = adapted(network, blocks, CPU, share=0.25).inc[1]
    mean = 0.75 * norm.running_mean + 0.25 * features.mean(1)
    variance = 0.75 * norm.running_var + 0.25 * features.var(1)
    torch.testing.assert_close(changed.running_mean.double(), mean, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(changed.running_var.double(), variance, atol=1e-6, rtol=1e-5)


def test_all_of_the_image_is_what_training_mode_computes() -> None:
    network, blocks = seasoned(), noise(2, 1, 32, 32)
    with torch.no_grad():
        expected = deepcopy(network).train()(torch.from_numpy(blocks))
        actual = adapted(network, blocks, CPU, share=1.0)(torch.from_numpy(blocks))
    difference = float((actual - expected).square().mean().sqrt())
    assert difference < 0.02 * float(expected.std())  # n or n - 1 in the variance


def test_the_network_stays_as_it_is() -> None:
    network = seasoned()
    before = deepcopy(network.state_dict())
    copy = adapted(network, noise(1, 1, 16, 16), CPU, share=0.5)
    assert not copy.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not torch.equal(statistics_of(copy), statistics_of(network))


def test_nothing_of_the_image_changes_nothing() -> None:
    network = seasoned()
    copy = adapted(network, noise(1, 1, 16, 16), CPU, share=0.0)
    assert torch.equal(statistics_of(copy), statistics_of(network))


def test_16_bit_features_are_close() -> None:
    network, blocks = seasoned(), noise(2, 1, 64, 64)
    exact = statistics_of(adapted(network, blocks, CPU, share=0.5))
    rough = statistics_of(adapted(network, blocks, CPU, torch.bfloat16, share=0.5))
    torch.testing.assert_close(rough, exact, atol=0.02, rtol=0.05)


@pytest.mark.parametrize(
    ("axes", "shape", "options", "expected"),
    [
        ("YX", (30, 40), {}, (1, 1, 30, 40)),
        ("YX", (300, 200), {}, (2, 1, 256, 200)),
        ("YX", (3000, 2000), {}, (9, 1, 256, 256)),
        ("YX", (3000, 2000), {"width": 64}, (4, 1, 256, 256)),
        ("ZYX", (100, 20, 20), {}, (9, 1, 20, 20)),
        ("TZYX", (2, 3, 20, 20), {}, (6, 1, 20, 20)),
        ("CYX", (3, 30, 30), {"n_channels": 3}, (1, 3, 30, 30)),
        ("ZYX", (10, 20, 100), {"ndim": 3}, (2, 1, 10, 20, 64)),
        ("YX", (30, 40), {"padding": "valid"}, (1, 1, 44, 44)),
    ],
)
def test_samples_are_bounded_and_fit_the_network(
    axes: str, shape: tuple[int, ...], options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    network = seasoned(**options)
    image = Image("image", (np.random.default_rng(0).integers(0, 255, shape, np.uint8),), axes)
    blocks = sample_blocks(network, image, Normalisation().statistics(image))
    assert blocks.shape == expected
    assert blocks.dtype == np.float32
    assert not adapted(network, blocks, CPU, share=0.5).training


def test_the_more_images_a_network_knows_the_less_one_says() -> None:
    shares = [image_share(n) for n in (1, 5, 10, 20, 45)]
    assert shares == pytest.approx([0.5, 0.5, 1 / 3, 0.2, 0.1])
    assert image_share(46) == image_share(1000) == 0
    assert image_share(0) == 0, "nobody knows how many"

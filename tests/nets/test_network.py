from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from napari_unet.errors import InputError
from napari_unet.nets import UNet, count_parameters, init_weights, shorten_kernels, trace
from napari_unet.settings import NetworkSettings, Outputs

# Ronneberger et al. 2015, figure 1: channels and side at the end of every block.
PAPER_BLOCKS = {
    "inc": (64, 568), "down1": (128, 280), "down2": (256, 136), "down3": (512, 64), "down4": (1024, 28),
    "up1": (512, 52), "up2": (256, 100), "up3": (128, 196), "up4": (64, 388), "outc": (2, 388),
}  # fmt: skip


def test_paper_has_the_shapes_of_figure_1() -> None:
    shapes = {}
    network = UNet.paper(1, 2)
    for name, block in network.named_children():
        block.register_forward_hook(lambda _m, _i, output, name=name: shapes.update({name: output.shape[1:]}))
    with torch.device("meta"):  # shapes without the arithmetic
        network.to("meta")(torch.empty(1, 1, 572, 572))
    assert shapes == {name: (channels, side, side) for name, (channels, side) in PAPER_BLOCKS.items()}


def test_paper_counts() -> None:
    network = UNet.paper(1, 2)
    encoder = sum(
        count_parameters(getattr(network, n)).total for n in ("inc", *(f"down{i}" for i in range(1, 5)))
    )
    assert count_parameters(network) == (31_030_658, 31_030_658)
    assert encoder == 18_842_048
    assert count_parameters(network).total - encoder == 12_188_610
    assert not any(isinstance(m, nn.BatchNorm2d | nn.GroupNorm) for m in network.modules())


def test_padded_counts_and_sizes() -> None:
    network = UNet.padded(1, 2)
    assert count_parameters(network) == (31_042_434, 31_042_434)
    assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d))
    with torch.device("meta"):
        network.to("meta")
        for size in [(572, 572), (1, 1), (17, 301)]:
            assert network(torch.empty(1, 1, *size)).shape == (1, 2, *size)


def test_attributes_follow_the_depth() -> None:
    names = [name for name, _ in UNet(1, 2, width=2, depth=3).named_children()]
    assert names == ["inc", "down1", "down2", "down3", "up1", "up2", "up3", "outc"]


def test_frozen_parameters_are_not_trainable() -> None:
    network = UNet(1, 2, width=2, depth=1)
    network.inc.requires_grad_(False)
    counts = count_parameters(network)
    assert counts.total - counts.trainable == count_parameters(network.inc).total


@pytest.mark.parametrize("depth", range(1, 6))
def test_sizes_an_unpadded_network_takes(depth: int) -> None:
    network = UNet(1, 1, width=1, depth=depth, padding="valid", norm=None)
    smallest = network.next_valid_size(1)
    assert network.next_valid_size(smallest + 1) == smallest + network.stride
    assert network.next_valid_size(smallest + network.stride) == smallest + network.stride
    assert network(torch.zeros(1, 1, smallest, smallest)).shape[-1] == network.output_size(smallest) > 0
    with pytest.raises(InputError, match="next size that fits"):
        network(torch.zeros(1, 1, smallest + 1, smallest))


def test_unpadded_sizes_of_the_paper() -> None:
    network = UNet.paper()
    assert (network.margin, network.stride, network.output_size(572)) == (92, 16, 388)
    assert network.next_valid_size(557) == 572
    assert network.input_size(388) == 572
    assert network.input_size(389) == 588


def test_upsampled_features_are_padded_to_the_skip() -> None:
    network = UNet(1, 1, width=2, depth=1, norm=None)
    up = network.up1
    features, skip = torch.randn(1, 4, 3, 2), torch.randn(1, 2, 7, 5)
    padded = torch.zeros(1, 2, 7, 5)
    padded[..., :6, :4] = up.up(features)
    torch.testing.assert_close(up(features, skip), up.conv(torch.cat([skip, padded], 1)))


def test_options_out_of_range_are_explained() -> None:
    with pytest.raises(InputError, match="n_classes"):
        UNet(1, 0)
    with pytest.raises(InputError, match="padding"):
        UNet(1, 2, padding="reflect")  # type: ignore[arg-type]


def test_settings_describe_the_network() -> None:
    settings = NetworkSettings(n_channels=3, n_classes=2, width=8, depth=2, norm="group")
    assert UNet.from_settings(settings).settings == settings


def test_single_value_in_training_uses_running_statistics() -> None:
    network = UNet(1, 1, width=2, depth=1)
    norm = network.down1.conv[1]
    before = norm.running_mean.clone()
    value = torch.full((1, 4, 1, 1), 3.0)
    expected = torch.nn.functional.batch_norm(
        value, before, norm.running_var, norm.weight, norm.bias, eps=norm.eps
    )
    torch.testing.assert_close(norm.train()(value), expected)
    torch.testing.assert_close(norm.running_mean, before)


def test_init_weights_is_kaiming_fan_out() -> None:
    network = UNet(1, 2, width=32, depth=2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    torch.manual_seed(0)
    init_weights(network)
    convolution = network.down2.conv[0]
    expected = (2 / (convolution.out_channels * 9)) ** 0.5
    assert convolution.weight.std().item() == pytest.approx(expected, rel=0.02)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert bool((module.weight == 1).all())
            assert not module.bias.any()
    with pytest.raises(InputError):
        init_weights(network, "xavier")  # type: ignore[arg-type]


@pytest.mark.parametrize("outputs", ["flows", "distances", "borders"])
def test_a_pixel_of_a_network_for_objects_is_foreground_or_background(outputs: Outputs) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(n_channels=1, n_classes=3, width=4, depth=1, outputs=outputs)
    network = UNet.from_settings(settings)
    image = torch.rand(1, 16, 16).numpy()
    for bias, expected in ((9.0, 1), (-9.0, 0)):
        with torch.no_grad():
            network.outc.get_parameter("conv.bias")[:] = torch.tensor(
                [-bias, 0.0, 0.0] if outputs == "borders" else [bias, 0.9, -0.2]
            )
        pixel = trace(network, image, pixel=(4, 5)).pixel
        assert pixel is not None
        assert pixel.class_index == expected
        assert len(pixel.logits) == 3
        assert pixel.probabilities[expected] > 0.9
        assert sum(pixel.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("n_classes", [1, 3])
def test_trace_follows_a_pixel(n_classes: int) -> None:
    torch.manual_seed(0)
    network = UNet(2, n_classes, width=4, depth=2).train()
    image = torch.rand(2, 21, 30).numpy()
    result = trace(network, image, pixel=(20, 3), normalise=lambda block: block - 1)
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(image - 1)[None])[0, :, 20, 3]
    pixel = result.pixel
    assert pixel is not None
    assert pixel.value == pytest.approx(image[:, 20, 3])
    assert pixel.normalised == pytest.approx(image[:, 20, 3] - 1)
    assert pixel.logits == pytest.approx(logits.tolist(), abs=1e-5)
    if n_classes == 1:
        assert pixel.probabilities == pytest.approx(logits.sigmoid().tolist(), abs=1e-5)
        assert pixel.class_index == int(logits[0] > 0)
    else:
        assert sum(pixel.probabilities) == pytest.approx(1)
        assert pixel.class_index == int(logits.argmax())
    assert [b.output_shape for b in result.blocks][:2] == [(4, 21, 30), (8, 10, 15)]
    text = result.to_text(class_names=["background", "nucleus", "border"])
    assert "8 × 10 × 15" in text
    assert "class" in text
    assert f"{result.parameters.total:,}" in text


def test_trace_without_image_lists_blocks() -> None:
    result = trace(UNet.paper())
    assert result.pixel is None
    assert [b.name for b in result.blocks] == list(PAPER_BLOCKS)
    assert "31,030,658" in result.to_text()


def test_trace_of_an_unpadded_network_covers_the_image_and_keeps_its_mode() -> None:
    network = UNet(1, 2, width=2, depth=2, padding="valid", norm=None)
    result = trace(network, torch.rand(1, 11, 13).numpy(), pixel=(10, 12))
    assert result.pixel is not None
    assert network.training
    assert result.blocks[-1].output_shape[1] >= 11


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_trace_of_a_large_image_looks_at_a_window(padding: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = UNet(1, 2, width=4, depth=2, padding=padding)
    image = torch.rand(1, 150, 131).numpy()
    for pixel in [(0, 0), (77, 66), (149, 130)]:
        whole = trace(network, image, pixel)
        with monkeypatch.context() as patch:
            patch.setattr("napari_unet.nets.tracing._LARGEST_IMAGE", 1000)
            window = trace(network, image, pixel)
        assert window.input_shape[1] < whole.input_shape[1]
        assert window.pixel is not None
        assert whole.pixel is not None
        assert window.pixel.position == pixel
        assert window.pixel.value == whole.pixel.value
        assert window.pixel.logits == pytest.approx(whole.pixel.logits, abs=1e-5)


def test_trace_says_what_does_not_fit() -> None:
    network = UNet(1, 2, width=2, depth=1)
    with pytest.raises(InputError, match="not in the image"):
        trace(network, torch.rand(1, 8, 8).numpy(), pixel=(8, 0))
    with pytest.raises(InputError, match="1 channel"):
        trace(network, torch.rand(3, 8, 8).numpy())


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (1, 16, 16), (1, 1, 4, 16, 16)])
def test_other_channels_or_axes_are_said_in_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="takes 1 channel"):
        UNet(1, 2, width=2, depth=1)(torch.zeros(shape))


def test_a_whole_float_is_a_width() -> None:
    network = UNet(1, 2, width=2.0, depth=1)  # type: ignore[arg-type]
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 8, 8)


def test_kernels_before_batch_norm_can_be_shortened_without_a_difference() -> None:
    torch.manual_seed(0)
    network = UNet(1, 2, width=4, depth=2)
    init_weights(network)
    lengths = {name: float(weight.detach().norm()) for name, weight in network.named_parameters()}
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim == 4 and ".conv." in name and ".up." not in name and "outc" not in name:
                weight.mul_(5)
        images = torch.randn(2, 1, 32, 32)
        expected = network.train()(images)
        shorten_kernels(network)
        torch.testing.assert_close(network(images), expected, atol=1e-3, rtol=1e-3)
    for name, weight in network.named_parameters():
        if weight.ndim == 4:
            assert float(weight.detach().norm()) == pytest.approx(lengths[name], rel=0.35), name

"""Tiled prediction is the untiled one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from torch import nn

from napari_unet.errors import InputError, OutOfMemoryError
from napari_unet.events import Box, Notice
from napari_unet.inference import TiledNetwork, fold_batch_norm, predict_logits
from napari_unet.inference.part import part_logits
from napari_unet.nets import UNet, init_weights
from napari_unet.nets.outputs import probabilities


def seasoned(**options: Any) -> UNet:
    """A network whose batch norms have met images, as after training."""
    torch.manual_seed(0)
    network = UNet(**{"n_channels": 1, "n_classes": 2, "width": 4, "depth": 2} | options)
    init_weights(network)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
    return network.eval()


def untiled(network: UNet, image: np.ndarray) -> np.ndarray:
    """The whole image at once, through the network as it was trained."""
    pads = [(network.margin, network.input_size(n) - n - network.margin) for n in image.shape[1:]]
    padded = np.pad(image, [(0, 0), *pads], mode="symmetric") if network.margin else image
    with torch.inference_mode():
        logits = network(torch.from_numpy(np.ascontiguousarray(padded))[None])[0].numpy()
    return logits[(slice(None), *(slice(0, n) for n in image.shape[1:]))]


NETWORKS = {
    "padded": seasoned(),
    "deep": seasoned(depth=3, width=2, n_classes=1),
    "no norm": seasoned(norm=None),
    "RGB": seasoned(n_channels=3, n_classes=4),
    "unpadded": seasoned(padding="valid", norm=None),
    "unpadded batch": seasoned(padding="valid"),
    "3D": seasoned(ndim=3, depth=1),
    "3D unpadded": seasoned(ndim=3, depth=1, padding="valid", norm=None),
}


@pytest.mark.parametrize("name", NETWORKS)
@given(st.data())
@settings(max_examples=12, deadline=None)
def test_tiled_equals_untiled(name: str, data: st.DataObject) -> None:
    network = NETWORKS[name]
    ndim = network.settings.ndim
    largest = 150 if ndim == 2 else 40
    shape = tuple(data.draw(st.integers(1, largest)) for _ in range(ndim))
    tile_size = data.draw(st.integers(max(shape) // 4 + 1, largest))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    image = rng.normal(size=(network.settings.n_channels, *shape)).astype(np.float32)
    np.testing.assert_allclose(
        predict_logits(network, image, tile_size), untiled(network, image), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("name", ["padded", "RGB", "3D", "unpadded batch"])
def test_folding_changes_nothing_and_leaves_the_original(name: str) -> None:
    network = NETWORKS[name]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded = fold_batch_norm(network)
    side = network.next_valid_size(20)
    image = torch.randn(1, network.settings.n_channels, *(side,) * network.settings.ndim)
    with torch.no_grad():
        torch.testing.assert_close(folded(image), network(image), atol=1e-5, rtol=1e-4)
    assert folded.settings.norm is None
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_bfloat16_says_nearly_the_same() -> None:
    network = NETWORKS["padded"]
    image = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    exact = predict_logits(network, image)
    rough = predict_logits(network, image, precision=torch.bfloat16)
    assert rough.dtype == np.float32
    assert np.abs(exact - rough).max() < 0.1 * np.abs(exact).max()
    assert (exact.argmax(0) == rough.argmax(0)).mean() > 0.97


def limit_memory(monkeypatch: pytest.MonkeyPatch, most_pixels: int, error: Callable[[], Exception]) -> None:
    def limited(network: UNet, image: torch.Tensor, part: Sequence[slice]) -> torch.Tensor:
        if image[:, 0].numel() > most_pixels:
            raise error()
        return part_logits(network, image, part)

    monkeypatch.setattr("napari_unet.inference.tiled.part_logits", limited)


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError,
    ],
    ids=["cuda", "cpu", "numpy"],
)
def test_out_of_memory_halves_the_tile_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    network = NETWORKS["padded"]
    image = np.random.default_rng(0).normal(size=(1, 200, 170)).astype(np.float32)
    expected = untiled(network, image)
    limit_memory(monkeypatch, 110 * 110, error)
    result = np.full_like(expected, np.nan)
    notices = []
    tiled = TiledNetwork(network)
    for item in tiled.logits(lambda box: image[:, slice(*box[0]), slice(*box[1])], (200, 170)):
        if isinstance(item, Notice):
            notices.append(item.text)
            continue
        (rows, columns), logits = item
        target = result[:, slice(*rows), slice(*columns)]
        assert np.isnan(target).all()
        target[:] = logits.numpy()
    np.testing.assert_allclose(result, expected, atol=1e-4)
    assert notices
    assert all("Memory ran out" in text for text in notices)
    assert tiled.tile_size is not None
    assert tiled.tile_size < 100  # remembered for the next image


def test_smallest_tile_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 10, MemoryError)
    with pytest.raises(OutOfMemoryError, match="smallest tile"):
        predict_logits(NETWORKS["padded"], np.zeros((1, 64, 64), np.float32))


def test_other_errors_are_not_taken_for_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 10, lambda: RuntimeError("illegal instruction"))
    with pytest.raises(RuntimeError, match="illegal"):
        predict_logits(NETWORKS["padded"], np.zeros((1, 64, 64), np.float32))


def test_float16_overflow_goes_on_in_float32() -> None:
    network = seasoned(norm=None, width=2)
    with torch.no_grad():
        network.inc[0].weight.mul_(1e6)
    image = np.random.default_rng(0).normal(size=(1, 24, 24)).astype(np.float32)
    result = predict_logits(network, image, precision=torch.float16)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, untiled(network, image), rtol=1e-4)


def test_tiles_of_large_images_are_of_bounded_size() -> None:
    tiled = TiledNetwork(seasoned(depth=4, width=64))
    assert tiled.choose_tile_size((2048, 2048)) == 2048  # rows flow through: only the width takes memory
    for side in (4096, 100_000):
        assert 2000 <= tiled.choose_tile_size((side, side)) <= 2600
    unpadded = TiledNetwork(seasoned(depth=4, width=64, padding="valid", norm=None))
    assert 256 <= unpadded.choose_tile_size((2048, 2048)) <= 512


def test_tile_shrinks_with_the_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_unet.inference.room.available_memory", lambda: 20 * 2**20)
    assert TiledNetwork(seasoned(width=16)).choose_tile_size((2048, 2048)) < 400


def read_from(image: np.ndarray) -> Callable[[Box], np.ndarray]:
    return lambda box: image[(slice(None), *(slice(*bounds) for bounds in box))]


@pytest.mark.parametrize("name", ["padded", "3D"])
def test_small_images_go_through_the_network_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = NETWORKS[name]
    shape = (24, 21) if network.settings.ndim == 2 else (5, 12, 13)
    images = np.random.default_rng(0).normal(size=(5, 1, *shape)).astype(np.float32)
    batches = []

    def watched(network: UNet, image: torch.Tensor, part: Sequence[slice]) -> torch.Tensor:
        batches.append(len(image))
        if len(image) > 2:
            raise MemoryError
        return part_logits(network, image, part)

    monkeypatch.setattr("napari_unet.inference.tiled.part_logits", watched)
    results = list(TiledNetwork(network).stack(map(read_from, images), shape))
    assert [index for index, _, _ in results] == [0, 1, 2, 3, 4]
    assert batches == [5, 2, 2, 1]  # tiles as large as before: only the batch was halved
    for index, _, logits in results:
        np.testing.assert_allclose(logits.numpy(), untiled(network, images[index]), atol=1e-4)


def averaged_whole(network: UNet, image: np.ndarray) -> np.ndarray:
    """Mean probabilities over all flips and turns of the whole image, written out with numpy."""
    total = np.zeros((network.settings.n_classes, *image.shape[1:]), np.float64)
    axes = range(1, image.ndim)
    every = [flips for n in range(image.ndim) for flips in combinations(axes, n)]
    for flips in every:
        for exchange in (False, True):
            changed = np.flip(image, flips)
            changed = changed.swapaxes(-1, -2) if exchange else changed
            logits = untiled(network, np.ascontiguousarray(changed)).astype(np.float64)
            chances = 1 / (1 + np.exp(-logits)) if len(logits) == 1 else softmax(logits, axis=0)
            total += np.flip(chances.swapaxes(-1, -2) if exchange else chances, flips)
    return total / (2 * len(every))


@pytest.mark.parametrize("name", ["padded", "deep", "unpadded", "3D"])
@pytest.mark.parametrize("tile_size", [8, 40])
def test_averaging_flips_and_turns_has_no_seams_either(name: str, tile_size: int) -> None:
    network = NETWORKS[name]
    shape = (37, 50) if network.settings.ndim == 2 else (7, 13, 10)
    image = np.random.default_rng(1).normal(size=(1, *shape)).astype(np.float32)
    actual = np.full((network.settings.n_classes, *shape), np.nan)
    for item in TiledNetwork(network, tile_size=tile_size, turns=None).logits(read_from(image), shape):
        assert not isinstance(item, Notice)
        core, logits = item
        actual[(slice(None), *(slice(*bounds) for bounds in core))] = probabilities(logits[None])[0]
    np.testing.assert_allclose(actual, averaged_whole(network, image), atol=1e-5)


def first_of(tiled: TiledNetwork, shape: tuple[int, int]) -> list[str]:
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    return [item.text for item in tiled.logits(read_from(image), shape) if isinstance(item, Notice)]


def test_numbers_too_rough_for_a_network_are_noticed_on_the_first_tile() -> None:
    network = seasoned(n_classes=2)
    assert first_of(TiledNetwork(network, precision=torch.bfloat16, tile_size=32), (64, 64)) == []
    with torch.no_grad():  # two classes that differ by less than 8 bits can tell
        network.outc.conv.weight[1] = network.outc.conv.weight[0] * (1 + 2**-12)
        network.outc.conv.bias.zero_()
    tiled = TiledNetwork(network, precision=torch.bfloat16, tile_size=32, checked=True)
    (text,) = first_of(tiled, (64, 64))
    assert "which takes longer" in text
    assert "99%" in text
    assert "32-bit" in text
    assert tiled.precision == torch.float32


def test_numbers_exact_enough_stay() -> None:
    network = seasoned(n_classes=2)
    with torch.no_grad():
        network.outc.conv.bias[0] = 100
    tiled = TiledNetwork(network, precision=torch.bfloat16, tile_size=32, checked=True)
    assert first_of(tiled, (64, 64)) == []
    assert tiled.precision == torch.bfloat16


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_networks_are_compiled_for_cuda_only(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    monkeypatch.setattr(TiledNetwork, "_prepare", lambda self, precision: fold_batch_norm(self._original))
    TiledNetwork(NETWORKS["padded"], torch.device(device), compiled=True)
    assert len(compiled) == (device == "cuda")


def test_wrong_channels_are_explained() -> None:
    with pytest.raises(InputError, match="1 channel"):
        predict_logits(NETWORKS["padded"], np.zeros((3, 8, 8), np.float32))


def test_a_tile_and_its_mirror_image_are_averaged() -> None:
    network = NETWORKS["padded"]
    image = np.random.default_rng(2).normal(size=(1, 20, 24)).astype(np.float32)
    (found,) = TiledNetwork(network, turns=2).logits(read_from(image), (20, 24))
    assert not isinstance(found, Notice)
    mirrored = untiled(network, np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
    expected = (softmax(untiled(network, image), axis=0) + softmax(mirrored, axis=0)) / 2
    np.testing.assert_allclose(probabilities(found[1][None])[0], expected, atol=1e-5)

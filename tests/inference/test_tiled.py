"""Tiled prediction is the untiled one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_unet.errors import InputError, OutOfMemoryError
from napari_unet.events import Notice
from napari_unet.inference import TiledNetwork, fold_batch_norm, predict_logits
from napari_unet.nets import UNet, init_weights


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
    forward = UNet.forward

    def limited(self: UNet, image: torch.Tensor) -> torch.Tensor:
        if image[0, 0].numel() > most_pixels:
            raise error()
        return forward(self, image)

    monkeypatch.setattr(UNet, "forward", limited)


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


def test_largest_tile_does_not_grow_with_the_image() -> None:
    tiled = TiledNetwork(seasoned(depth=4))
    sides = [tiled.choose_tile_size((side, side)) for side in (2048, 4096, 100_000)]
    assert sides[0] == sides[1] == sides[2]
    assert tiled.choose_tile_size((700, 900)) >= 900


def test_tile_shrinks_with_the_memory_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_unet.inference.tiled.available_memory", lambda: 100 * 2**20)
    assert TiledNetwork(seasoned(width=16)).choose_tile_size((2048, 2048)) < 400


def test_wrong_channels_are_explained() -> None:
    with pytest.raises(InputError, match="1 channel"):
        predict_logits(NETWORKS["padded"], np.zeros((3, 8, 8), np.float32))

"""Part of the output is the part of the output."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from napari_unet.inference import block, part
from napari_unet.nets import UNet, init_weights


def plain(**options: int) -> UNet:
    torch.manual_seed(0)
    network = UNet(**{"n_channels": 1, "n_classes": 2, "width": 4, "depth": 2} | options, norm=None)
    init_weights(network)
    return network.eval().requires_grad_(False)


NETWORKS = {"2D": plain(), "deep": plain(depth=4, width=2), "3D": plain(ndim=3, depth=1, n_channels=2)}


@pytest.mark.parametrize("name", NETWORKS)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_as_if_the_whole_was_computed(name: str, data: st.DataObject) -> None:
    network = NETWORKS[name]
    radius, ndim = network.receptive_radius, network.settings.ndim
    shape = [data.draw(st.integers(1, 130 if ndim == 2 else 30)) for _ in range(ndim)]
    image = torch.randn(
        data.draw(st.integers(1, 2)),
        network.settings.n_channels,
        *shape,
        generator=torch.Generator().manual_seed(1),
    )
    wanted = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        wanted.append(slice(start, data.draw(st.integers(start + 1, size))))
    assert radius > 2
    strip_bytes = data.draw(st.sampled_from([1, 2**14, 2**30]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "_STRIP_BYTES", strip_bytes)
        patch.setattr(part, "STEP", data.draw(st.sampled_from([2, 16, 128])))
        actual = part.part_logits(network, image, wanted)
    torch.testing.assert_close(actual, network(image)[(..., *wanted)], atol=1e-5, rtol=1e-5)


def test_the_same_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = NETWORKS["2D"], torch.randn(1, 1, 40, 50)
    wanted = (slice(3, 30), slice(0, 41))
    expected = part.part_logits(network, image, wanted)
    monkeypatch.setattr(block, "_can_fuse", lambda dtype: False)
    torch.testing.assert_close(part.part_logits(network, image, wanted), expected, atol=1e-6, rtol=1e-5)


def test_no_row_is_computed_twice() -> None:
    with torch.device("meta"):
        network, image = UNet(1, 2, width=4, norm=None), torch.empty(1, 1, 1024, 512)
    counts = []
    for work in (
        lambda: network(image),
        lambda: part.part_logits(network, image, (slice(0, 1024), slice(0, 512))),
    ):
        with FlopCounterMode(display=False) as counter:
            work()
        counts.append(counter.get_total_flops())
    untiled, executed = counts
    assert untiled <= executed < 1.02 * untiled  # a row more at the upper and lower edge of each level

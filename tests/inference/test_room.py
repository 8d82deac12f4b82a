from __future__ import annotations

import pytest
import torch

from napari_unet.inference.room import largest_core, most_pixels
from napari_unet.nets import UNet

CPU = torch.device("cpu")


@pytest.mark.parametrize("width", [16, 64])
@pytest.mark.parametrize("n_classes", [2, 7])
def test_cores_of_large_images_are_bounded(width, n_classes):
    """What a core's logits and its image take counts too, though few rows of features are alive."""
    with torch.device("meta"):
        network = UNet(1, n_classes, width=width)
    pixels = most_pixels(network, CPU, torch.float32, in_parts=True)
    large, larger = (largest_core(network, (side, side), pixels, in_parts=True) for side in (20_000, 80_000))
    values = (1 + 3 * n_classes) * larger**2
    assert values <= 176 * 2**20
    assert larger <= 1.3 * large  # pieces are alike, so their side depends on how the image divides


def test_a_small_image_is_one_core():
    network = UNet(1, 2, width=16)
    pixels = most_pixels(network, CPU, torch.bfloat16, in_parts=True)
    assert largest_core(network, (2048, 2048), pixels, in_parts=True) == 2048

from __future__ import annotations

import torch

from napari_unet.settings import NetworkSettings
from napari_unet.training.memory import bytes_of_weights, bytes_per_patch

SMALL = NetworkSettings(n_channels=1, n_classes=2, width=16)


def test_weights_are_kept_five_times():
    paper = NetworkSettings(n_channels=1, n_classes=2, width=64, padding="valid", norm=None)
    assert bytes_of_weights(paper) == 5 * 4 * 31_030_658


def test_what_a_patch_takes_grows_with_pixels_width_and_precision():
    usual = bytes_per_patch(SMALL, 128, torch.bfloat16)
    assert 3.9 < bytes_per_patch(SMALL, 256, torch.bfloat16) / usual < 4.1
    assert 1.9 < bytes_per_patch(SMALL.model_copy(update={"width": 32}), 128, torch.bfloat16) / usual < 2.1
    assert 1.5 < bytes_per_patch(SMALL, 128, torch.float32) / usual < 2.1


def test_the_estimate_is_of_the_size_that_was_measured():
    # Resident memory of a process, over that before a step, at its peak: 156 MiB for 8 patches, weights included.
    estimate = bytes_of_weights(SMALL) + 8 * bytes_per_patch(SMALL, 128, torch.bfloat16)
    assert 156 * 0.8 < estimate / 2**20 < 156 * 1.3


def test_volumes():
    flat = bytes_per_patch(SMALL, 32, torch.float32)
    assert bytes_per_patch(SMALL.model_copy(update={"ndim": 3}), 32, torch.float32) > 16 * flat

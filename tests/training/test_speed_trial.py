from __future__ import annotations

from itertools import count

import pytest
import torch

from napari_unet.settings import NetworkSettings
from napari_unet.training import speed_trial
from napari_unet.training.speed_trial import steps_per_second

CPU = torch.device("cpu")
TINY = NetworkSettings(n_channels=1, n_classes=2, width=1, depth=1)


def test_steps_are_counted_until_the_second_is_over():
    clock = count(0.0, 0.4)
    assert steps_per_second(TINY, 16, 2, CPU, torch.float32, lambda: next(clock)) == pytest.approx(2.5)


def test_a_fast_device_ends_after_twenty_steps():
    clock = count(0.0, 0.001)
    assert steps_per_second(TINY, 16, 2, CPU, torch.float32, lambda: next(clock)) == pytest.approx(1000)
    assert next(clock) == pytest.approx(0.021)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_unpadded_networks_and_random_numbers(padding):
    network = TINY.model_copy(update={"padding": padding, "norm": None})
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    assert steps_per_second(network, 20, 1, CPU, torch.float32) > 0
    assert torch.equal(torch.rand(3), expected)


def test_too_little_memory_means_no_steps(monkeypatch):
    def full(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(speed_trial, "Optimisation", full)
    assert steps_per_second(TINY, 16, 2, CPU, torch.float32) == 0.0


def test_other_errors_are_not_hidden(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("something else")

    monkeypatch.setattr(speed_trial, "Optimisation", broken)
    with pytest.raises(RuntimeError, match="something else"):
        steps_per_second(TINY, 16, 2, CPU, torch.float32)

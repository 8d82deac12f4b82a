from __future__ import annotations

import pytest
import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import ReduceLROnPlateau

from napari_unet.errors import DeviceError
from napari_unet.nets import UNet
from napari_unet.training.classic import setup_training
from napari_unet.training.losses import CombinedLoss


def test_the_set_up_is_the_classic_one():
    network = UNet(1, 2, width=2, depth=1)
    model, criterion, optimizer, scheduler = setup_training(network, torch.device("cpu"))
    assert model is network
    assert isinstance(criterion, CombinedLoss)
    assert (criterion.weight_ce, criterion.weight_dice) == (0.5, 0.5)
    assert type(optimizer) is Adam
    assert optimizer.param_groups[0]["lr"] == 1e-4
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(list(network.parameters()))
    assert isinstance(scheduler, ReduceLROnPlateau)
    assert (scheduler.mode, scheduler.factor, scheduler.patience) == ("min", 0.5, 10)


def test_the_learning_rate_is_halved_after_ten_bad_validations():
    _, _, optimizer, scheduler = setup_training(UNet(1, 2, width=2, depth=1), "cpu")
    for _ in range(11):
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == 1e-4
    scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(5e-5)


def test_an_unknown_device_is_explained():
    with pytest.raises(DeviceError, match=r"'gpu' cannot be used here.*\"cpu\""):
        setup_training(UNet(1, 2, width=2, depth=1), "gpu")

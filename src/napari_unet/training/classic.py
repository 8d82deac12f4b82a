"""The usual tutorial's training set-up, exactly."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import ReduceLROnPlateau

from napari_unet.device import open_device
from napari_unet.training.losses import CombinedLoss

Network = TypeVar("Network", bound=nn.Module)


def setup_training(
    model: Network, device: torch.device | str
) -> tuple[Network, CombinedLoss, Adam, ReduceLROnPlateau]:
    """Everything the classic training loop needs.

    Parameters
    ----------
    model : Module
        Moved to ``device``.
    device : torch.device or str
        Where to train.

    Returns
    -------
    model : Module
        The same object.
    criterion : CombinedLoss
        Half cross-entropy, half Dice.
    optimizer : Adam
        Learning rate 1e-4.
    scheduler : ReduceLROnPlateau
        Halves the learning rate after 10 validations without a lower loss: ``scheduler.step(validation_loss)``.

    Raises
    ------
    DeviceError
        If the device does not exist here.
    """
    model = model.to(open_device(device))
    criterion = CombinedLoss(weight_ce=0.5, weight_dice=0.5)
    optimizer = Adam(model.parameters(), lr=1e-4)
    scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=10)
    return model, criterion, optimizer, scheduler

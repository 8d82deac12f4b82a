"""Starting values of a network's weights."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from napari_unet.errors import InputError


def init_weights(model: nn.Module, init_type: Literal["kaiming"] = "kaiming") -> None:
    """Initialise every convolution and norm of ``model`` in place.

    Convolutions, transposed ones included: normal with the variance of He et al. 2015 (fan out, ReLU), zero
    bias. Norms: weight 1, bias 0, and fresh running statistics.

    Parameters
    ----------
    model : nn.Module
        Any network.
    init_type : {"kaiming"}
        The only kind there is.

    Raises
    ------
    InputError
        For another ``init_type``.
    """
    if init_type != "kaiming":
        raise InputError(f"There is no initialisation {init_type!r}.", "Use 'kaiming'.")
    for module in model.modules():
        if isinstance(module, _ConvNd):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm | nn.GroupNorm):
            module.reset_parameters()

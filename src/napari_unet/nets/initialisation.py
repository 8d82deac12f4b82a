"""Starting values of a network's weights."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
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


@torch.no_grad()
def shorten_kernels(model: nn.Module) -> None:
    """Scale every kernel that batch norm follows to the length of a new one, in place.

    Kernels grow while they are trained, and the longer they are, the less a step changes what they do: batch norm
    takes out their length. So the network computes the same afterwards, and learns something else as fast as a new one.
    Running statistics are of the long kernels: take them anew.

    van Laarhoven, L2 regularization versus batch and weight normalization. 2017.

    Parameters
    ----------
    model : nn.Module
        Any network.
    """
    for block in model.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for layer, norm in pairwise(block):
            if isinstance(layer, _ConvNd) and isinstance(norm, _BatchNorm):
                fan_out = layer.weight.numel() // layer.in_channels
                factor = (2 / fan_out * layer.weight.numel()) ** 0.5 / layer.weight.norm()
                for parameter in (layer.weight, layer.bias):
                    if parameter is not None:
                        parameter.mul_(factor)

"""The four blocks a U-Net is made of, in 2D and 3D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_unet.settings import Norm

Padding = Literal["same", "valid"]

_CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
_MAX_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
_MOST_GROUPS = 8


# The bottom of a U-Net has one value per channel when the image is as small as the network's stride. PyTorch
# refuses to normalise a single value in training. Batch norm then does what it does in evaluation; group norm
# does what its formula says (the value becomes 0).


class _BatchNorm2d(nn.BatchNorm2d):
    def forward(self, input: Tensor) -> Tensor:
        return _frozen(self, input) if _is_single(self, input) else super().forward(input)


class _BatchNorm3d(nn.BatchNorm3d):
    def forward(self, input: Tensor) -> Tensor:
        return _frozen(self, input) if _is_single(self, input) else super().forward(input)


class _GroupNorm(nn.GroupNorm):
    def forward(self, input: Tensor) -> Tensor:
        return torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


def _is_single(norm: nn.Module, features: Tensor) -> bool:
    return norm.training and features.numel() == features.shape[1]


def _frozen(norm: nn.BatchNorm2d | nn.BatchNorm3d, features: Tensor) -> Tensor:
    return F.batch_norm(
        features, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=False, eps=norm.eps
    )


def _norm(kind: Norm | None, channels: int, ndim: int) -> list[nn.Module]:
    """Norm layer for ``channels`` as a list of none or one."""
    if kind is None:
        return []
    if kind == "batch":
        return [_BatchNorm2d(channels) if ndim == 2 else _BatchNorm3d(channels)]
    if kind == "instance":  # group norm with one channel per group is instance norm
        return [_GroupNorm(channels, channels)]
    groups = next(g for g in range(_MOST_GROUPS, 0, -1) if channels % g == 0)
    return [_GroupNorm(groups, channels)]


class DoubleConv(nn.Sequential):
    """Twice: 3×3 convolution with bias, norm, ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
        Feature channels before and after.
    ndim : {2, 3}
        Spatial dimensions.
    padding : {"same", "valid"}
        ``"same"`` pads with zeros; ``"valid"`` loses one pixel at each side per convolution.
    norm : {"batch", "group", "instance"} or None
        Norm after each convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ndim: int = 2,
        padding: Padding = "same",
        norm: Norm | None = "batch",
    ) -> None:
        pad = 1 if padding == "same" else 0
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers.append(_CONVOLUTION[ndim](channels, out_channels, kernel_size=3, padding=pad))
            layers += _norm(norm, out_channels, ndim)
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class DownSample(nn.Module):
    """Halve by max-pooling, then :class:`DoubleConv`.

    An axis of size 1 cannot be halved and stays 1, so that a padded network takes images of any size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ndim: int = 2,
        padding: Padding = "same",
        norm: Norm | None = "batch",
    ) -> None:
        super().__init__()
        self._pool = _MAX_POOL[ndim]
        self.conv = DoubleConv(in_channels, out_channels, ndim, padding, norm)

    def forward(self, features: Tensor) -> Tensor:
        """From ``(N, C, *spatial)`` to ``(N, out_channels, *spatial // 2)``."""
        pooled = self._pool(features, [min(2, size) for size in features.shape[2:]])
        return self.conv(pooled)  # type: ignore[no-any-return]


class UpSample(nn.Module):
    """Double by a transposed convolution, join with the skip connection, then :class:`DoubleConv`.

    Up-sampled features are padded with zeros to the skip's size (``"same"``), or the skip is cropped to
    theirs as in Ronneberger et al. 2015 (``"valid"``).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ndim: int = 2,
        padding: Padding = "same",
        norm: Norm | None = "batch",
    ) -> None:
        super().__init__()
        self.padding = padding
        self.up = _TRANSPOSED[ndim](in_channels, in_channels // 2, kernel_size=2, stride=2)
        self.conv = DoubleConv(in_channels // 2 + out_channels, out_channels, ndim, padding, norm)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """Join ``(N, in_channels, *spatial)`` with the skip ``(N, out_channels, *larger)``."""
        features = self.up(features)
        if self.padding == "same":
            features = _fit(features, skip.shape[2:])
        else:
            skip = _crop(skip, features.shape[2:])
        return self.conv(torch.cat([skip, features], dim=1))  # type: ignore[no-any-return]


class OutConv(nn.Module):
    """1×1 convolution from features to one logit per class."""

    def __init__(self, in_channels: int, n_classes: int, ndim: int = 2) -> None:
        super().__init__()
        self.conv = _CONVOLUTION[ndim](in_channels, n_classes, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """From ``(N, C, *spatial)`` to logits ``(N, n_classes, *spatial)``."""
        return self.conv(features)  # type: ignore[no-any-return]


def _fit(features: Tensor, size: Sequence[int]) -> Tensor:
    """Pad with zeros to ``size``, the odd one at the end; an axis of 1 that was doubled becomes 1 again."""
    pads: list[int] = []
    for wanted, have in zip(reversed(size), reversed(features.shape[2:]), strict=True):
        before = max(wanted - have, 0) // 2
        pads += [before, wanted - have - before]
    return F.pad(features, pads) if any(pads) else features


def _crop(features: Tensor, size: Sequence[int]) -> Tensor:
    """Keep the centre."""
    for axis, wanted in enumerate(size, start=2):
        features = features.narrow(axis, (features.shape[axis] - wanted) // 2, wanted)
    return features

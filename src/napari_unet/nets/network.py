"""The U-Net of Ronneberger, Fischer and Brox 2015 and its padded descendant, in 2D and 3D."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from napari_unet.errors import InputError
from napari_unet.nets.blocks import DoubleConv, DownSample, OutConv, Padding, UpSample
from napari_unet.settings import NetworkSettings, Norm, Outputs


class UNet(nn.Module):
    """U-Net with blocks ``inc``, ``down1`` .. ``downN``, ``up1`` .. ``upN``, ``outc``; N is the depth.

    Parameters
    ----------
    n_channels : int
        Channels of the image.
    n_classes : int
        Logits per pixel.
    width : int
        Feature channels of the first level; they double at each level down.
    depth : int
        How often the image is halved.
    ndim : {2, 3}
        Spatial dimensions.
    padding : {"same", "valid"}
        ``"same"``: output as large as the input, for any size from 1 up. ``"valid"``: unpadded convolutions
        and cropped skips; only sizes that stay even at every pooling fit, see :meth:`next_valid_size`.
    norm : {"batch", "group", "instance"} or None
        Norm after each 3×3 convolution.

    Raises
    ------
    InputError
        For options out of range.

    References
    ----------
    Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. MICCAI 2015.
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        width: int = 64,
        depth: int = 4,
        ndim: Literal[2, 3] = 2,
        padding: Padding = "same",
        norm: Norm | None = "batch",
        outputs: Outputs = "classes",
    ) -> None:
        super().__init__()
        try:
            self.settings = NetworkSettings(
                n_channels=n_channels,
                n_classes=n_classes,
                width=width,
                depth=depth,
                ndim=ndim,
                padding=padding,
                norm=norm,
                outputs=outputs,
            )
        except ValidationError as error:
            wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            raise InputError(f"There is no such network ({wrong}).") from error
        n_channels, n_classes = self.settings.n_channels, self.settings.n_classes  # as checked: 64.0 is 64
        width, depth = self.settings.width, self.settings.depth
        self.inc = DoubleConv(n_channels, width, ndim, padding, norm)
        for level in range(1, depth + 1):
            channels = width * 2**level
            self.add_module(f"down{level}", DownSample(channels // 2, channels, ndim, padding, norm))
        for level in range(1, depth + 1):
            channels = width * 2 ** (depth - level)
            self.add_module(f"up{level}", UpSample(2 * channels, channels, ndim, padding, norm))
        self.outc = OutConv(width, n_classes, ndim)

    @classmethod
    def paper(cls, n_channels: int = 1, n_classes: int = 2) -> UNet:
        """The network of the 2015 paper: unpadded, no norm; 572×572 in, 388×388 out."""
        return cls(n_channels, n_classes, padding="valid", norm=None)

    @classmethod
    def padded(cls, n_channels: int = 1, n_classes: int = 2) -> UNet:
        """The usual variant: padding 1 and batch norm; output as large as the input."""
        return cls(n_channels, n_classes, padding="same", norm="batch")

    @classmethod
    def from_settings(cls, settings: NetworkSettings) -> UNet:
        """Build the network that ``settings`` describe."""
        return cls(**settings.model_dump())

    def forward(self, image: Tensor) -> Tensor:
        """From images ``(N, C, *spatial)`` to logits ``(N, n_classes, *spatial)``.

        Raises
        ------
        InputError
            If the image has other channels or axes, or the network is unpadded and the size does not stay even
            at every pooling.
        """
        return self.outc(self.features(image))  # type: ignore[no-any-return]

    def features(self, image: Tensor) -> Tensor:
        """What the output layer sees: from images ``(N, C, *spatial)`` to ``(N, width, *spatial)``.

        Raises
        ------
        InputError
            As :meth:`forward`.
        """
        settings = self.settings
        if image.ndim != 2 + settings.ndim or image.shape[1] != settings.n_channels:
            raise InputError(
                f"The network takes {settings.n_channels} channel(s) and {settings.ndim} spatial axes; the image "
                f"has the shape {tuple(image.shape)}.",
                "Give images, channels, then the spatial axes.",
            )
        self._check_size(image.shape[2:])
        features = self.inc(image)
        skips = []
        for down in self._blocks("down"):
            skips.append(features)
            features = down(features)
        for up in self._blocks("up"):
            features = up(features, skips.pop())
        return features  # type: ignore[no-any-return]

    def _blocks(self, kind: Literal["down", "up"]) -> Iterator[nn.Module]:
        return (self.get_submodule(f"{kind}{level}") for level in range(1, self.settings.depth + 1))

    def _check_size(self, shape: tuple[int, ...]) -> None:
        if self.settings.padding == "same":
            return
        fitting = tuple(self.next_valid_size(size) for size in shape)
        if fitting != tuple(shape):
            raise InputError(
                f"An unpadded U-Net of depth {self.settings.depth} cannot take {tuple(shape)} pixels.",
                f"The next size that fits is {fitting}.",
            )

    @property
    def memory_format(self) -> torch.memory_format:
        """The order of values in memory that convolutions are fastest with."""
        return torch.channels_last if self.settings.ndim == 2 else torch.channels_last_3d

    @property
    def stride(self) -> int:
        """Pixels of the image per pixel of the deepest level."""
        return int(2**self.settings.depth)

    @property
    def margin(self) -> int:
        """Pixels the output lacks at each side: 0 if padded, 92 for the network of the paper."""
        if self.settings.padding == "same":
            return 0
        # Two convolutions take 2 pixels of their level at each side: levels 0..N going down, N-1..0 going up.
        return 2 * (2 * self.stride - 1) + 2 * (self.stride - 1)

    def output_size(self, size: int) -> int:
        """Side of the output for an input of side ``size``.

        Raises
        ------
        InputError
            If an unpadded network cannot take it.
        """
        self._check_size((size,) * self.settings.ndim)
        return size - 2 * self.margin

    def next_valid_size(self, size: int) -> int:
        """Smallest side of an input, ``size`` or more, that the network takes."""
        if self.settings.padding == "same":
            return max(size, 1)
        # The smallest has 1 pixel after the two convolutions of the deepest level.
        smallest = 5
        for _ in range(self.settings.depth):
            smallest = 2 * smallest + 4
        while smallest <= 2 * self.margin:
            smallest += self.stride
        return smallest + max(0, -(-(size - smallest) // self.stride)) * self.stride

    def input_size(self, output: int) -> int:
        """Smallest side of an input whose output has ``output`` pixels or more."""
        return self.next_valid_size(output + 2 * self.margin)

    @cached_property
    def receptive_radius(self) -> int:
        """Largest distance in pixels, along an axis, at which an input pixel can change an output pixel.

        Followed back through the layers for every position relative to the pooling grid, so some pixel does
        reach as far. It holds where norms use fixed statistics: none, or batch norm in evaluation. Group and
        instance norm look at the whole input.
        """
        return max(self._reach(position) for position in range(self.stride))

    def _reach(self, position: int) -> int:
        depth: int = self.settings.depth
        valid = self.settings.padding == "valid"
        before, after = (0, 4) if valid else (2, 2)  # of the two convolutions of a block
        crop = 4
        crops = [0] * depth
        for level in reversed(range(depth)):
            crops[level] = crop if valid else 0
            crop = 2 * crop + 8
        low = high = position
        needed = []  # per level: what the skip connection has to provide
        for level in range(depth):
            low, high = low - before, high + after
            needed.append((low + crops[level], high + crops[level]))
            low, high = low // 2, high // 2
        for level in reversed(range(depth)):
            low, high = 2 * (low - before), 2 * (high + after) + 1
            low, high = min(low, needed[level][0]), max(high, needed[level][1])
        low, high = low - before, high + after
        centre = position + self.margin
        return max(centre - low, high - centre)

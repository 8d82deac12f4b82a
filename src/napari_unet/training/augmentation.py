"""Vary training patches: one resampling for all geometry, image and labels together, on the training device."""

from __future__ import annotations

from math import ceil, cos, log1p, pi, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unet.nets.symmetry import Symmetry
from napari_unet.settings import AugmentationSettings
from napari_unet.training.patches import UNSEEN
from napari_unet.training.views import random_symmetry

ELASTIC_SPACING = 32
"""Pixels between the control points of the elastic deformation."""


class Augmentation:
    """Random variation of batches.

    Flips, 90° turns, rotation, scale and elastic deformation make one sampling grid, so every pixel is interpolated
    once: bilinear for the image, nearest for the labels. Rotation and turns are in the YX plane, flips and scale
    along every spatial axis. A share of the patches is only flipped and turned by 90°, so that every pixel of them is
    one of the image: interpolation blurs, and what is predicted later is not blurred. Gamma, blur, contrast,
    brightness and noise follow, in this order; the last two in standard deviations of the normalised image.

    Parameters
    ----------
    settings : AugmentationSettings
        Which variations, how strong.
    device : torch.device
        Where batches live.
    seed : int
        Start of the random numbers.
    """

    def __init__(self, settings: AugmentationSettings, device: torch.device, seed: int) -> None:
        self.settings = settings
        self._share = 1.0 if settings.distorted is None else settings.distorted
        self.device = device
        self._random = torch.Generator().manual_seed(seed)
        self._noise = torch.Generator(device).manual_seed(seed)

    def source_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Size to read around a patch of ``size``, so that a turned patch is filled with real pixels.

        As odd or even as ``size``: pixels of a patch that is not distorted lie on pixels of the image.
        """
        angle = radians(min(self.settings.rotation, 45.0))
        turned = (cos(angle) + sin(angle)) * (1 + self.settings.scale)
        more = [n * (turned - 1) + 4 * self.settings.elastic for n in size[-2:]]
        deeper = [n * self.settings.scale for n in size[:-2]]
        return tuple(n + 2 * ceil(extra / 2) for n, extra in zip(size, (*deeper, *more), strict=True))

    def __call__(
        self,
        images: Tensor,
        labels: Tensor,
        size: tuple[int, ...],
        again: int = 0,
        channels: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Vary a batch.

        Parameters
        ----------
        images : Tensor of float, (N, C, *source)
            Normalised patches with the surroundings of :meth:`source_size`.
        labels : Tensor of int, (N, *source)
            Class indices; negative ones are ignored.
        size : tuple of int
            Spatial size to return, cut from the centre.
        again : int
            The first so many are returned once more at the end, in other intensities.
        channels : int, optional
            Those beyond so many are no intensities: they move with the image, and stay as they are.

        Returns
        -------
        images : Tensor of float, (N + again, C, *size)
        labels : Tensor of int64, (N + again, *size)
            :data:`~napari_unet.training.patches.UNSEEN` also where a patch reaches beyond its source.
        """
        grid = self._grid(len(images), images.shape[2:], size)
        moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        shifted = (labels - UNSEEN).unsqueeze(1).to(images.dtype)  # outside becomes 0, which is UNSEEN
        shifted = F.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)
        classes = shifted[:, 0].round().long() + UNSEEN
        if again:
            moved, classes = (torch.cat([batch, batch[:again]]) for batch in (moved, classes))
        if channels is None or channels == moved.shape[1]:
            return self._intensities(moved), classes
        return torch.cat([self._intensities(moved[:, :channels]), moved[:, channels:]], dim=1), classes

    def random_symmetry(self, ndim: int) -> Symmetry:
        """Draw what the second views of a batch are turned by."""
        return random_symmetry(self.settings, ndim, self._random)

    def _uniform(self, n: int, low: float, high: float) -> Tensor:
        return torch.rand(n, generator=self._random) * (high - low) + low

    def _grid(self, n: int, source: torch.Size, size: tuple[int, ...]) -> Tensor:
        """Sampling positions, (N, *size, ndim), in the x, y(, z) order and -1..1 units of ``grid_sample``."""
        ndim = len(size)
        distorted = (self._uniform(n, 0, 1) < self._share).float()
        transform = self._transform(n, ndim, distorted)
        axes = [torch.arange(s, dtype=torch.float32) - (s - 1) / 2 for s in size]
        positions = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1).to(self.device)
        grid = positions.view(1, -1, ndim) @ transform.to(self.device).transpose(1, 2)
        grid = grid.view(n, *size, ndim)
        if self.settings.elastic:
            grid = grid + self._displacement(n, size, distorted)
        half = torch.tensor(tuple(source)[::-1], dtype=torch.float32, device=self.device) / 2
        return grid / half

    def _transform(self, n: int, ndim: int, distorted: Tensor) -> Tensor:
        """One linear map per patch, (N, ndim, ndim), in x, y(, z) order."""
        options = self.settings
        angle = distorted * self._uniform(n, -options.rotation, options.rotation) * (pi / 180)
        if options.turns:
            angle = angle + torch.randint(4, (n,), generator=self._random) * (pi / 2)
        zoom = 1 + distorted * self._uniform(n, -options.scale, options.scale)
        transform = torch.eye(ndim).repeat(n, 1, 1)
        transform[:, 0, 0] = transform[:, 1, 1] = angle.cos()
        transform[:, 0, 1] = angle.sin()
        transform[:, 1, 0] = -angle.sin()
        transform = transform * zoom.view(n, 1, 1)
        if options.flips:
            signs = torch.randint(2, (n, 1, ndim), generator=self._random) * 2 - 1
            transform = transform * signs
        return transform

    def _displacement(self, n: int, size: tuple[int, ...], distorted: Tensor) -> Tensor:
        """Smooth random displacement in pixels, (N, *size, ndim), zero along z."""
        points = tuple(ceil(s / ELASTIC_SPACING) + 2 for s in size[-2:])
        strength = (distorted * self._uniform(n, 0, self.settings.elastic)).view(n, 1, 1, 1)
        coarse = torch.randn(n, 2, *points, generator=self._random) * strength
        fine = F.interpolate(coarse.to(self.device), size=size[-2:], mode="bicubic", align_corners=True)
        fine = fine.permute(0, 2, 3, 1)
        if len(size) == 2:
            return fine
        return F.pad(fine, (0, 1)).unsqueeze(1)

    def _intensities(self, images: Tensor) -> Tensor:
        options, n = self.settings, len(images)
        per_patch = (n,) + (1,) * (images.ndim - 1)
        if options.gamma:
            images = self._bend(images)
        if options.blur:
            images = blurred(images, self._uniform(n, 0, options.blur))
        images = images * self._contrast(images) + self._brightness(images)
        if options.noise:
            strength = self._uniform(n, 0, options.noise).view(per_patch).to(self.device)
            noise = torch.randn(images.shape, generator=self._noise, device=self.device)
            images = torch.addcmul(images, noise, strength)
        return images

    def _contrast(self, images: Tensor) -> Tensor:
        """A factor per patch, times one per channel."""
        widest = self.settings.contrast
        return (1 + self._per_patch(images, widest)) * (1 + self._per_channel(images, widest))

    def _brightness(self, images: Tensor) -> Tensor:
        """A shift per patch, and one per channel."""
        widest = self.settings.brightness
        return self._per_patch(images, widest) + self._per_channel(images, widest)

    def _per_patch(self, images: Tensor, widest: float) -> Tensor:
        values = self._uniform(len(images), -widest, widest)
        return values.view(-1, *[1] * (images.ndim - 1)).to(self.device)

    def _per_channel(self, images: Tensor, widest: float) -> Tensor | float:
        """Nothing for a single channel, which :meth:`_per_patch` varies already."""
        n, channels = images.shape[:2]
        widest = widest * self.settings.color
        if channels == 1 or not widest:
            return 0.0
        values = self._uniform(n * channels, -widest, widest)
        return values.view(n, channels, *[1] * (images.ndim - 2)).to(self.device)

    def _bend(self, images: Tensor) -> Tensor:
        """Raise every channel of every patch, between its own darkest and brightest value, to a random power."""
        span = log1p(self.settings.gamma)
        exponent = self._uniform(len(images), -span, span).exp().to(self.device)
        axes = tuple(range(2, images.ndim))
        low = images.amin(axes, keepdim=True)
        height = (images.amax(axes, keepdim=True) - low).clamp(min=1e-6)
        exponent = exponent.view(-1, *[1] * (images.ndim - 1))
        return ((images - low) / height).pow(exponent) * height + low


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur along Y and X, of another width for each image.

    Parameters
    ----------
    images : Tensor of float, (N, C, ..., Y, X)
    sigma : Tensor of float, (N,)
        Standard deviations in pixels; 0 leaves the image as it is.

    Returns
    -------
    Tensor, as ``images``
        Mirrored at the borders. The kernel ends at three of the largest standard deviations.
    """
    radius = min(ceil(3 * float(sigma.max())), *(n - 1 for n in images.shape[-2:]))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernels = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3).view(-1, 1)) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).to(images)
    n, (height, width) = len(images), images.shape[-2:]
    # One group per image: all its channels and slices are rows of a batch that share its kernel.
    stack = images.reshape(n, -1, height, width).transpose(0, 1)
    for kernel, padding in (
        (kernels.view(n, 1, -1, 1), (0, 0, radius, radius)),
        (kernels.view(n, 1, 1, -1), (radius, radius, 0, 0)),
    ):
        stack = F.conv2d(F.pad(stack, padding, mode="reflect"), kernel, groups=n)
    return stack.transpose(0, 1).reshape(images.shape)


def centre_crop(batch: Tensor, size: tuple[int, ...]) -> Tensor:
    """Cut the last ``len(size)`` axes to ``size`` around their centre."""
    for axis, wanted in enumerate(size, batch.ndim - len(size)):
        batch = batch.narrow(axis, (batch.shape[axis] - wanted) // 2, wanted)
    return batch

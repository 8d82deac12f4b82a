"""What a measurement is to be made of, checked before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unet.axes import check_axes, default_axes
from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.events import Box
from napari_unet.images.image import ArrayLike, Image

Intensity = Image | ArrayLike | tuple[Image, ...]
"""An image, or any number of the same pixels, whose names are told; an array has the shape of the labels."""


@dataclass(frozen=True, eq=False)
class MeasurementPlan:
    """What is measured.

    Attributes
    ----------
    shape, axes, scale
        Of the labels; pixel sizes of 1 where there is no scale.
    unit : str
        Of lengths.
    ndim : int
        Axes along which objects extend, the last ones.
    images : tuple of Image
        Whose intensities are measured.
    channels : tuple of str
        Names of all their channels.
    """

    shape: tuple[int, ...]
    axes: str
    scale: tuple[float, ...]
    unit: str
    ndim: int
    images: tuple[Image, ...]
    channels: tuple[str, ...]

    @property
    def n_leading(self) -> int:
        """Axes along which every position is measured for itself."""
        return len(self.shape) - self.ndim

    @property
    def n_channels(self) -> int:
        """Channels of the images, 0 without any."""
        return len(self.channels)

    def read(self, box: Box) -> NDArray[np.float32] | None:
        """Intensities of a region of the labels, channels first; None without images."""
        parts = [image.read(box) for image in self.images]
        return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else None


def plan_measurement(
    labels: ArrayLike,
    intensity: Intensity | None,
    axes: str | None,
    scale: Sequence[float] | None,
    unit: str,
    channel_names: Sequence[str] | None,
    volume: bool,
) -> MeasurementPlan:
    """Check and complete the arguments of :func:`napari_unet.objects.measurement.measure`; raises what that raises."""
    shape = tuple(int(n) for n in labels.shape)
    if np.dtype(labels.dtype).kind not in "biu":
        raise InputError(
            f"The labels hold {labels.dtype} values.",
            "Labels must be whole numbers: convert them to integers.",
        )
    images = (
        (intensity,) if isinstance(intensity, Image) else intensity if isinstance(intensity, tuple) else ()
    )
    array = None if isinstance(intensity, (Image, tuple)) else intensity
    if axes is None:
        fitting = [image.label_axes for image in images if len(image.label_shape) == len(shape)]
        axes = fitting[0] if fitting else default_axes(len(shape))
    axes = check_axes(axes, shape)
    if not axes.endswith("YX") or "C" in axes:
        raise InputError(
            f"The labels have the axes {axes}.", "Move Y and X to the end; labels have no channels."
        )
    if array is not None and 0 not in shape:
        images = (Image("the image", (array,), axes),)
    for image in images:
        if image.label_shape != shape:
            raise ShapeMismatchError(
                f"The labels have the shape {shape}, but {image.name} needs labels of {image.label_shape} "
                f"(axes {image.label_axes}).",
                "Choose the image that the objects were found in.",
            )
    if scale is None:
        scale = next((image.scale for image in images if image.scale is not None), None)
    sizes = tuple(float(size) for size in (scale if scale is not None else (1.0,) * len(shape)))
    if len(sizes) != len(shape):
        raise ShapeMismatchError(
            f"There are {len(sizes)} pixel sizes, but the labels have {len(shape)} axes ({axes}).",
            "Give one for each axis.",
        )
    ndim = 3 if volume and axes.endswith("ZYX") else 2
    if not all(np.isfinite(size) and size > 0 for size in sizes[-ndim:]):
        raise InputError(f"The size of a pixel is {sizes[-ndim:]}.", "Sizes have to be above 0.")
    plain = all(size == 1 for size in sizes[-ndim:])
    names = _names(images, channel_names, titled=isinstance(intensity, tuple))
    return MeasurementPlan(shape, axes, sizes, unit or ("pixel" if plain else "unit"), ndim, images, names)


def _names(images: tuple[Image, ...], names: Sequence[str] | None, *, titled: bool) -> tuple[str, ...]:
    n = sum(image.n_channels for image in images)
    if names is None and not titled:
        return ("intensity",) if n == 1 else _numbered("channel", n)
    if names is None:
        own = [(image.name, image.n_channels) for image in images]
        names = [
            name for title, k in own for name in ((title,) if k == 1 else _numbered(f"{title}_channel", k))
        ]
    if len(names) != n or len(set(names)) != n:
        raise ShapeMismatchError(
            f"The channels are called {', '.join(names) or 'nothing'}, but there are {n}.",
            "Give each channel a name of its own.",
        )
    return tuple(names)


def _numbered(name: str, n: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(1, n + 1))

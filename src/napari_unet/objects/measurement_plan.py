"""What a measurement is to be made of, checked before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.axes import check_axes, default_axes
from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images.image import ArrayLike, Image


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
    image : Image, optional
        Whose intensities are measured.
    channels : tuple of str
        Names of its channels.
    """

    shape: tuple[int, ...]
    axes: str
    scale: tuple[float, ...]
    unit: str
    ndim: int
    image: Image | None
    channels: tuple[str, ...]

    @property
    def n_leading(self) -> int:
        """Axes along which every position is measured for itself."""
        return len(self.shape) - self.ndim

    @property
    def n_channels(self) -> int:
        """Channels of the image, 0 without one."""
        return len(self.channels)


def plan_measurement(
    labels: ArrayLike,
    intensity: Image | ArrayLike | None,
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
    image = intensity if isinstance(intensity, Image) else None
    if axes is None:
        fits = image is not None and len(image.label_shape) == len(shape)
        axes = image.label_axes if image is not None and fits else default_axes(len(shape))
    axes = check_axes(axes, shape)
    if not axes.endswith("YX") or "C" in axes:
        raise InputError(
            f"The labels have the axes {axes}.", "Move Y and X to the end; labels have no channels."
        )
    if intensity is not None and image is None and 0 not in shape:
        image = Image("the image", (intensity,), axes)  # type: ignore[arg-type]
    if image is not None and image.label_shape != shape:
        raise ShapeMismatchError(
            f"The labels have the shape {shape}, but {image.name} needs labels of {image.label_shape} "
            f"(axes {image.label_axes}).",
            "Choose the image that the objects were found in.",
        )
    if scale is None and image is not None:
        scale = image.scale
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
    return MeasurementPlan(
        shape, axes, sizes, unit or ("pixel" if plain else "unit"), ndim, image, _names(image, channel_names)
    )


def _names(image: Image | None, names: Sequence[str] | None) -> tuple[str, ...]:
    n = 0 if image is None else image.n_channels
    if names is None:
        return ("intensity",) if n == 1 else tuple(f"channel_{i}" for i in range(1, n + 1))
    if len(names) != n or len(set(names)) != n:
        raise ShapeMismatchError(
            f"The channels are called {', '.join(names) or 'nothing'}, but there are {n}.",
            "Give each channel a name of its own.",
        )
    return tuple(names)

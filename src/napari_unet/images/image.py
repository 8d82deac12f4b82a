"""An image as the engine sees it: any array-like, its axes, read region by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_unet.axes import check_axes, label_axes, label_shape
from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.events import Box


@runtime_checkable
class ArrayLike(Protocol):
    """What is read from: NumPy, dask, zarr and memory-mapped arrays all qualify."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of every dimension."""
        ...

    @property
    def dtype(self) -> Any:
        """Something ``numpy.dtype`` understands."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Read a region."""
        ...


@dataclass(frozen=True, eq=False)
class Image:
    """One image of a request.

    Attributes
    ----------
    name : str
        What to call it in messages: the layer's or the file's name.
    channels : tuple of ArrayLike
        One array, which may hold a ``C`` axis, or several of equal shape without one: each is then a channel.
    axes : str
        A letter for every dimension of each array; see :mod:`napari_unet.axes`. ``Y`` and ``X`` are last but
        for ``C``.
    scale : tuple of float, optional
        Size of a pixel along each label axis, in the units of the layer.
    """

    name: str
    channels: tuple[ArrayLike, ...]
    axes: str
    scale: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.channels:
            raise InputError(f"{self.name} holds no image.")
        shapes = {tuple(c.shape) for c in self.channels}
        if len(shapes) > 1:
            raise ShapeMismatchError(
                f"The channels of {self.name} differ in shape: {sorted(shapes)}.",
                "Use layers of the same shape as channels.",
            )
        axes = check_axes(self.axes, self.channels[0].shape)
        object.__setattr__(self, "axes", axes)
        if not label_axes(axes).endswith("YX"):
            raise InputError(f"{self.name} has the axes {axes}.", "Move Y and X to the end (C may follow).")
        if "C" in axes and len(self.channels) > 1:
            raise InputError(
                f"{self.name} has a channel axis already.", "Use one layer, or layers without one."
            )
        if 0 in self.channels[0].shape:
            raise InputError(f"{self.name} is empty: its shape is {tuple(self.channels[0].shape)}.")
        if np.dtype(self.channels[0].dtype).kind not in "biuf":
            raise InputError(f"{self.name} holds {self.channels[0].dtype} values.", "Use integers or floats.")

    @property
    def n_channels(self) -> int:
        """Number of channels the network sees."""
        if "C" in self.axes:
            return int(self.channels[0].shape[self.axes.index("C")])
        return len(self.channels)

    @property
    def label_axes(self) -> str:
        """Axes of its label image."""
        return label_axes(self.axes)

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of its label image."""
        return label_shape(self.axes, self.channels[0].shape)

    def read(self, region: Box) -> NDArray[np.float32]:
        """Read the raw values of a region.

        Parameters
        ----------
        region : Box
            Half-open bounds for every label axis, inside the image.

        Returns
        -------
        ndarray of float32
            Channels first, then the region's shape. Values beyond float32 become the largest float32.
        """
        return _float32(self.read_as_stored(region))

    def read_as_stored(self, region: Box) -> NDArray[Any]:
        """Read the raw values of a region in their own type.

        Parameters
        ----------
        region : Box
            Half-open bounds for every label axis, inside the image.

        Returns
        -------
        ndarray
            Channels first, then the region's shape. Of the image's dtype; of arrays that differ in it, one that
            holds the values of all.
        """
        key: list[slice] = [slice(start, stop) for start, stop in region]
        if "C" in self.axes:
            key.insert(self.axes.index("C"), slice(None))
            block = np.asarray(self.channels[0][tuple(key)])
            return np.moveaxis(block, self.axes.index("C"), 0)
        return np.stack([np.asarray(c[tuple(key)]) for c in self.channels])


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image and its labels.

    Attributes
    ----------
    image : Image
        What the network sees.
    labels : ArrayLike of int
        Values as painted, in the image's label axes and shape.
    """

    image: Image
    labels: ArrayLike

    def __post_init__(self) -> None:
        if tuple(self.labels.shape) != self.image.label_shape:
            raise ShapeMismatchError(
                f"The labels of {self.image.name} have the shape {tuple(self.labels.shape)}, but the image "
                f"has {self.image.label_shape} (axes {self.image.label_axes}).",
                "Choose labels drawn on this very image.",
            )
        if np.dtype(self.labels.dtype).kind not in "biu":
            raise InputError(
                f"The labels of {self.image.name} hold {self.labels.dtype} values.",
                "Labels must be whole numbers: convert them to integers.",
            )


def _float32(block: NDArray[Any]) -> NDArray[np.float32]:
    if block.dtype == np.float64:
        largest = np.finfo(np.float32).max
        block = np.where(np.isinf(block), block, np.clip(block, -largest, largest))  # infinity stays invalid
    return np.ascontiguousarray(block, dtype=np.float32)

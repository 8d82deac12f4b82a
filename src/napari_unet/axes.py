"""Axes as letters: any layer's axes to and from the canonical ``(T)(C)(Z)YX``.

An axes string has one letter per array dimension. ``Y`` and ``X`` (and ``Z`` for a 3D network) are spatial, ``C`` is
channels, ``T`` time; any further letter is a leading axis whose positions are treated as independent images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from napari_unet.errors import InputError


def default_axes(ndim: int, *, rgb: bool = False) -> str:
    """Axes for an array nobody described: the last two are ``YX``, RGB is ``YXC``, before that ``Z`` and ``T``.

    Parameters
    ----------
    ndim : int
        Number of array dimensions, the colour axis of an RGB image included.
    rgb : bool
        Whether the last axis holds colour.

    Raises
    ------
    InputError
        For fewer than two spatial dimensions, or more than seven leading ones.
    """
    spatial = ndim - rgb
    leading = "QRSUVTZ"
    if spatial < 2:
        raise InputError(f"An image needs at least two dimensions, this has {spatial}.")
    if spatial - 2 > len(leading):
        raise InputError(f"An image with {ndim} dimensions has more leading axes than can be named.")
    return leading[len(leading) - (spatial - 2) :] + "YX" + ("C" if rgb else "")


def check_axes(axes: str, shape: Sequence[int]) -> str:
    """Return ``axes`` in capitals if it describes ``shape``.

    Raises
    ------
    InputError
        If a letter is repeated, ``Y`` or ``X`` is missing, or the number of letters differs from the dimensions.
    """
    axes = axes.upper()
    if len(axes) != len(shape):
        raise InputError(
            f"The axes {axes!r} name {len(axes)} dimensions, but the image has {len(shape)} {tuple(shape)}.",
            "Give one letter per dimension, for example TCYX.",
        )
    if len(set(axes)) != len(axes) or not axes.isalpha():
        raise InputError(
            f"The axes {axes!r} repeat a letter or hold something else.", "Use each letter once."
        )
    if not {"Y", "X"} <= set(axes):
        raise InputError(f"The axes {axes!r} lack Y or X.", "Name the two image axes Y and X.")
    return axes


def label_axes(axes: str) -> str:
    """Axes of the label image that belongs to an image with ``axes``: the same without channels."""
    return axes.replace("C", "")


def label_shape(axes: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Shape of the label image that belongs to an image of ``axes`` and ``shape``."""
    return tuple(size for letter, size in zip(axes, shape, strict=True) if letter != "C")


def spatial_letters(ndim: int) -> str:
    """``"YX"`` for a 2D network, ``"ZYX"`` for a 3D one."""
    if ndim not in (2, 3):
        raise InputError(f"A network has 2 or 3 spatial dimensions, not {ndim}.")
    return "ZYX"[3 - ndim :]


def leading_positions(axes: str, shape: Sequence[int], ndim: int = 2) -> Iterator[tuple[int, ...]]:
    """Every position along the leading axes of a label image, in C order.

    Parameters
    ----------
    axes : str
        Axes of a label image (no ``C``), spatial letters last.
    shape : sequence of int
        Its shape.
    ndim : int
        Spatial dimensions of the network.

    Yields
    ------
    tuple of int
        One index per leading axis; the empty tuple once where there is none.
    """
    leading = shape[: len(axes) - ndim]
    yield from product(*(range(size) for size in leading))

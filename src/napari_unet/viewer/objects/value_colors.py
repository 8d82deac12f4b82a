"""A Labels layer coloured by what was measured, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.viewer.layers import METADATA

COLORMAP = "viridis"
LEVELS = 250
"""Colours told apart; with background and the rest few enough for a texture of bytes."""

QUANTILES = (0.02, 0.98)
"""Between these the colours run; a single giant does not leave all others alike."""

_OWN, _ELSE = "colormap_before", "#808080"


def value_range(values: NDArray[Any]) -> tuple[float, float]:
    """Values of the darkest and the brightest colour; (nan, nan) if there are none."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, QUANTILES)
    return float(low), float(high)


def color_by_value(
    layer: Labels, labels: NDArray[Any], values: NDArray[Any], limits: tuple[float, float]
) -> None:
    """Colour objects by their values; the user's colours are kept for :func:`original_colors`.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Objects. All others, and those without a finite value, become grey.
    values : ndarray, shape (n,)
        Of any real type.
    limits : tuple of two floats
        From :func:`value_range`.

    Raises
    ------
    InputError
        If napari cannot show colours of labels as large as these.
    """
    numbers = np.asarray(values, np.float64)
    low, high = limits
    seen = np.isfinite(numbers)
    place = (numbers[seen] - low) / (high - low) if high > low else np.full(int(seen.sum()), 0.5)
    colors = ensure_colormap(COLORMAP).map(np.linspace(0, 1, LEVELS))
    levels = np.round(np.clip(place, 0, 1) * (LEVELS - 1)).astype(int)
    table: dict[int | None, Any] = {None: _ELSE, 0: "transparent"}
    table |= {int(label): colors[level] for label, level in zip(labels[seen], levels, strict=True)}
    colormap = DirectLabelColormap(color_dict=table)
    try:
        colormap.map(np.zeros((1, 1), layer.dtype))
    except RuntimeError as error:  # napari needs a compiled library for labels above 65536
        raise InputError(
            f"napari cannot colour labels as large as {max(labels)} one by one.",
            "Install numba, or number the objects anew from 1.",
        ) from error
    kept = layer.metadata.get(METADATA, {})
    before = kept[_OWN][0] if is_colored(layer) else layer.colormap
    selected = layer.selected_label
    layer.colormap = colormap
    layer.selected_label = selected
    layer.metadata[METADATA] = {**kept, _OWN: (before, colormap)}


def is_colored(layer: Labels) -> bool:
    """Whether the layer is coloured by values, and nobody gave it other colours since."""
    _, ours = layer.metadata.get(METADATA, {}).get(_OWN, (None, None))
    return ours is not None and ours is layer.colormap


def original_colors(layer: Labels) -> None:
    """Give the layer the colours back that it had; those that somebody chose since are left as they are."""
    if is_colored(layer):
        layer.colormap = layer.metadata[METADATA][_OWN][0]
    layer.metadata[METADATA] = {k: v for k, v in layer.metadata.get(METADATA, {}).items() if k != _OWN}


def legend(low: float, high: float) -> str:
    """A strip of the colours between the values they stand for, as rich text."""
    if low != low:
        return "Nothing to colour by: the column holds no numbers."
    colors = ensure_colormap(COLORMAP).map([i / 9 for i in range(10)])
    strip = "".join(
        f'<span style="color: rgb({r:.0f},{g:.0f},{b:.0f})">█</span>' for r, g, b, _ in 255 * colors
    )
    return f"{low:.4g}&nbsp;{strip}&nbsp;{high:.4g}"

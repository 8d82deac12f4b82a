"""Measurements per object: size, place, shape, intensities."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.images.image import ArrayLike
from napari_unet.objects.measurement_plan import Intensity, MeasurementPlan, plan_measurement
from napari_unet.objects.outline import Crossings, convex_pixels, outline_lengths
from napari_unet.objects.overlap import check_labels
from napari_unet.objects.pixel_sums import PixelSums, RowEnds, sum_block
from napari_unet.objects.table import ObjectTable

PIXELS_AT_ONCE = 1 << 22
"""Pixels read into memory at a time, whole rows at least."""

_POSITIONS = {"T": "frame", "Z": "slice"}


def measure(
    labels: ArrayLike,
    intensity: Intensity | None = None,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    unit: str = "",
    channel_names: Sequence[str] | None = None,
    *,
    volume: bool = True,
) -> ObjectTable:
    """Measure every object of a label image.

    Parameters
    ----------
    labels : array of int or bool
        0 and below is background, every other value an object. Read in blocks.
    intensity : Image, array or tuple of Image, optional
        Whose intensities to measure; an array has the shape of the labels. The channels of the images of a
        tuple come after each other, in columns named after the images.
    axes : str, optional
        A letter per dimension of the labels, ``Y`` and ``X`` last; by default ``ZYX`` for three, ``TZYX`` for four.
    scale : sequence of float, optional
        Size of a pixel along each axis of the labels; by default that of the image, else 1.
    unit : str
        Of the scale, ``"µm"`` for example; by default ``"pixel"``, or ``"unit"`` where there is a scale.
    channel_names : sequence of str, optional
        One for each channel of the images.
    volume : bool
        Whether objects go through the slices along ``Z``. If not, every slice is measured for itself. Along all other
        axes (``T`` for time) every position is.

    Returns
    -------
    ObjectTable
        A row per object, and per frame. Columns of positions: ``frame`` (T), ``slice`` (Z) or the axis's letter; then

        - ``label``; ``pixels`` and ``area`` or, for volumes, ``voxels`` and ``volume``; ``equivalent_diameter`` (of
          the disc or ball of equal size);
        - in 2D ``perimeter`` (Crofton's formula with four directions), ``circularity`` (4π area / perimeter², at most
          1), ``solidity`` (pixels / pixels of the convex hull);
        - ``major_axis``, ``minor_axis`` (in 3D ``middle_axis`` between them): of the ellipse or ellipsoid with the
          same second moments, pixels being squares, not points; ``eccentricity`` (of that ellipse, in 3D of the
          section along the longest and the shortest axis); in 2D ``orientation`` of the major axis, degrees from X
          towards the upper edge, from 0 to below 180;
        - ``y``, ``x`` (``z``): the centroid, the first pixel's centre being 0; ``y_pixels``... the same in pixels;
          ``y_start``, ``y_stop``...: the bounding box, half open, in pixels;
        - ``touches_edge`` of the image or volume;
        - ``mean_``, ``min_``, ``max_``, ``std_`` and the channel's name, or ``intensity`` for a single channel
          without one; pixels that are not finite are left out.

        Without objects the table has all columns and no rows.

    Raises
    ------
    ShapeMismatchError
        If the image does not cover the same pixels, or names or sizes do not fit.
    InputError
        If these are no labels, or a pixel's size is not positive.
    """
    steps = measure_steps(labels, intensity, axes, scale, unit, channel_names, volume=volume)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def measure_steps(
    labels: ArrayLike,
    intensity: Intensity | None = None,
    axes: str | None = None,
    scale: Sequence[float] | None = None,
    unit: str = "",
    channel_names: Sequence[str] | None = None,
    *,
    volume: bool = True,
) -> Generator[float, None, ObjectTable]:
    """Do what :func:`measure` does, as a generator of the fraction done; close it to cancel."""
    plan = plan_measurement(labels, intensity, axes, scale, unit, channel_names, volume)
    found: list[tuple[tuple[int, ...], _Measured]] = []
    n_done, n_pixels = 0, max(1, prod(plan.shape))
    for position in np.ndindex(plan.shape[: plan.n_leading]):
        measured = _Measured(plan.ndim, plan.n_channels)
        for box in _blocks(plan.shape, position):
            block = _read_labels(labels, box)
            intensities = plan.read(box)
            if intensities is not None:
                intensities = intensities.reshape(plan.n_channels, *block.shape)
            measured.add(block, intensities, tuple(low for low, _ in box[plan.n_leading : -1]))
            n_done += block.size
            yield n_done / n_pixels
        measured.finish()
        found.append((position, measured))
    return _table(plan, found)


class _Measured:
    """The objects of one image or volume."""

    def __init__(self, ndim: int, n_channels: int) -> None:
        self._sums: list[PixelSums] = []
        self._ends: list[RowEnds] = []
        self._crossings = Crossings() if ndim == 2 else None
        # of nothing; not put together with what was found, whose ids would become floats beyond 2**63
        self.sums, _ = sum_block(np.zeros((0, 1), np.int64), np.zeros((n_channels, 0, 1)), (0,) * (ndim - 1))
        self.crossings = np.zeros((0, 4))
        self.convex = np.zeros(0)

    def add(self, labels: NDArray[Any], intensities: NDArray[Any] | None, corner: tuple[int, ...]) -> None:
        sums, ends = sum_block(labels, intensities, corner)
        if len(sums):
            self._sums.append(sums)
        if len(self._sums) > 64:  # large volumes have many slices
            self._sums = [PixelSums.concatenate(self._sums).merged()]
        if self._crossings is not None:
            self._ends.append(ends)
            self._crossings.add(labels)

    def finish(self) -> None:
        """Put the blocks together."""
        if self._sums:
            self.sums = PixelSums.concatenate(self._sums).merged()
        if self._crossings is not None:
            self.crossings = self._crossings.finish(self.sums.labels)
            self.convex = convex_pixels(self.sums.labels, self._ends)
        self._sums, self._ends, self._crossings = [], [], None


def _blocks(shape: tuple[int, ...], position: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Blocks of whole rows of one plane after the other."""
    height, width = shape[-2:]
    rows = max(1, PIXELS_AT_ONCE // max(1, width))
    before = tuple((i, i + 1) for i in position)
    for plane in np.ndindex(shape[len(position) : -2]):
        for top in range(0, height if width else 0, rows):
            yield (*before, *((z, z + 1) for z in plane), (top, min(top + rows, height)), (0, width))


def _read_labels(labels: ArrayLike, box: tuple[tuple[int, int], ...]) -> NDArray[Any]:
    *leading, (top, bottom), _ = box
    return check_labels(labels[(*(low for low, _ in leading), slice(top, bottom))])


def _table(plan: MeasurementPlan, found: Sequence[tuple[tuple[int, ...], _Measured]]) -> ObjectTable:
    parts = [measured for _, measured in found] or [_Measured(plan.ndim, plan.n_channels)]
    sums = PixelSums.concatenate([part.sums for part in parts if len(part.sums)] or [parts[0].sums])
    names = tuple(_POSITIONS.get(letter, letter.lower()) for letter in plan.axes[: plan.n_leading])
    columns: dict[str, NDArray[Any]] = {}
    units: dict[str, str] = {}
    for axis, name in enumerate(names):
        of_parts = [np.full(len(measured.sums), position[axis]) for position, measured in found]
        columns[name] = np.concatenate([*of_parts, np.zeros(0, np.int64)])
    columns["label"] = sums.labels
    size = np.array(plan.scale[-plan.ndim :])
    extent = sums.pixels * size.prod()
    if plan.ndim == 2:
        columns |= {"pixels": sums.pixels.astype(np.int64), "area": extent}
        columns["equivalent_diameter"] = 2 * np.sqrt(extent / np.pi)
        crossings, convex = (np.concatenate([getattr(p, n) for p in parts]) for n in ("crossings", "convex"))
        perimeter = outline_lengths(crossings, tuple(size))
        columns["perimeter"] = perimeter
        columns["circularity"] = np.minimum(1, 4 * np.pi * extent / perimeter**2)
        columns["solidity"] = sums.pixels / convex
        units |= {"area": f"{plan.unit}²", "perimeter": plan.unit}
    else:
        columns |= {"voxels": sums.pixels.astype(np.int64), "volume": extent}
        columns["equivalent_diameter"] = np.cbrt(6 * extent / np.pi)
        units["volume"] = f"{plan.unit}³"
    columns |= _shape(sums, size)
    letters = plan.axes[-plan.ndim :].lower()
    for axis, letter in enumerate(letters):
        columns[letter] = sums.mean[:, axis] * size[axis]
        units[letter] = plan.unit
    for axis, letter in enumerate(letters):
        columns[f"{letter}_pixels"] = sums.mean[:, axis]
    for axis, letter in enumerate(letters):
        columns[f"{letter}_start"], columns[f"{letter}_stop"] = sums.first[:, axis], sums.last[:, axis] + 1
    ends = np.array(plan.shape[-plan.ndim :]) - 1
    columns["touches_edge"] = (sums.first == 0).any(axis=1) | (sums.last == ends).any(axis=1)
    columns |= _brightness(sums, plan.channels)
    for name in ("equivalent_diameter", "major_axis", "middle_axis", "minor_axis"):
        if name in columns:
            units[name] = plan.unit
    if "orientation" in columns:
        units["orientation"] = "°"
    return ObjectTable(columns, units, names, plan.axes[-plan.ndim :], plan.unit)


def _shape(sums: PixelSums, size: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Axes of the ellipse or ellipsoid with the same second moments."""
    ndim = len(size)
    variances = sums.spread / np.maximum(sums.pixels, 1)[:, None, None] + np.eye(ndim) / 12
    variances = variances * size[:, None] * size
    # a uniform ellipse has the variance semi-axis² / 4 along an axis, an ellipsoid semi-axis² / 5
    axes = 2 * np.sqrt((ndim + 2) * np.linalg.eigvalsh(variances))
    columns = {"major_axis": axes[:, -1]}
    if ndim == 3:
        columns["middle_axis"] = axes[:, 1]
    columns["minor_axis"] = axes[:, 0]
    columns["eccentricity"] = np.sqrt(np.maximum(0, 1 - (axes[:, 0] / axes[:, -1]) ** 2))
    if ndim == 2:
        y, x, both = variances[:, 0, 0], variances[:, 1, 1], variances[:, 0, 1]
        angle = np.rad2deg(np.arctan2(-2 * both, x - y) / 2) % 180  # Y points down
        columns["orientation"] = np.where(angle < 180, angle, 0)  # -1e-17 % 180 is 180
    return columns


def _brightness(sums: PixelSums, channels: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for channel, name in enumerate(channels):
        valid = sums.valid[:, channel]
        seen = valid > 0
        columns[f"mean_{name}"] = np.where(seen, sums.intensity[:, channel], np.nan)
        columns[f"min_{name}"] = sums.darkest[:, channel]
        columns[f"max_{name}"] = sums.brightest[:, channel]
        deviation = np.sqrt(sums.deviation[:, channel] / np.maximum(valid, 1))
        columns[f"std_{name}"] = np.where(seen, deviation, np.nan)
    return columns

"""The second, quick half of finding objects: which basins together are one, and what is left of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.objects.basins import Basins
from napari_unet.objects.regions import find_regions, find_runs, settle
from napari_unet.settings import ObjectSettings


def cut(basins: Basins, foreground: NDArray[np.uint8], settings: ObjectSettings) -> NDArray[np.int32]:
    """Number the objects.

    Basins become one where the neck between them is wide (:meth:`.basins.Forest.merged`). Where the foreground is too
    improbable they end; what falls apart there are objects of their own. Small ones, holes, objects at the edge and
    numbers: :func:`.regions.settle`.

    Parameters
    ----------
    basins : Basins
        Of the maps.
    foreground : ndarray of uint8
        Probability of the foreground, 255 for 1.
    settings : ObjectSettings
        How objects are found.

    Returns
    -------
    ndarray of int32
        0 outside; objects are 1 to n in the order of their first pixel, each connected along the axes.

    Raises
    ------
    InputError
        If the foreground is not that of the basins.
    """
    if foreground.shape != basins.labels.shape:
        raise InputError(
            f"The foreground has the shape {foreground.shape}, the basins {basins.labels.shape}.",
            "Find the basins of these maps first.",
        )
    runs = find_runs(inside(basins.labels, foreground, settings))
    sizes = runs.sizes(len(basins) + 1)
    regions, painted = find_regions(runs.relabelled(objects_of(basins.forest.merged(sizes, settings))))
    return painted.paint(settle(regions, settings))


def inside(
    labels: NDArray[np.int32], foreground: NDArray[np.uint8], settings: ObjectSettings
) -> NDArray[np.int32]:
    """The labels where the foreground is probable enough, 0 elsewhere."""
    return np.asarray(labels * (foreground >= np.ceil(255 * settings.foreground)), np.int32)


def objects_of(owner: NDArray[np.int32]) -> NDArray[np.int32]:
    """By basin: the number of its object, from 1, given what stands for it; 0 stays 0."""
    table = owner + np.int32(1)
    table[0] = 0
    return table

"""The second, quick half of finding objects: which basins together are one, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError
from napari_unet.objects.basins import Basins, Forest
from napari_unet.objects.regions import Regions, Runs, find_regions, find_runs, join, settle, summed
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
    return assemble(find_fragments(basins, foreground, settings), settings)


@dataclass(frozen=True, eq=False)
class Fragments:
    """What is left of the basins where the foreground is probable enough, before it is known which are one.

    A tenth of the basins' size, and the same whatever the settings but the foreground.

    Attributes
    ----------
    foreground : float
        Probability from which on a pixel is left.
    forest : Forest
        Of the basins.
    sizes : ndarray of int64, (number of basins + 1,)
        Pixels of each that are left.
    regions : Regions
        Connected parts of basins, and the gaps between them.
    runs : Runs
        The numbers of the regions, as an image.
    """

    foreground: float
    forest: Forest
    sizes: NDArray[np.int64]
    regions: Regions
    runs: Runs


def find_fragments(basins: Basins, foreground: NDArray[np.uint8], settings: ObjectSettings) -> Fragments:
    """The slower part of :func:`cut`: what does not change with the other settings. For its parameters see there."""
    if foreground.shape != basins.labels.shape:
        raise InputError(
            f"The foreground has the shape {foreground.shape}, the basins {basins.labels.shape}.",
            "Find the basins of these maps first.",
        )
    runs = find_runs(inside(basins.labels, foreground, settings), foreground)
    regions, numbers = find_regions(runs)
    regions = replace(regions, contacts=summed(regions.contacts))
    return Fragments(settings.foreground, basins.forest, runs.sizes(len(basins) + 1), regions, numbers)


def assemble(fragments: Fragments, settings: ObjectSettings) -> NDArray[np.int32]:
    """The quicker part of :func:`cut`.

    Raises
    ------
    InputError
        If the fragments are those of another foreground.
    """
    if settings.foreground != fragments.foreground:
        raise InputError(
            f"These are fragments of another foreground: {fragments.foreground}, not {settings.foreground}.",
            "Find the fragments anew.",
        )
    parts = fragments.regions
    objects = objects_of(fragments.forest.merged(fragments.sizes, settings))[parts.labels]
    one, other, _ = parts.contacts
    same = objects[one] == objects[other]
    regions, number = join(replace(parts, labels=objects), one[same], other[same])
    return fragments.runs.paint(settle(regions, settings)[number])


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

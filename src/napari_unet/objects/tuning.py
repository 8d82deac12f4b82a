"""How objects are found best, by trying: where somebody knows the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.basins import find_basins
from napari_unet.objects.decoding import cut
from napari_unet.settings import ObjectSettings

SPLITTING = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
FOREGROUND = (0.4, 0.5, 0.6, 0.7)
CERTAINTY = (0.0, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
"""What is tried."""

LEAST_GAIN = 0.01
"""By which a value has to be better where a single map cannot tell how much of that is chance."""

_ROUNDS = 2

Maps = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.signedinteger]]
"""Foreground, heights or directions, and the objects there are: 0 outside, negative where unknown."""

Score = Callable[[NDArray[np.int32], NDArray[np.signedinteger]], float]
"""From objects found and objects there are to a number that is larger for better ones."""


def tune(
    maps: Sequence[Maps], score: Score, start: ObjectSettings, directed: bool = False
) -> tuple[ObjectSettings, float]:
    """Choose the settings with the best mean score, one after another, twice around: at most 47 cuts of each map.

    What is held out is a small part of what there is, so the best on it is partly chance: a value is left for another
    one only if that is better by more than the standard error of the difference, map by map, as in the rule of one
    standard error of Breiman et al. (1984).

    Parameters
    ----------
    maps : sequence of (foreground, relief, objects)
        Of a network, with the truth.
    score : callable
        Of one prediction.
    start : ObjectSettings
        Kept where nothing is clearly better; holes and objects at the edge are left as they are.
    directed : bool
        Whether the second maps hold directions instead of heights, see :func:`.basins.find_basins`.

    Returns
    -------
    ObjectSettings
    float
        Their mean score; nan without maps.
    """
    if not maps:
        return start, nan
    basins = [find_basins(foreground, relief, directed) for foreground, relief, _ in maps]
    tried: dict[ObjectSettings, NDArray[np.float64]] = {}

    def values(settings: ObjectSettings) -> NDArray[np.float64]:
        if settings not in tried:
            tried[settings] = np.array(
                [
                    score(cut(found, foreground, settings), objects)
                    for found, (foreground, _, objects) in zip(basins, maps, strict=True)
                ]
            )
        return tried[settings]

    candidates = {
        "splitting": SPLITTING,
        "foreground": FOREGROUND,
        "certainty": CERTAINTY,
        "min_size": _sizes(maps),
    }
    best = start
    for _ in range(_ROUNDS):
        before = best
        for name, offered in candidates.items():
            others = [best.model_copy(update={name: v}) for v in offered]
            now = values(best)
            clear = [s for s in others if _is_clear(values(s) - now)]
            best = max([best, *clear], key=lambda s: float(values(s).mean()))  # the first of equals
        if best == before:
            break
    return best, float(values(best).mean())


def _is_clear(gains: NDArray[np.float64]) -> bool:
    """Whether a gain is more than one standard error above nothing."""
    if len(gains) == 1:
        return bool(gains[0] > LEAST_GAIN)
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))


def _sizes(maps: Sequence[Maps]) -> list[int]:
    """From nothing to the size of the smaller objects there are."""
    sizes = np.concatenate([np.unique(objects[objects > 0], return_counts=True)[1] for _, _, objects in maps])
    if not len(sizes):
        return []
    least, small = np.quantile(sizes, (0.01, 0.05))
    return sorted({0, int(least / 2), int(least), int(small)})

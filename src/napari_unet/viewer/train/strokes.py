"""How many strokes are painted: connected pixels of one value in a plane, diagonals included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from napari_unet.images import ArrayLike
from napari_unet.objects.regions import find_runs

_MOST_RUNS = 200_000
"""Of a plane; one with more is no scribble, and its pieces are not worth the time."""


def count_strokes(labels: ArrayLike, cancelled: Callable[[], bool] = lambda: False) -> dict[int, int]:
    """Count the strokes of every value above 0, plane by plane.

    Parameters
    ----------
    labels : ArrayLike of int or bool
        Two axes or more, the last two a plane.
    cancelled : callable
        Asked between planes; counting ends early once it says so.
    """
    shape = tuple(labels.shape)
    counts: Counter[int] = Counter()
    for position in product(*(range(n) for n in shape[:-2])):
        if cancelled():
            break
        plane = np.asarray(labels[(*position, slice(None), slice(None))])
        if plane.any():
            counts.update(_strokes(plane))
    return dict(sorted(counts.items()))


def _strokes(plane: NDArray[Any]) -> dict[int, int]:
    """Runs of pixels in neighbouring rows belong together where they touch."""
    runs = find_runs(plane.view(np.uint8) if plane.dtype == bool else plane)
    painted = runs.values > 0
    if painted.sum() > _MOST_RUNS:
        return {}
    values, lengths = runs.values[painted], runs.lengths[painted]
    rows, first = np.divmod(runs.starts[painted], plane.shape[1])
    width = plane.shape[1] + 2  # so that the end of a row and the beginning of the next are no neighbours
    begin, end = rows * width + first, rows * width + first + lengths
    low = np.searchsorted(end, begin + width, "left")
    high = np.searchsorted(begin, end + width, "right")
    n_below = high - low
    upper = np.repeat(np.arange(len(values)), n_below)
    lower = (
        np.arange(n_below.sum()) - np.repeat(np.cumsum(n_below) - n_below, n_below) + np.repeat(low, n_below)
    )
    same = values[upper] == values[lower]
    links = csr_array((np.ones(same.sum(), bool), (upper[same], lower[same])), shape=(len(values),) * 2)
    _, stroke = connected_components(links, directed=False)
    _, one_run = np.unique(stroke, return_index=True)
    found, n = np.unique(values[one_run], return_counts=True)
    return dict(zip(found.tolist(), n.tolist(), strict=True))

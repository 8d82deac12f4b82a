"""Which planes of a stack count as annotated."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import ShapeMismatchError
from napari_unet.labels.annotation import AnnotationKind

NEARLY_ALL = 0.9
"""From this fraction of labelled planes on, the empty ones are taken for background as well."""

_ROWS = 4096


class ReadableLabels(Protocol):
    """What is read from: NumPy, dask and zarr arrays, and references to files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of every dimension."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Read a region."""
        ...


def annotated_plane_mask(labels: ReadableLabels, axes: str, kind: AnnotationKind) -> NDArray[np.bool_]:
    """Tell the annotated YX planes of a label image from those nobody worked on.

    Scribbles: the planes that hold one. Masks and objects: the planes that hold a label, and the empty ones
    too if at least nine of ten planes hold one (then an empty plane means "only background"), or if none
    does. So a single 2D image always counts as a whole. Counting an untouched plane as background would teach
    the network to find nothing; leaving out a truly empty one costs little.

    Parameters
    ----------
    labels : array of int or bool
        Values as painted. Read plane by plane.
    axes : str
        Its axes, ``Y`` and ``X`` last, without ``C``.
    kind : {"scribbles", "masks", "objects"}
        What the labels are.

    Returns
    -------
    ndarray of bool
        One value per position along the leading axes (all but ``YX``); 0-dimensional for a 2D image.

    Raises
    ------
    ShapeMismatchError
        If ``axes`` do not describe the labels.
    """
    shape = tuple(int(n) for n in labels.shape)
    if len(axes) != len(shape):
        raise ShapeMismatchError(f"The labels have the shape {shape}, but the axes {axes}.")
    annotated = np.zeros(shape[:-2], bool)
    for position in np.ndindex(*shape[:-2]):
        annotated[position] = any(
            bool((np.asarray(labels[(*position, slice(top, top + _ROWS))]) > 0).any())
            for top in range(0, shape[-2], _ROWS)
        )
    if kind != "scribbles" and (annotated.mean() >= NEARLY_ALL or not annotated.any()):
        annotated[...] = True
    return annotated

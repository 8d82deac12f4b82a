"""Objects of the planes of an array linked along its leading axes, in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.linking import link_frames, link_slices


def linked_axes(leading: str, shape: tuple[int, ...], wanted: str) -> str:
    """Of the leading axes those along which there is something to link, slices first.

    Parameters
    ----------
    leading : str
        Axes before the spatial ones.
    shape : tuple of int
        Of the array.
    wanted : str
        Of ``"ZT"`` those that may be linked.
    """
    return "".join(a for a in "ZT" if a in wanted and a in leading and shape[leading.index(a)] > 1)


def link_planes(stack: NDArray[np.int32], leading: str, linked: str) -> None:
    """Link the objects of all planes (volumes, of a 3D network), in place.

    Slices are linked within each frame; what is then the same in two frames is a whole stack.

    Parameters
    ----------
    stack : ndarray of int32
        Every plane with numbers of its own, for example a memory-mapped file.
    leading : str
        Axes before the spatial ones.
    linked : str
        From :func:`linked_axes`.
    """
    for axis in linked:
        along = leading.index(axis)
        kept = [along] if axis == "Z" else [along, *(i for i, a in enumerate(leading) if a == "Z")]
        others = [i for i in range(len(leading)) if i not in kept]
        for position in np.ndindex(*(stack.shape[i] for i in others)):
            chosen = dict(zip(others, position, strict=True))
            view = stack[tuple(chosen.get(i, slice(None)) for i in range(stack.ndim))]
            view = np.moveaxis(view, sorted(kept).index(along), 0)
            (link_slices if axis == "Z" else link_frames)(view, out=view)

"""Objects of the planes of an array linked along its leading axes, in place."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from napari_unet.objects.linking import FrameLinker, SliceLinker
from napari_unet.settings import ObjectSettings


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


def plane_settings(settings: ObjectSettings, linked: str) -> ObjectSettings:
    """How to find the objects of planes that will be linked: which of them the edge cuts is known only afterwards.

    Parameters
    ----------
    settings : ObjectSettings
        How objects are to be found.
    linked : str
        From :func:`linked_axes`.
    """
    return settings.model_copy(update={"edge_objects": True}) if "Z" in linked else settings


def link_planes(stack: NDArray[np.int32], leading: str, linked: str, settings: ObjectSettings) -> None:
    """Link the objects of all planes (volumes, of a 3D network), in place.

    Slices are linked within each frame; what is then the same in two frames is a whole stack. Slices that are not
    linked are each a time series of its own.

    Parameters
    ----------
    stack : ndarray of int32
        Every plane with numbers of its own, found with :func:`plane_settings`; for example a memory-mapped file.
    leading : str
        Axes before the spatial ones.
    linked : str
        From :func:`linked_axes`.
    settings : ObjectSettings
        How objects are to be found.
    """
    for _ in linking_planes(stack, leading, linked, settings):
        pass


def linking_planes(
    stack: NDArray[np.int32], leading: str, linked: str, settings: ObjectSettings
) -> Generator[float, None, None]:
    """The same as :func:`link_planes` in steps of the fraction done, to be closed to cancel."""
    for done, axis in enumerate(linked):
        along = leading.index(axis)
        kept = [along] if axis == "Z" else [along, *(leading.index(a) for a in linked if a == "Z")]
        others = [i for i in range(len(leading)) if i not in kept]
        positions = list(np.ndindex(*(stack.shape[i] for i in others)))
        for nth, position in enumerate(positions):
            chosen = dict(zip(others, position, strict=True))
            view = stack[tuple(chosen.get(i, slice(None)) for i in range(stack.ndim))]
            view = np.moveaxis(view, sorted(kept).index(along), 0)
            for fraction in _slices(view, settings) if axis == "Z" else _frames(view):
                yield (done + (nth + fraction) / len(positions)) / len(linked)


def _slices(stack: NDArray[np.int32], settings: ObjectSettings) -> Iterator[float]:
    linker = SliceLinker(
        least_overlap=settings.slice_overlap,
        max_gap=settings.slices_bridged,
        least_slices=settings.least_slices,
        splitting=settings.slice_splitting,
        edge_objects=settings.edge_objects,
    )
    for z, plane in enumerate(stack):
        plane[...] = linker.add(plane)
        yield z / len(stack)
    final = linker.finish()
    for plane in stack:
        plane[...] = final[plane]
        yield 1.0


def _frames(series: NDArray[np.int32]) -> Iterator[float]:
    linker = FrameLinker()
    for t, frame in enumerate(series):
        frame[...] = linker.add(frame)
        yield (t + 1) / len(series)


def count_objects(largest: NDArray[np.integer], leading: str, linked: str) -> int:
    """How many objects there are in all.

    Parameters
    ----------
    largest : ndarray of int
        Highest number in each plane, along the leading axes; numbers have no gaps.
    leading : str
        Axes before the spatial ones.
    linked : str
        Those along which the planes were linked.
    """
    axes = tuple(leading.index(axis) for axis in linked)
    return int(largest.max(axis=axes, initial=0).sum())

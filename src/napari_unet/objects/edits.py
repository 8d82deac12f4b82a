"""What a correction of labels is: the block that is to be written, no larger than the objects concerned, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError

Region = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Edit:
    """What a correction would write.

    Attributes
    ----------
    region : tuple of slice
        Where, along all axes of the labels.
    block : ndarray of int
        The labels of that region afterwards, in the type of the labels.
    objects : tuple of int
        The objects that came out of it; the one that kept its id first.
    """

    region: Region
    block: NDArray[Any]
    objects: tuple[int, ...] = ()

    def apply(self, labels: NDArray[Any]) -> None:
        """Write it into the labels."""
        labels[self.region] = self.block

    def changes(self, labels: NDArray[Any]) -> tuple[tuple[NDArray[np.intp], ...], NDArray[Any]]:
        """Which pixels of the labels would change, as indices along all axes, and their new values."""
        changed = np.nonzero(labels[self.region] != self.block)
        corner = (side.start for side in self.region)
        return tuple(i + start for i, start in zip(changed, corner, strict=True)), self.block[changed]


@dataclass(frozen=True)
class Part:
    """The slice or volume of a stack that a correction is limited to.

    Attributes
    ----------
    position : tuple of (int or None)
        Where it lies along each axis; None along the axes it spans.
    """

    position: tuple[int | None, ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes it spans."""
        return tuple(axis for axis, p in enumerate(self.position) if p is None)

    def of(self, labels: NDArray[Any]) -> NDArray[Any]:
        """A view of these labels."""
        return labels[tuple(slice(None) if p is None else p for p in self.position)]

    def edit(self, region: Region, block: NDArray[Any], objects: Iterable[int] = ()) -> Edit:
        """The edit of all labels that writes ``block`` into a region of this part."""
        sides = iter(region)
        where = tuple(next(sides) if p is None else slice(p, p + 1) for p in self.position)
        fixed = tuple(axis for axis, p in enumerate(self.position) if p is not None)
        return Edit(where, np.expand_dims(block, fixed), tuple(objects))


def whole(labels: NDArray[Any]) -> Part:
    """The part that is all of these labels."""
    return Part((None,) * labels.ndim)


def locate(labels: NDArray[Any], objects: Sequence[int]) -> tuple[Region, NDArray[np.bool_]]:
    """Where objects are: their common bounding box, and which of its pixels are theirs.

    Raises
    ------
    InputError
        If none of them is there.
    """
    inside = among(labels, objects)
    if not inside.any():
        raise InputError(f"{named(objects)} no pixel here.", "Pick what is to be changed anew.")
    region = bounds(inside)
    return region, inside[region]


def among(labels: NDArray[Any], objects: Sequence[int]) -> NDArray[np.bool_]:
    """Which pixels belong to one of some objects."""
    if len(objects) == 1:
        return np.asarray(labels == objects[0])
    # of small numbers and those from 2**63 on NumPy would make floats, which cannot tell neighbours apart
    large = labels.dtype == np.uint64
    return np.isin(labels, np.array(objects, np.uint64 if large else np.int64))


def bounds(inside: NDArray[np.bool_]) -> Region:
    """The smallest box around the pixels that are true, of which there is at least one."""
    sides = []
    for axis in range(inside.ndim):
        found = np.flatnonzero(inside.any(axis=tuple(a for a in range(inside.ndim) if a != axis)))
        sides.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(sides)


def named(objects: Sequence[int]) -> str:
    """Begin a sentence about objects."""
    return f"Object {objects[0]} has" if len(objects) == 1 else "The picked objects have"

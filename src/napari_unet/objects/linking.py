"""The same object, the same number: through the slices of a stack, and from frame to frame of a time series.

Both are linked through overlap alone, in the spirit of Cellpose's stitching (Stringer et al. 2021, Nat Methods
18:100): which object lies where another one was a slice, or a frame, before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError, ShapeMismatchError
from napari_unet.images.image import ArrayLike
from napari_unet.objects.frame_linking import (
    FrameLinker,
    check_ids,
    check_overlap,
    check_shape,
    link_frames,
    result_array,
)
from napari_unet.objects.overlap import (
    NumberedObjects,
    SharedPixels,
    mutual_best,
    number_objects,
    shared_pixels,
)
from napari_unet.settings import ObjectSettings

__all__ = ["FrameLinker", "SliceLinker", "link_frames", "link_slices"]

_DEFAULT = ObjectSettings()


class SliceLinker:
    """Links the objects of slices into objects of the stack, a slice at a time.

    Two objects are linked if each is the other's best partner in the other slice by IoU, and the smaller is covered by
    ``least_overlap``: IoU alone would cut off the caps of round objects, which are much smaller than the slice below.
    What found no partner is compared with what found none in the slice before the last (``max_gap=1``), and so on.
    A piece in a single slice of which more than half lies in the same object in the slice before and in the slice after
    joins that object.

    Parameters
    ----------
    least_overlap : float
        Above 0 and at most 1.
    max_gap : int
        Slices in which an object may have been missed; 0 bridges none.
    least_slices : int
        Objects found in fewer slices are left out, but never more than the stack has.
    edge_objects : bool
        Whether to keep objects that touch the edge of a slice, in Y or X, in any of their slices. The first and the
        last slice are no edge.

    Raises
    ------
    InputError
        If a setting is out of bounds.

    Notes
    -----
    On true nuclei of embryos with made-up errors, 3D objects had an F1 of 0.818 with the defaults, 0.673 with nothing
    left out, and 0.840 with a gap of 2 and 3 slices: ``docs/decisions/0005-linking.md`` says why that is no default.

    Examples
    --------
    >>> linker = SliceLinker()
    >>> given = [linker.add(plane) for plane in [[[7, 7, 0]], [[2, 2, 5]], [[0, 9, 9]]]]
    >>> linker.finish()[np.array(given)].tolist()
    [[[1, 1, 0]], [[1, 1, 0]], [[0, 1, 1]]]
    """

    def __init__(
        self,
        *,
        least_overlap: float = _DEFAULT.slice_overlap,
        max_gap: int = _DEFAULT.slices_bridged,
        least_slices: int = _DEFAULT.least_slices,
        edge_objects: bool = True,
    ) -> None:
        check_overlap(least_overlap)
        if max_gap < 0 or least_slices < 1:
            raise InputError(
                f"A gap of {max_gap} and a least number of {least_slices} slices make no sense.",
                "A gap is 0 or more slices, an object goes through at least 1.",
            )
        self._least_overlap, self._max_gap, self._least_slices = least_overlap, max_gap, least_slices
        self._edge_objects = edge_objects
        self._recent: list[_Slice] = []  # the last one last
        self._links: list[NDArray[np.int64]] = []  # the id of every object that continued another one
        self._joined: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._cut: list[NDArray[np.int32]] = []  # ids at the edge, some of them often
        self._n_ids = 0
        self._n_slices = 0

    def add(self, plane: Any) -> NDArray[np.int32]:
        """Take the next slice.

        Parameters
        ----------
        plane : array of int or bool, shape (Y, X)
            Its objects; ids need to tell apart objects of this slice only.

        Returns
        -------
        ndarray of int32, shape (Y, X)
            Ids that are unique in the stack and provisional: what :meth:`finish` returns turns them into the final
            ones.

        Raises
        ------
        ShapeMismatchError
            If it differs in shape from the slices before.
        InputError
            If it holds no whole numbers.
        """
        objects = number_objects(plane)
        if self._recent:
            check_shape(objects, self._recent[-1].objects, "slice")
        given = np.zeros(len(objects) + 1, np.int64)
        neighbours = shared_pixels(self._recent[-1].objects, objects) if self._recent else None
        if neighbours is not None:
            self._link(self._recent[-1], neighbours, given)
        for earlier in reversed(self._recent[:-1]):
            self._link(
                earlier, shared_pixels(earlier.objects, objects, (~earlier.continued, given == 0)), given
            )
        self._links.append(given[given > 0])
        new = np.flatnonzero(given[1:] == 0) + 1
        given[new] = self._new_ids(len(new))
        latest = _Slice(
            objects, given, np.zeros(len(objects) + 1, bool), np.zeros(len(objects) + 1, np.int64)
        )
        if neighbours is not None:
            self._join_pieces(self._recent[-1], neighbours, latest)
            _note_containers(self._recent[-1], neighbours, latest, new)
        self._recent = [*self._recent, latest][-(self._max_gap + 1) :]
        self._n_slices += 1
        ids = given.astype(np.int32)[objects.numbers]
        if not self._edge_objects:
            self._cut += [side.ravel() for side in (ids[:1], ids[-1:], ids[:, :1], ids[:, -1:])]
        return ids

    def finish(self) -> NDArray[np.int32]:
        """Return the final id of each provisional one: 1..n without gaps, 0 for what is left out.

        Returns
        -------
        ndarray of int32, shape (number of provisional ids + 1,)
            ``finish()[plane]`` for each plane that :meth:`add` returned.
        """
        length = np.ones(self._n_ids + 1, np.int64)
        if self._links:
            length += np.bincount(np.concatenate(self._links), minlength=self._n_ids + 1)
        target = np.arange(self._n_ids + 1)
        for pieces, wholes in self._joined:
            target[pieces] = wholes
        kept = (target == np.arange(len(target))) & (length >= min(self._least_slices, self._n_slices))
        if self._cut:
            kept[target[np.concatenate(self._cut)]] = False
        kept[0] = False
        final = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
        return np.asarray(final[target])

    def _link(self, earlier: _Slice, pairs: SharedPixels, given: NDArray[np.int64]) -> None:
        free = (
            (pairs.containment >= self._least_overlap)
            & ~earlier.continued[pairs.first]
            & (given[pairs.second] == 0)
        )
        pairs = pairs.where(free)
        linked = mutual_best(pairs, (pairs.iou, pairs.pixels), len(earlier.objects), len(given) - 1)
        first, second = pairs.first[linked], pairs.second[linked]
        given[second] = earlier.ids[first]
        earlier.continued[first] = True

    def _new_ids(self, n: int) -> NDArray[np.int64]:
        check_ids(self._n_ids + n)
        ids = np.arange(self._n_ids + 1, self._n_ids + n + 1)
        self._n_ids += n
        return ids

    def _join_pieces(self, middle: _Slice, pairs: SharedPixels, latest: _Slice) -> None:
        """Pieces of the slice in the middle that lie in one object on both sides."""
        inside = (
            (2 * pairs.pixels > middle.objects.sizes[pairs.first])
            & ~middle.continued[pairs.first]
            & (middle.containers[pairs.first] == latest.ids[pairs.second])
        )
        if inside.any():
            pieces, wholes = middle.ids[pairs.first[inside]], latest.ids[pairs.second[inside]]
            self._joined.append((pieces, wholes))
            middle.continued[pairs.first[inside]] = True  # so that no other one is linked to it across a gap


@dataclass(frozen=True, eq=False)
class _Slice:
    """A slice among the latest ones; arrays by number of the object, background first.

    Attributes
    ----------
    ids : ndarray of int64
        Provisional ids.
    continued : ndarray of bool
        Whether a later slice has a partner.
    containers : ndarray of int64
        For objects without a partner before: the id in the slice before in which half of it lies, else 0.
    """

    objects: NumberedObjects
    ids: NDArray[np.int64]
    continued: NDArray[np.bool_]
    containers: NDArray[np.int64]


def _note_containers(before: _Slice, pairs: SharedPixels, latest: _Slice, new: NDArray[np.intp]) -> None:
    is_new = np.zeros(len(latest.ids), bool)
    is_new[new] = True
    inside = is_new[pairs.second] & (2 * pairs.pixels > latest.objects.sizes[pairs.second])
    latest.containers[pairs.second[inside]] = before.ids[pairs.first[inside]]


def link_slices(
    stack: ArrayLike,
    *,
    least_overlap: float = _DEFAULT.slice_overlap,
    max_gap: int = _DEFAULT.slices_bridged,
    least_slices: int = _DEFAULT.least_slices,
    edge_objects: bool = True,
    out: NDArray[np.int32] | None = None,
) -> NDArray[np.int32]:
    """Link the objects of every slice into objects of the stack.

    Parameters
    ----------
    stack : array of int or bool, shape (Z, Y, X)
        Objects found slice by slice; read plane by plane.
    least_overlap, max_gap, least_slices, edge_objects
        As for :class:`SliceLinker`.
    out : ndarray of int32, shape (Z, Y, X), optional
        Where to write the result, a memory-mapped file for example; may be ``stack`` itself.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        Objects numbered 1..n by their first slice, 0 background.

    Raises
    ------
    ShapeMismatchError
        If it is no stack.
    InputError
        If it holds no whole numbers, or a setting is out of bounds.
    """
    shape = tuple(int(n) for n in stack.shape)
    if len(shape) != 3:
        raise ShapeMismatchError(
            f"Slices are linked in a stack with the axes ZYX; this has the shape {shape}.",
            "Link the stacks of a time series one by one.",
        )
    linker = SliceLinker(
        least_overlap=least_overlap, max_gap=max_gap, least_slices=least_slices, edge_objects=edge_objects
    )
    result = result_array(shape, out)
    for z in range(shape[0]):
        result[z] = linker.add(stack[z])
    final = linker.finish()
    for z in range(shape[0]):
        result[z] = final[result[z]]
    return result

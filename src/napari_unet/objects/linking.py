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
from napari_unet.objects.necks import cut_necks
from napari_unet.objects.overlap import (
    NumberedObjects,
    SharedPixels,
    centres_of_mass,
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
    joins that object. Objects that lie upon each other have been linked then, too: they are cut apart where the chain
    narrows and its middle shifts (:func:`.necks.cut_necks`).

    Parameters
    ----------
    least_overlap : float
        Above 0 and at most 1.
    max_gap : int
        Slices in which an object may have been missed; 0 bridges none.
    least_slices : int
        Objects found in fewer slices are left out, but never more than the stack has.
    splitting : float
        How readily what lies upon each other is cut apart, from 0, never, to 1.
    edge_objects : bool
        Whether to keep objects that touch the edge of a slice, in Y or X, in any of their slices. The first and the
        last slice are no edge.

    Raises
    ------
    InputError
        If a setting is out of bounds.

    Notes
    -----
    What decided the defaults is in ``docs/decisions/0005-linking.md``.

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
        splitting: float = _DEFAULT.slice_splitting,
        edge_objects: bool = True,
    ) -> None:
        check_overlap(least_overlap)
        if not 0 <= splitting <= 1:
            raise InputError(f"A splitting of {splitting} makes no sense.", "It is a number from 0 to 1.")
        if max_gap < 0 or least_slices < 1:
            raise InputError(
                f"A gap of {max_gap} and a least number of {least_slices} slices make no sense.",
                "A gap is 0 or more slices, an object goes through at least 1.",
            )
        self._least_overlap, self._max_gap, self._least_slices = least_overlap, max_gap, least_slices
        self._splitting = splitting
        self._edge_objects = edge_objects
        self._recent: list[_Slice] = []  # the last one last
        self._tracks: list[NDArray[np.int64]] = []  # of every outline, slice by slice
        self._sizes: list[NDArray[np.int64]] = []
        self._centres: list[NDArray[np.float64]] = []
        self._joined: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._cut: list[NDArray[np.int32]] = []  # outlines at the edge, some of them often
        self._n_tracks = 0
        self._n_outlines = 0

    def add(self, plane: Any) -> NDArray[np.int32]:
        """Take the next slice.

        Parameters
        ----------
        plane : array of int or bool, shape (Y, X)
            Its objects; ids need to tell apart objects of this slice only.

        Returns
        -------
        ndarray of int32, shape (Y, X)
            A number for every outline, unique in the stack: what :meth:`finish` returns turns it into the final id of
            its object.

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
            free = (~earlier.continued, given == 0)
            self._link(earlier, shared_pixels(earlier.objects, objects, free), given)
        new = np.flatnonzero(given[1:] == 0) + 1
        given[new] = np.arange(self._n_tracks + 1, self._n_tracks + len(new) + 1)
        self._n_tracks += len(new)
        latest = _Slice(
            objects, given, np.zeros(len(objects) + 1, bool), np.zeros(len(objects) + 1, np.int64)
        )
        if neighbours is not None:
            self._join_pieces(self._recent[-1], neighbours, latest)
            _note_containers(self._recent[-1], neighbours, latest, new)
        self._recent = [*self._recent, latest][-(self._max_gap + 1) :]
        self._tracks.append(given[1:])
        self._sizes.append(objects.sizes[1:])
        self._centres.append(centres_of_mass(objects))
        check_ids(self._n_outlines + len(objects))
        outlines = np.arange(self._n_outlines, self._n_outlines + len(objects) + 1, dtype=np.int32)
        outlines[0] = 0
        self._n_outlines += len(objects)
        ids = np.asarray(outlines[objects.numbers])
        if not self._edge_objects:
            self._cut += [side.ravel() for side in (ids[:1], ids[-1:], ids[:, :1], ids[:, -1:])]
        return ids

    def finish(self) -> NDArray[np.int32]:
        """Return the final id of each outline: 1..n without gaps, 0 for what is left out.

        Returns
        -------
        ndarray of int32, shape (number of outlines + 1,)
            ``finish()[plane]`` for each plane that :meth:`add` returned.
        """
        if not self._n_outlines:
            return np.zeros(1, np.int32)
        slices = np.repeat(np.arange(len(self._tracks)), [len(tracks) for tracks in self._tracks])
        target = np.arange(self._n_tracks + 1)
        for pieces, wholes in self._joined:
            target[pieces] = wholes
        own = np.concatenate(self._tracks)
        least = min(self._least_slices, len(self._tracks))
        sizes, centres = np.concatenate(self._sizes), np.concatenate(self._centres)
        tracks = cut_necks(target[own], slices, sizes, centres, self._splitting)
        is_whole = target[own] == own  # no piece counts by itself
        length = np.bincount(tracks[is_whole], minlength=tracks.max() + 1)
        kept = length >= least
        if self._cut:
            outlines = np.unique(np.concatenate(self._cut))
            kept[tracks[outlines[outlines > 0] - 1]] = False
        found, first = np.unique(tracks, return_index=True)
        found = found[np.argsort(first)]  # in the order in which they begin
        found = found[kept[found]]
        final = np.zeros(len(kept), np.int32)
        final[found] = np.arange(1, len(found) + 1)
        return np.concatenate([np.zeros(1, np.int32), final[tracks]])

    def _link(self, earlier: _Slice, pairs: SharedPixels, given: NDArray[np.int64]) -> None:
        free = (
            (pairs.containment >= self._least_overlap)
            & ~earlier.continued[pairs.first]
            & (given[pairs.second] == 0)
        )
        pairs = pairs.where(free)
        linked = mutual_best(pairs, (pairs.iou, pairs.pixels), len(earlier.objects), len(given) - 1)
        first, second = pairs.first[linked], pairs.second[linked]
        given[second] = earlier.tracks[first]
        earlier.continued[first] = True

    def _join_pieces(self, middle: _Slice, pairs: SharedPixels, latest: _Slice) -> None:
        """Pieces of the slice in the middle that lie in one object on both sides."""
        inside = (
            (2 * pairs.pixels > middle.objects.sizes[pairs.first])
            & ~middle.continued[pairs.first]
            & (middle.containers[pairs.first] == latest.tracks[pairs.second])
        )
        if inside.any():
            pieces, wholes = middle.tracks[pairs.first[inside]], latest.tracks[pairs.second[inside]]
            self._joined.append((pieces, wholes))
            middle.continued[pairs.first[inside]] = True  # so that no other one is linked to it across a gap


@dataclass(frozen=True, eq=False)
class _Slice:
    """A slice among the latest ones; arrays by number of the object, background first.

    Attributes
    ----------
    tracks : ndarray of int64
        Numbers of what they were linked to.
    continued : ndarray of bool
        Whether a later slice has a partner.
    containers : ndarray of int64
        For objects without a partner before: the track in the slice before in which half of it lies, else 0.
    """

    objects: NumberedObjects
    tracks: NDArray[np.int64]
    continued: NDArray[np.bool_]
    containers: NDArray[np.int64]


def _note_containers(before: _Slice, pairs: SharedPixels, latest: _Slice, new: NDArray[np.intp]) -> None:
    is_new = np.zeros(len(latest.tracks), bool)
    is_new[new] = True
    inside = is_new[pairs.second] & (2 * pairs.pixels > latest.objects.sizes[pairs.second])
    latest.containers[pairs.second[inside]] = before.tracks[pairs.first[inside]]


def link_slices(
    stack: ArrayLike,
    *,
    least_overlap: float = _DEFAULT.slice_overlap,
    max_gap: int = _DEFAULT.slices_bridged,
    least_slices: int = _DEFAULT.least_slices,
    splitting: float = _DEFAULT.slice_splitting,
    edge_objects: bool = True,
    out: NDArray[np.int32] | None = None,
) -> NDArray[np.int32]:
    """Link the objects of every slice into objects of the stack.

    Parameters
    ----------
    stack : array of int or bool, shape (Z, Y, X)
        Objects found slice by slice; read plane by plane.
    least_overlap, max_gap, least_slices, splitting, edge_objects
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
        least_overlap=least_overlap,
        max_gap=max_gap,
        least_slices=least_slices,
        splitting=splitting,
        edge_objects=edge_objects,
    )
    result = result_array(shape, out)
    for z in range(shape[0]):
        result[z] = linker.add(stack[z])
    final = linker.finish()
    for z in range(shape[0]):
        result[z] = final[result[z]]
    return result

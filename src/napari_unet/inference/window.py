"""Rows of features on their way from one layer to a later one: only those still needed are kept.

A :class:`Window` is for many rows that wait long, a :class:`Strip` for a few that the next layer reads at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


class Window:
    """Rows along the first spatial axis, pushed in order and dropped in order.

    Parameters
    ----------
    like : Tensor
        Whose type and device they have.
    shape : sequence of int
        ``(N, channels, rows, ...)``: as many rows as are kept at once; more room is made where they do not do.
    first : int
        Number of the first row that will be pushed.
    """

    def __init__(self, like: Tensor, shape: Sequence[int], first: int = 0) -> None:
        self._ring = _empty(like, shape)
        self._start = self._stop = first

    @property
    def stop(self) -> int:
        """Number of the row that will be pushed next."""
        return self._stop

    def push(self, rows: Tensor) -> None:
        """Copy further rows in."""
        wanted = self._stop - self._start + rows.shape[2]
        if wanted > self._ring.shape[2]:
            self._grow(wanted)
        done = 0
        while done < rows.shape[2]:
            place, n = self._piece(self._stop, self._stop + rows.shape[2] - done)
            self._ring.narrow(2, place, n).copy_(rows.narrow(2, done, n))
            self._stop += n
            done += n

    def rows(self, start: int, stop: int) -> Tensor:
        """These rows, which have been pushed and not been dropped; to be used before the next push."""
        if not self._start <= start <= stop <= self._stop:
            raise IndexError(f"rows {start} to {stop} of {self._start} to {self._stop}")
        pieces: list[Tensor] = []
        while start < stop or not pieces:
            place, n = self._piece(start, stop)
            pieces.append(self._ring.narrow(2, place, n))
            start += n
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=2)

    def drop(self, before: int) -> None:
        """Rows before this one are not needed any more."""
        self._start = max(self._start, min(before, self._stop))

    def _piece(self, start: int, stop: int) -> tuple[int, int]:
        """Where a row lies in the ring, and how many rows follow one another from there, at most to ``stop``."""
        size = int(self._ring.shape[2])
        place = start % size
        return place, min(stop - start, size - place)

    def _grow(self, rows: int) -> None:
        kept = self.rows(self._start, self._stop)
        start, stop, shape = self._start, self._stop, list(self._ring.shape)
        shape[2] = rows + rows // 4
        ring, self._ring = kept, _empty(kept, shape)
        self._stop = start
        if stop > start:
            self.push(ring)


class Scratch:
    """Memory that is used again and again: without it, what is freed and allocated leaves holes as large again.

    Parameters
    ----------
    like : Tensor
        Whose type and device it has.
    values : int
        How many numbers there is room for; more is made where they do not do.
    """

    def __init__(self, like: Tensor, values: int) -> None:
        self._values = like.new_empty(values)

    def rows(self, shape: Sequence[int]) -> Tensor:
        """``(N, channels, rows, ...)`` with the channels last in memory; what was there before is lost."""
        n, channels, *spatial = shape
        values = prod(shape)
        if values > len(self._values):
            self._values = self._values.new_empty(values)
        return self._values[:values].view(n, *spatial, channels).movedim(-1, 1)


class Strip:
    """A few rows that lie in memory one after another.

    Parameters
    ----------
    rows : Tensor
        ``(N, channels, rows, ...)``: those that are there already, may be none.
    first : int
        Number of the first of them.
    scratch : Scratch, optional
        Where they lie from :meth:`room` until :meth:`drop`. It may be shared by strips that take turns.
    """

    def __init__(self, rows: Tensor, first: int = 0, scratch: Scratch | None = None) -> None:
        self._rows = rows
        self._start = first
        self._scratch = scratch

    @property
    def stop(self) -> int:
        """Number of the row that will be written next."""
        return self._start + int(self._rows.shape[2])

    def room(self, n: int) -> Tensor:
        """Where the next ``n`` rows are to be written."""
        kept, shape = self._rows, list(self._rows.shape)
        shape[2] += n
        self._rows = _empty(kept, shape) if self._scratch is None else self._scratch.rows(shape)
        self._rows.narrow(2, 0, kept.shape[2]).copy_(kept)
        return self._rows.narrow(2, kept.shape[2], n)

    def rows(self, start: int, stop: int) -> Tensor:
        """These rows, which have been written and not been dropped."""
        if not self._start <= start <= stop <= self.stop:
            raise IndexError(f"rows {start} to {stop} of {self._start} to {self.stop}")
        return self._rows.narrow(2, start - self._start, stop - start)

    def drop(self, before: int) -> None:
        """Rows before this one are not needed any more; the others get memory of their own."""
        first = max(self._start, min(before, self.stop))
        kept = self.rows(first, self.stop)
        self._rows = _empty(kept, kept.shape).copy_(kept)
        self._start = first


def _empty(like: Tensor, shape: Sequence[int]) -> Tensor:
    memory_format = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    return torch.empty(tuple(shape), dtype=like.dtype, device=like.device, memory_format=memory_format)

"""What has been painted since one last looked: found by comparison, so that undo and scripts do not escape either."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.events import Box
from napari_unet.labels.snapshot import block_sides

if TYPE_CHECKING:
    from napari.layers import Labels

BUDGET = 0.012
"""Seconds that one look may take; the rest is looked at next time."""

_Index = tuple[int, ...]


class LabelsWatcher:
    """Compares a labels layer with what was seen of it before, block by block.

    Parameters
    ----------
    layer : Labels
        Of one resolution.

    Attributes
    ----------
    shape : tuple of int
        Of the data that is compared.
    """

    def __init__(self, layer: Labels) -> None:
        self.layer = layer
        self._seen: dict[_Index, NDArray[Any]] = {}  # blocks that hold anything
        self._values: dict[_Index, set[int]] = {}  # of these
        self._touched: dict[_Index, None] = {}  # blocks that ever held anything, which an undo can bring back
        self.shape = tuple(int(n) for n in layer.data.shape)
        self._sides = block_sides(layer.data.ndim)
        self._due: deque[_Index] = deque(self._all())
        self._again = False
        self._listen()

    def close(self) -> None:
        """Hear no more of the layer."""
        for emitter, callback in self._connections:
            emitter.disconnect(callback)

    @property
    def values(self) -> set[int]:
        """Values that were seen, without 0."""
        return set().union(*self._values.values()) - {0}

    @property
    def known(self) -> list[tuple[Box, NDArray[Any]]]:
        """Everything that was seen, as regions and their labels; where there is nothing else, all is 0."""
        return [(self._bounds(index), block) for index, block in self._seen.items()]

    def changes(self, view: Box | None) -> list[tuple[Box, NDArray[Any]]]:
        """What has changed, as regions and their labels, copied; what is in view first, the rest as time allows.

        Parameters
        ----------
        view : Box or None
            What is in view, in the layer's axes.
        """
        until = time.perf_counter() + BUDGET
        found = []
        if self._again:  # painted or undone: where one looks, or where something was
            self._again = False
            if view is not None:
                self._put_first(self._blocks(view))
            due = set(self._due)
            self._due.extend(index for index in self._touched if index not in due)
        while self._due and time.perf_counter() < until:
            change = self._compare(self._due.popleft())
            if change is not None:
                found.append(change)
        return found

    @property
    def is_behind(self) -> bool:
        """Whether there is more to look at."""
        return self._again or bool(self._due)

    def _compare(self, index: _Index) -> tuple[Box, NDArray[Any]] | None:
        bounds = self._bounds(index)
        new = np.asarray(self.layer.data[tuple(slice(*pair) for pair in bounds)])
        old = self._seen.get(index)
        if old is None and not new.any():
            return None
        differs = new != (0 if old is None else old)
        if not differs.any():
            return None
        self._touched[index] = None
        if new.any():
            self._seen[index] = new.copy()
            self._values[index] = {int(value) for value in np.unique(new)}
        else:
            del self._seen[index], self._values[index]
        box, part = [], []
        for axis, (low, _) in enumerate(bounds):
            others = tuple(a for a in range(differs.ndim) if a != axis)
            there = np.flatnonzero(differs.any(axis=others))
            first, last = int(there[0]), int(there[-1]) + 1
            box.append((low + first, low + last))
            part.append(slice(first, last))
        return tuple(box), new[tuple(part)].copy()

    # What may have changed

    def _listen(self) -> None:
        events = self.layer.events
        self._connections = ((events.paint, self._on_paint), (events.set_data, self._on_drawn),
                             (events.labels_update, self._on_drawn), (events.data, self._on_data))  # fmt: skip
        for emitter, callback in self._connections:
            emitter.connect(callback)

    def _on_paint(self, event: Any) -> None:
        """A stroke has ended: napari says which pixels it changed, in whatever slices."""
        for item in event.value:
            bounds = _changed_by(item)
            if bounds is not None and len(bounds) == len(self._sides):
                self._put_first(self._blocks(bounds))
        self._again = True

    def _on_drawn(self, _event: Any = None) -> None:
        self._again = True

    def _on_data(self, _event: Any = None) -> None:
        """Other data, or changed from outside: everything is looked at again."""
        shape = tuple(int(n) for n in self.layer.data.shape)
        if shape != self.shape:
            self.shape, self._sides = shape, block_sides(len(shape))
            for known in (self._seen, self._values, self._touched):
                known.clear()
        self._due = deque(self._all())

    def _put_first(self, indices: Iterator[_Index]) -> None:
        first = dict.fromkeys(indices)
        self._due = deque([*first, *(index for index in self._due if index not in first)])

    def _all(self) -> Iterator[_Index]:
        return self._blocks(tuple((0, size) for size in self.shape))

    def _blocks(self, region: Box) -> Iterator[_Index]:
        return product(
            *(
                range(low // side, -(-high // side))
                for (low, high), side in zip(region, self._sides, strict=True)
            )
        )

    def _bounds(self, index: _Index) -> Box:
        return tuple(
            (i * side, min((i + 1) * side, size))
            for i, side, size in zip(index, self._sides, self.shape, strict=True)
        )


def _changed_by(item: Any) -> Box | None:
    """Bounds of what an entry of napari's history changes: it holds a region, or the indices of every pixel."""
    try:
        keys = item.slice_key if hasattr(item, "slice_key") else item[0]
        return tuple(
            (key.start, key.stop) if isinstance(key, slice) else (int(np.min(key)), int(np.max(key)) + 1)
            for key in keys
        )
    except (TypeError, ValueError, IndexError):
        return None  # another form: what is in view is looked at anyway

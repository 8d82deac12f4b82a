"""A table of objects: columns by name, with their units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unet.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ObjectTable:
    """Objects, a row each.

    Attributes
    ----------
    columns : mapping of str to ndarray
        Of equal length, in the order in which they are shown.
    units : mapping of str to str
        Of the columns that have one, ``"µm²"`` for example.
    positions : tuple of str
        The columns that say in which frame or slice an object is, none for a single image or volume.
    axes : str
        Letters of the axes along which objects extend, ``"YX"`` or ``"ZYX"``.
    unit : str
        Of lengths.
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str]
    positions: tuple[str, ...]
    axes: str
    unit: str

    def __len__(self) -> int:
        return len(self.columns["label"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column."""
        return self.columns[name]

    def rows(self, which: Any) -> ObjectTable:
        """Only some rows, by a mask or by their numbers."""
        columns = {name: values[which] for name, values in self.columns.items()}
        return ObjectTable(columns, self.units, self.positions, self.axes, self.unit)

    def at(self, position: Sequence[int]) -> ObjectTable:
        """Only the objects at one position along the columns named in ``positions``."""
        chosen = np.ones(len(self), bool)
        for name, index in zip(self.positions, position, strict=True):
            chosen &= self.columns[name] == index
        return self.rows(chosen)

    def to_csv(self) -> str:
        """Return the table as text, the unit of lengths in the last column; what is undefined is an empty cell."""
        return tables_to_csv({"": self})

    def to_features(self) -> pd.DataFrame:
        """Return the table as napari wants it for ``Labels.features``: the label is in the column ``index``.

        Raises
        ------
        InputError
            If a label is in several rows; choose a frame with :meth:`at`.
        """
        import pandas as pd  # comes with napari; nothing else here needs it

        if len(np.unique(self.columns["label"])) < len(self):
            raise InputError("An object has several rows.", "Choose a frame or slice first.")
        rest = {name: values for name, values in self.columns.items() if name != "label"}
        return pd.DataFrame({"index": self.columns["label"], **rest})


def tables_to_csv(tables: Mapping[str, ObjectTable]) -> str:
    """Return the tables of several images as one.

    Parameters
    ----------
    tables : mapping of str to ObjectTable
        By the name of the image, which becomes the first column unless it is empty. A column that a table lacks stays
        empty there.
    """
    names = list(dict.fromkeys(name for table in tables.values() for name in table.columns))
    with_name = any(tables)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["image"] if with_name else []), *names, "unit"])
    for image, table in tables.items():
        empty = [""] * len(table)
        cells = [_cells(table.columns[name]) if name in table.columns else empty for name in names]
        writer.writerows(_lines([image] if with_name else [], cells, table.unit))
    return text.getvalue()


def _lines(begin: list[str], cells: list[list[str]], unit: str) -> Iterator[list[str]]:
    for row in zip(*cells, strict=True):
        yield [*begin, *row, unit]


def _cells(values: NDArray[Any]) -> list[str]:
    if values.dtype.kind == "f":
        return ["" if value != value else f"{value:.7g}" for value in values.tolist()]
    if values.dtype.kind == "b":
        return ["yes" if value else "no" for value in values.tolist()]
    return [str(value) for value in values.tolist()]

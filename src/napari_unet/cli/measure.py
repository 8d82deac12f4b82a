"""``napari-unet measure``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_unet.cli.options import PathList, ProgramOptions

_PROGRAM = ProgramOptions()


def measure(
    labels: PathList,
    /,
    *,
    output: Path,
    image: PathList | None = None,
    axes: str | None = None,
    scale: Annotated[list[float] | None, Parameter(consume_multiple=True, negative=())] = None,
    unit: str | None = None,
    channels: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    components: Annotated[bool, Parameter(negative=())] = False,
    volume: bool | None = None,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Measure every object of label images: size, place, shape, and intensity where there are images.

    Parameters
    ----------
    labels
        A folder, a file or several files with label images; every value above 0 is an object.
    output
        The table, as CSV: a line per object, and per frame of a time series.
    image
        The images whose intensities to measure, likewise; of the same name as the labels, without its ending. Several
        folders hold a channel each, named after its folder.
    axes
        One letter per dimension of the labels, for example TYX; by default those of the image, else ZYX or TZYX.
    scale
        Size of a pixel along each axis, for example 2 0.5 0.5, or along the last ones only.
    unit
        Of the scale, for example µm.
    channels
        A name for each channel of the images.
    components
        Every connected piece of equal value is an object: measures the objects of masks.
    volume
        Objects go through the slices of a stack, or (--no-volume) every slice is measured for itself. auto: found
        from the labels.
    program
        How the program behaves.
    """
    from napari_unet import api
    from napari_unet.images import write_atomically
    from napari_unet.objects.table import tables_to_csv

    tables = {}
    measured = api.measure_files(
        labels,
        image,
        axes=axes,
        scale=scale,
        unit=unit or "",
        channel_names=channels,
        components=components,
        volume=volume,
        notice=lambda text: print(f"Warning: {text}", file=sys.stderr),
    )
    for path, table in measured:
        tables[path.name if path.name not in tables else str(path)] = table
        print(f"{path.name}: {len(table):,} rows", file=sys.stderr)
    text = tables_to_csv(tables)
    write_atomically(output, lambda file: file.write(text.encode()))
    print(f"{sum(map(len, tables.values())):,} rows in {output}")

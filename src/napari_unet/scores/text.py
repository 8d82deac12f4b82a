"""Scores as text: numbers, positions and columns."""

from __future__ import annotations

import math
from collections.abc import Iterable

from napari_unet.scores.comparison import Position


def slice_name(position: Position) -> str:
    """Index of a slice along the leading axes, ``"3"`` or ``"0, 12"``."""
    return ", ".join(map(str, position))


def table(rows: Iterable[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """Columns padded to equal width, the first left, the others right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def shown(score: float) -> str:
    """Three decimals, or a dash where undefined."""
    return "–" if math.isnan(score) else f"{score:.3f}"


def exact(score: float) -> str:
    """Six decimals, or nothing where undefined: a cell of a CSV file."""
    return "" if math.isnan(score) else f"{score:.6f}"


def defined(score: float) -> float | None:
    """The score as JSON can say it: None where undefined."""
    return None if math.isnan(score) else float(score)

"""Pieces of the pages that are generated from result lines."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "–"


def number(score: float | None) -> str:
    """Three decimals; a dash for what was not measured."""
    return MISSING if score is None else f"{score:.3f}"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

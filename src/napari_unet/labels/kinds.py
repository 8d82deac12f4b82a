"""What labels probably are: scribbles, masks or objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collections.abc import Sequence

from napari_unet.labels.annotation import AnnotationKind


@dataclass(frozen=True)
class LabelSummary:
    """Placeholder."""

    n: int = 0


@dataclass(frozen=True)
class KindGuess:
    """A kind with its reason."""

    kind: AnnotationKind | None
    reason: str


def summarize_labels(array: Any) -> LabelSummary:
    """Summarise."""
    return LabelSummary()


def infer_kind(summaries: Sequence[LabelSummary]) -> KindGuess:
    """Guess."""
    return KindGuess(None, "The kind of the labels is not clear.")

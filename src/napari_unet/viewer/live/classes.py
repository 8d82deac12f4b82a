"""The classes of what is painted: those that are known, and those whose first stroke was just made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.errors import InputError
from napari_unet.labels import Annotation, default_annotation, object_strokes
from napari_unet.models.record import ModelRecord
from napari_unet.viewer.layers import annotation_of, set_annotation
from napari_unet.viewer.train.classes import announce

if TYPE_CHECKING:
    from napari.layers import Labels


def known_classes(layers: Sequence[Labels], before: Annotation | None, painted: set[int]) -> Annotation:
    """Return the classes, with the names and colours they have; at least two.

    Parameters
    ----------
    layers : sequence of Labels
        Where they may have been named; the first that names one counts.
    before : Annotation or None
        The classes so far, none of which is lost.
    painted : set of int
        Values that are painted.
    """
    known = [*(annotation_of(layer) for layer in layers), before]
    given = {c.value: c for a in reversed(known) if a is not None for c in a.classes if c.value}
    values = sorted(painted | set(given))
    if len(values) < 2:
        values = sorted({*values, 1, 2})
    annotation = default_annotation("scribbles", values)
    return annotation.model_copy(update={"classes": tuple(given.get(c.value, c) for c in annotation.classes)})


def name_object_strokes(layers: Sequence[Labels]) -> None:
    """Let the classes of these layers be those that objects are learnt from.

    Raises
    ------
    InputError
        If one has other classes already; then none is changed.
    """
    wanted = object_strokes()
    for layer in layers:
        there = annotation_of(layer)
        named = [c.name for c in there.classes if not c.name.startswith("class ")] if there else []
        others = [name for name in named if name not in {c.name for c in wanted.classes}]
        is_named = there is not None and len(named) == len(wanted.classes)
        is_other = bool(others) or (there is not None and not set(there.values) <= {0, *wanted.values})
        if is_other or (not is_named and _is_painted(layer)):
            raise InputError(
                f"{layer.name} has classes of its own. Objects are learnt from three: "
                + ", ".join(f"{c.name} ({c.value})" for c in wanted.classes)
                + ".",
                "Click 'New annotation layer' for strokes of these.",
            )
    for layer in layers:
        set_annotation(layer, wanted)
        announce(layer, wanted.values)


def are_object_strokes(layers: Sequence[Labels]) -> bool:
    """Whether all of these layers have the classes that objects are learnt from."""
    wanted = [c.name for c in object_strokes().classes]
    found = [annotation_of(layer) for layer in layers]
    return bool(found) and all(a is not None and [c.name for c in a.classes] == wanted for a in found)


def name_classes_of(record: ModelRecord, layers: Sequence[Labels]) -> None:
    """Let layers without names of their own have the classes of strokes that a model knows."""
    known = object_strokes() if record.network.outputs == "borders" else record.annotation
    if known.kind != "scribbles":
        return
    for layer in layers:
        there = annotation_of(layer)
        if there is None or all(c.name.startswith("class ") for c in there.classes):
            others = [c for c in (there.classes if there else ()) if c.value not in known.values]
            set_annotation(layer, known.model_copy(update={"classes": (*known.classes, *others)}))
            announce(layer, known.values)


def _is_painted(layer: Labels) -> bool:
    planes = np.ndindex(*layer.data.shape[:-2])
    return any(bool(np.asarray(layer.data[position]).any()) for position in planes)

"""Which layers can be painted on for a live run, and what the classes are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_unet.errors import InputError
from napari_unet.labels import Annotation, default_annotation
from napari_unet.viewer.layers import annotation_of
from napari_unet.viewer.train.pairs import LayerPair

if TYPE_CHECKING:
    from napari.layers import Labels


def classes_of(layers: Sequence[Labels], painted: set[int], known: Annotation | None = None) -> Annotation:
    """The classes that are known and those painted, at least two, with the names and colours they have.

    Parameters
    ----------
    layers : sequence of Labels
        What is painted on; the first that names a class counts.
    painted : set of int
        Values that are painted.
    known : Annotation, optional
        The classes so far.
    """
    annotations = [*(annotation_of(layer) for layer in layers), known]
    given = {c.value: c for a in reversed(annotations) if a is not None for c in a.classes if c.value}
    values = painted | set(given)
    annotation = default_annotation("scribbles", sorted(values if len(values) > 1 else values | {1, 2}))
    return annotation.model_copy(update={"classes": tuple(given.get(c.value, c) for c in annotation.classes)})


def check_paintable(pair: LayerPair, shape: tuple[int, ...]) -> None:
    """Refuse what cannot be painted on.

    Raises
    ------
    InputError
        If there are no labels, or they do not fit an image with labels of ``shape``.
    """
    labels = pair.labels
    if labels is None:
        raise InputError(
            "There are no labels yet.", "Click 'New annotation layer' and paint a little of each class."
        )
    if labels.multiscale:
        raise InputError(
            f"{labels.name} has several resolutions and cannot be painted on.", "Make a new annotation layer."
        )
    if tuple(labels.data.shape) != shape:
        raise InputError(
            f"{labels.name} has the shape {tuple(labels.data.shape)}, but the image needs labels of {shape}.",
            "Click 'New annotation layer' to get one that fits.",
        )

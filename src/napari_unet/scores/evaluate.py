"""Score files: what ``napari-unet evaluate`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from napari_unet.errors import AmbiguousAnnotationError, InputError, ShapeMismatchError, UNetError
from napari_unet.images import ArrayLike, pair_files, read_labels
from napari_unet.labels import AnnotationKind, infer_kind, summarize_labels
from napari_unet.scores.comparison import (
    Comparison,
    block_boxes,
    check_comparable,
    class_values,
    compare,
    distinct_values,
    read_block,
)
from napari_unet.scores.evaluation import Evaluation
from napari_unet.scores.objects import ObjectComparison, score_objects
from napari_unet.scores.reading import number_components, whole_numbers

PathOrPaths = Path | str | Sequence[Path | str]


def evaluate_pair(
    prediction: ArrayLike,
    labels: ArrayLike,
    labels_are: AnnotationKind | None = None,
    *,
    values: Iterable[int] = (),
    name: str = "image",
    components: bool = False,
    volume: bool | None = None,
) -> Evaluation:
    """Score one prediction in memory against its labels.

    Parameters
    ----------
    prediction, labels : array-like of int or bool
        Class values as painted, of equal shape, ``YX`` last.
    labels_are : {"scribbles", "masks", "objects"}, optional
        What the labels mean; inferred if not given.
    values : iterable of int
        Classes to report even if they do not occur.
    name : str
        What to call the image.
    components, volume : bool
        See :func:`evaluate_folders`.

    Raises
    ------
    ShapeMismatchError, InputError, AnnotationError, AmbiguousAnnotationError
        See :func:`~napari_unet.scores.comparison.compare` and :func:`evaluate_folders`.
    """
    prediction, labels = whole_numbers(prediction, "prediction"), whole_numbers(labels, "labels")
    check_comparable(prediction, labels)
    kind, reason = _kind([labels], labels_are)
    comparison = compare(prediction, labels, kind, values=values)
    scored = _objects(prediction, labels, kind, components, volume)
    objects = {} if scored is None else {name: scored}
    return Evaluation(
        kind,
        comparison.values,
        {name: comparison},
        reason=reason,
        objects=objects,
        one_number=_one_number(objects, {name: (prediction, labels)}),
    )


def evaluate_folders(
    predictions: PathOrPaths,
    labels: PathOrPaths,
    labels_are: AnnotationKind | None = None,
    *,
    components: bool = False,
    volume: bool | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Score prediction files against label files of the same stem.

    Parameters
    ----------
    predictions, labels : Path, str or sequence of these
        A folder, a file or several files.
    labels_are : {"scribbles", "masks", "objects"}, optional
        masks: every value, 0 included, is a class. scribbles: 0 is ignored. objects: each value above 0 is one
        object; objects are scored, and the foreground. Inferred from the labels if not given.
    components : bool
        Whether each connected piece of equal value, in labels and predictions, is an object. Scores the objects of
        masks beside their classes; see :func:`napari_unet.scores.reading.number_components`.
    volume : bool, optional
        Whether objects go through the slices of a stack; by default found from each label image, see
        :func:`napari_unet.scores.reading.is_volume`.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    AmbiguousAnnotationError
        If the labels could be more than one of these and ``labels_are`` is not given.
    ShapeMismatchError
        If a prediction does not have the size of its labels.
    InputError
        If files cannot be read or paired.
    AnnotationError
        If there are more than 256 values where values are classes.
    """
    pairing = pair_files(predictions, labels)
    opened = [(path.stem, read_labels(p), read_labels(path)) for p, path in pairing.pairs]
    for (predicted_path, path), (_, predicted, target) in zip(pairing.pairs, opened, strict=True):
        try:
            check_comparable(predicted, target)
        except ShapeMismatchError as error:
            raise ShapeMismatchError(
                f"The prediction {predicted_path.name} has the shape {tuple(predicted.shape)}, but the "
                f"labels {path.name} have {tuple(target.shape)}.",
                "Compare predictions and labels of the same images.",
            ) from error
        except InputError as error:
            raise InputError(f"{path.name} cannot be scored. {error.problem}", error.remedy) from error
    kind, reason = _kind([target for _, _, target in opened], labels_are)
    say = progress or (lambda fraction: None)
    found: set[int] = set()
    for number, (_, *arrays) in enumerate(opened if kind != "objects" else [], start=1):
        for array in arrays:
            for box in block_boxes(array.shape):
                found |= distinct_values(read_block(array, box))
        say(0.5 * number / len(opened))
    values = (0, 1) if kind == "objects" else class_values(found, kind)
    images: dict[str, Comparison] = {}
    objects: dict[str, ObjectComparison] = {}
    compared: dict[str, tuple[ArrayLike, ArrayLike]] = {}
    for number, (stem, predicted, target) in enumerate(opened, start=1):
        name = _unique(stem, images)
        images[name] = compare(predicted, target, kind, values=values, complete=True)
        scored = _objects(predicted, target, kind, components, volume)
        if scored is not None:
            objects[name], compared[name] = scored, (predicted, target)
        say(0.5 + 0.5 * number / len(opened))
    return Evaluation(
        labels_are=kind,
        values=values,
        images=images,
        missing_predictions=tuple(path.name for path in pairing.unpaired_labels),
        missing_labels=tuple(path.name for path in pairing.unpaired_images),
        reason=reason,
        objects=objects,
        one_number=_one_number(objects, compared),
    )


def _one_number(
    objects: dict[str, ObjectComparison], arrays: dict[str, tuple[ArrayLike, ArrayLike]]
) -> tuple[str, ...]:
    """Which side numbers all its objects alike; its pieces are only counted where it could."""
    found = []
    for side, what in enumerate(("predictions", "labels")):
        counts = [(s.n_predicted, s.n_labelled)[side] for c in objects.values() for s in c.images.values()]
        if max(counts, default=0) == 1 and any(
            not c.components and number_components(arrays[name][side], volume=c.volume).max() > 1
            for name, c in objects.items()
        ):
            found.append(what)
    return tuple(found)


def _objects(
    prediction: ArrayLike, labels: ArrayLike, kind: AnnotationKind, components: bool, volume: bool | None
) -> ObjectComparison | None:
    if kind != "objects" and not components:
        return None
    if kind == "scribbles":
        raise InputError(
            "Scribbles do not show where objects end.", "Score objects against masks or labelled objects."
        )
    return score_objects(prediction, labels, volume=volume, components=components)


def _kind(labels: Sequence[ArrayLike], wanted: AnnotationKind | None) -> tuple[AnnotationKind, str]:
    if wanted is not None:
        return wanted, ""
    try:
        guess = infer_kind([summarize_labels(array) for array in labels])
    except UNetError as error:
        raise AmbiguousAnnotationError(error.problem, _SAY_WHICH) from error
    if guess.kind is None:
        raise AmbiguousAnnotationError(guess.reason, _SAY_WHICH)
    return guess.kind, guess.reason


_SAY_WHICH = (
    "Say what the labels are with --labels-are scribbles, masks or objects (labels_are=... in Python)."
)


def _unique(name: str, taken: dict[str, Comparison]) -> str:
    number, unique = 1, name
    while unique in taken:
        number, unique = number + 1, f"{name} [{number + 1}]"
    return unique

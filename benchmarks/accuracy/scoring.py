"""Scores of predictions against labels: counts are pooled over all pixels of all images, then divided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread
from skimage.measure import label
from skimage.metrics import adapted_rand_error

from benchmarks.accuracy.sets import BenchmarkSet, image_files


def score_folder(measured: BenchmarkSet, predictions: Path, labels: Path) -> dict[str, Any]:
    """Score the prediction of every label file; predictions have the same stem and hold class values.

    Returns
    -------
    dict
        ``dice`` and ``iou`` by class name, merged class, ``foreground`` (all values above 0 as one class) and
        ``mean`` over all classes, None where undefined; ``rand_f`` where the set has cells; ``per_image``.

    Raises
    ------
    FileNotFoundError
        If a prediction is missing: part of a set is no score of the set.
    """
    tables, rand = {}, {}
    for path in image_files(labels):
        prediction, target = imread(predictions / f"{path.stem}.png"), measured.target(path)
        tables[path.stem] = contingency(prediction, target, len(measured.classes))
        if measured.cells is not None:
            rand[path.stem] = rand_f_score(prediction, target, measured.cells)
    scores: dict[str, Any] = overlap_scores(measured, sum(tables.values()))
    if rand:
        scores["rand_f"] = {"mean": _rounded(float(np.mean(list(rand.values()))))}
    scores["per_image"] = {
        stem: {"dice": overlap_scores(measured, table)["dice"]}
        | ({"rand_f": _rounded(rand[stem])} if rand else {})
        for stem, table in tables.items()
    }
    return scores


def contingency(prediction: np.ndarray, target: np.ndarray, n_classes: int) -> np.ndarray:
    """Pixels per (target, prediction), int64 ``(n_classes, n_classes)``.

    Raises
    ------
    ValueError
        If the shapes differ or a value is no class.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"prediction {prediction.shape} and labels {target.shape} differ in shape")
    if max(prediction.max(), target.max()) >= n_classes:
        raise ValueError(f"a value is not among the {n_classes} classes")
    pairs = target.astype(np.int64).ravel() * n_classes + prediction.astype(np.int64).ravel()
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def overlap_scores(measured: BenchmarkSet, table: np.ndarray) -> dict[str, dict[str, float | None]]:
    """Dice and IoU from a table of pixels per (target, prediction)."""
    n = len(measured.classes)
    groups = {name: (value,) for value, name in enumerate(measured.classes)}
    dice: dict[str, float | None] = {}
    iou: dict[str, float | None] = {}
    for name, values in {**groups, **measured.merged, "foreground": tuple(range(1, n))}.items():
        values = list(values)
        both = int(table[np.ix_(values, values)].sum())
        total = int(table[values].sum() + table[:, values].sum())
        dice[name] = _rounded(2 * both / total) if total else None
        iou[name] = _rounded(both / (total - both)) if total else None
    return {"dice": dice | {"mean": _mean(dice, groups)}, "iou": iou | {"mean": _mean(iou, groups)}}


def rand_f_score(prediction: np.ndarray, target: np.ndarray, cells: int) -> float:
    """1 - adapted Rand error of the 4-connected components of ``cells``; pixels between true cells are left out.

    References
    ----------
    Arganda-Carreras et al.: Crowdsourcing the creation of image segmentation algorithms for connectomics.
    Frontiers in Neuroanatomy 9:142, 2015.
    """
    truth, found = (label(image == cells, connectivity=1) for image in (target, prediction))
    return 1 - float(adapted_rand_error(truth, found)[0])


def _mean(scores: Mapping[str, float | None], names: Mapping[str, Any]) -> float | None:
    defined = [score for name in names if (score := scores[name]) is not None]
    return _rounded(sum(defined) / len(defined)) if defined else None


def _rounded(score: float) -> float:
    return round(score, 5)

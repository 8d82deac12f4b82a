"""Scores of objects straight from their definitions, by sets of pixels and by trying every matching."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np

THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def pixel_sets(labels, ignored):
    return {
        int(value): {tuple(p) for p in np.argwhere((labels == value) & ~ignored).tolist()}
        for value in np.unique(labels)
        if value > 0 and ((labels == value) & ~ignored).any()
    }


def objects_of(prediction, labels):
    """Pixels of every labelled and of every counted predicted object."""
    ignored = labels < 0
    predicted = pixel_sets(prediction, ignored)
    for value in list(predicted):
        whole = prediction == value
        if (whole & ignored).sum() > whole.sum() / 2:
            del predicted[value]
    return pixel_sets(labels, ignored), predicted


def iou(a, b):
    return len(a & b) / len(a | b)


def best_matching(labelled, predicted, threshold):
    """The largest number of pairs, and the largest sum of IoU with that many, by trying all."""
    few, many = sorted((list(labelled.values()), list(predicted.values())), key=len)
    best = (0, 0.0)
    for n in range(1, len(few) + 1):
        for some in combinations(few, n):
            for others in permutations(many, n):
                values = [iou(a, b) for a, b in zip(some, others, strict=True)]
                if min(values) >= threshold:
                    best = max(best, (n, sum(values)))
    return best


def scores(prediction, labels):
    labelled, predicted = objects_of(prediction, labels)
    n, m = len(labelled), len(predicted)
    tp = [best_matching(labelled, predicted, t)[0] for t in THRESHOLDS]
    total = best_matching(labelled, predicted, 0.5)[1]
    if n + m == 0:
        return {"ap": [math.nan] * 10, "f1": [math.nan] * 10, "pq": math.nan, "tp": tp}
    return {
        "ap": [k / (k + (m - k) + (n - k)) for k in tp],
        "f1": [2 * k / (2 * k + (m - k) + (n - k)) for k in tp],
        "precision": [k / m if m else 0 for k in tp],
        "recall": [k / n if n else 0 for k in tp],
        "pq": total / (tp[0] + (m - tp[0]) / 2 + (n - tp[0]) / 2),
        "tp": tp,
    }


def holders(wholes, parts):
    """Ids of the wholes that hold several parts: each mostly inside, none much smaller than the largest."""
    found = {}
    for whole, pixels in wholes.items():
        shares = {part: len(other & pixels) for part, other in parts.items()}
        inside = {part: n for part, n in shares.items() if n > len(parts[part]) / 2}
        large = [part for part, n in inside.items() if n * 10 >= max(inside.values())]
        if len(large) > 1:
            found[whole] = tuple(sorted(large))
    return found

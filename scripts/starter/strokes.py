"""Strokes as a person paints them, made from the truth: for training the starter and for measuring live learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def paint(random: np.random.Generator, classes: NDArray[np.int64], n_pixels: int) -> NDArray[np.int64]:
    """Strokes of about ``n_pixels`` in all, as many of each class; -1 where nothing is painted.

    A stroke starts anywhere in its class, keeps about its direction, bends away from other classes, and ends where it
    cannot.
    """
    strokes = np.full_like(classes, -1)
    kinds = np.unique(classes[classes >= 0])
    for kind in kinds:
        inside = classes == kind
        places = np.argwhere(inside)
        left = n_pixels // len(kinds)
        for _ in range(60):
            if left <= 0:
                break
            brush = int(random.choice([1, 1, 2, 3]))
            y, x = places[random.integers(len(places))].astype(float)
            angle, length = random.uniform(0, 2 * np.pi), int(min(left / brush, random.integers(5, 50))) + 1
            for _ in range(length):
                low_y, low_x = int(y) - (brush - 1) // 2, int(x) - (brush - 1) // 2
                part = (slice(max(low_y, 0), low_y + brush), slice(max(low_x, 0), low_x + brush))
                fresh = inside[part] & (strokes[part] < 0)
                strokes[part][fresh] = kind
                left -= int(fresh.sum())
                for turn in (random.normal(0, 0.25), 0.7, -0.7, 1.4, -1.4):
                    to_y, to_x = y + np.sin(angle + turn), x + np.cos(angle + turn)
                    ahead = 0 <= to_y < len(inside) and 0 <= to_x < inside.shape[1]
                    if ahead and inside[int(to_y), int(to_x)]:
                        break
                else:
                    break
                y, x, angle = to_y, to_x, angle + turn
    return strokes

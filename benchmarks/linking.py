"""How well slices are linked into objects: true nuclei of embryos, numbered anew in every slice and spoilt.

Needs ``../shared/data``; prints the mean F1 of 3D objects at an IoU of 0.5 for every way of linking, then the choice
that the other embryos would make for each. Those that ``benchmarks.objects`` holds out are left alone::

    python -m benchmarks.linking
    python -m benchmarks.linking --smallest   # small objects left out of slices, or out of the linked stack
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.objects import SETS
from napari_unet.images import read_labels
from napari_unet.objects.linking import link_slices
from napari_unet.scores.matching import match, overlap

DATA = (
    Path(__file__).resolve().parents[2] / "shared" / "data" / "bbbc050_embryo_nuclei3d" / "train" / "labels"
)

# Per nucleus and slice: the odds of being missed (four times for caps), of touching nuclei being merged, of being cut
# in two; by how many pixels the border moves and the nucleus shifts at most; false objects per slice.
ERRORS = {
    "none": {"missed": 0, "merged": 0, "cut": 0, "border": 0, "shift": 0, "false": 0},
    "few": {"missed": 0.02, "merged": 0.03, "cut": 0.02, "border": 1, "shift": 0, "false": 0.1},
    "many": {"missed": 0.06, "merged": 0.10, "cut": 0.06, "border": 2, "shift": 1, "false": 0.5},
    "cut": {"missed": 0.02, "merged": 0, "cut": 0.12, "border": 1, "shift": 0, "false": 0.1},
    "merged": {"missed": 0.02, "merged": 0.2, "cut": 0, "border": 1, "shift": 0, "false": 0.1},
}
CAP = 30
"""Pixels below which a section is a cap."""

WAYS = [
    {"least_overlap": overlap, "max_gap": gap, "least_slices": slices}
    for slices in (1, 2, 3)
    for gap in (0, 1, 2)
    for overlap in (0.4, 0.5, 0.6, 0.7, 0.8)
]
DEFAULT = {"least_overlap": 0.6, "max_gap": 1, "least_slices": 2}

SMALLEST = (0, 5, 10, 20, 40, 80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smallest", action="store_true")
    wanted = parser.parse_args()
    held_out = SETS["bbbc050"].held_out
    paths = [path for i, path in enumerate(sorted(DATA.glob("*.tif"))) if i not in held_out]
    truth = {path.stem: np.asarray(read_labels(path)).astype(np.int32) for path in paths}
    spoilt = {
        (errors, name, seed): np.stack([spoil(plane, ERRORS[errors], rng) for plane in volume])
        for errors in ERRORS
        for name, volume in truth.items()
        for seed in range(1 if errors == "none" else 2)
        for rng in [np.random.default_rng([seed, 7])]
    }
    if wanted.smallest:
        compare_smallest(truth, spoilt)
        return
    table = {}
    print(
        "least_slices  max_gap  least_overlap  " + "  ".join(f"{errors:>6}" for errors in ERRORS) + "    mean"
    )
    for number, way in enumerate(WAYS):
        f1 = {key: score(link_slices(stack, **way), truth[key[1]]) for key, stack in spoilt.items()}
        table[number] = {
            name: np.mean(
                [np.mean([f for k, f in f1.items() if k[:2] == (errors, name)]) for errors in ERRORS]
            )
            for name in truth
        }
        cells = [np.mean([f for key, f in f1.items() if key[0] == errors]) for errors in ERRORS]
        print(f"{way['least_slices']:12} {way['max_gap']:8} {way['least_overlap']:14}  "
              + "  ".join(f"{cell:6.3f}" for cell in (*cells, np.mean(cells))), flush=True)  # fmt: skip
    for name in truth:
        best = max(table, key=lambda n: np.mean([f for other, f in table[n].items() if other != name]))
        print(f"{name}: the others choose {WAYS[best]}, which gives it {table[best][name]:.3f}; "
              f"the default {table[WAYS.index(DEFAULT)][name]:.3f}")  # fmt: skip


def compare_smallest(truth: dict[str, np.ndarray], spoilt: dict[tuple[str, str, int], np.ndarray]) -> None:
    """Objects of fewer pixels left out of every slice before linking, or of fewer voxels after it."""
    print("smallest  counted in  " + "  ".join(f"{errors:>6}" for errors in ERRORS) + "    mean")
    for least in SMALLEST:
        for counted in ("slices", "stack"):
            f1 = {}
            for key, stack in spoilt.items():
                if counted == "slices":
                    found = link_slices(np.stack([without_small(plane, least) for plane in stack]))
                else:
                    found = without_small(link_slices(stack), least)
                f1[key] = score(found, truth[key[1]])
            cells = [np.mean([f for key, f in f1.items() if key[0] == errors]) for errors in ERRORS]
            print(
                f"{least:8}  {counted:10}  " + "  ".join(f"{cell:6.3f}" for cell in (*cells, np.mean(cells)))
            )


def without_small(objects: np.ndarray, least: int) -> np.ndarray:
    """Without those of fewer pixels or voxels."""
    large = np.bincount(objects.reshape(-1)) >= least
    return np.where(large[objects], objects, 0).astype(np.int32)


def score(found: np.ndarray, truth: np.ndarray) -> float:
    """F1 at an IoU of 0.5."""
    table = overlap(found, truth)
    return 2 * len(match(table, 0.5)) / (len(table.labelled) + len(table.predicted))


def spoil(plane: np.ndarray, odds: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """A slice as a network might have segmented it, numbered at random."""
    masks = [m for m in (moved(plane == i, odds, rng) for i in np.unique(plane[plane > 0])) if m.any()]
    for one, other in combinations(range(len(masks)), 2):
        near = (ndimage.binary_dilation(masks[one], iterations=2) & masks[other]).any()
        if near and rng.random() < odds["merged"]:
            both = masks[one] | masks[other]
            masks[one], masks[other] = ndimage.binary_closing(both, iterations=2) | both, both & False
    pieces = []
    for i in rng.permutation(len(masks)):
        pieces += cut(masks[i], rng) if rng.random() < odds["cut"] else [masks[i]]
    for _ in range(rng.poisson(odds["false"])):
        disc = np.hypot(
            *(np.indices(plane.shape) - rng.integers(4, min(plane.shape) - 4, (2, 1, 1)))
        ) <= rng.integers(1, 4)
        pieces.append(disc)
    spoilt = np.zeros(plane.shape, np.int32)
    for number, piece in enumerate(pieces, start=1):
        spoilt[piece & (spoilt == 0)] = number
    return spoilt


def moved(mask: np.ndarray, odds: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """A nucleus with another border and place, or nothing."""
    if rng.random() < odds["missed"] * (4 if mask.sum() < CAP else 1):
        return mask & False
    step = int(rng.integers(-odds["border"], odds["border"] + 1))
    if step:
        change = ndimage.binary_dilation if step > 0 else ndimage.binary_erosion
        mask = change(mask, iterations=abs(step))
    by = rng.integers(-odds["shift"], odds["shift"] + 1, 2)
    return ndimage.shift(mask.astype(np.uint8), by, order=0) > 0


def cut(mask: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """A nucleus in two, along a line through its middle part."""
    y, x = np.indices(mask.shape)
    angle, size = rng.random() * np.pi, mask.sum()
    if not size:
        return []
    distance = (y - y[mask].mean()) * np.cos(angle) + (x - x[mask].mean()) * np.sin(angle)
    side = distance > rng.uniform(-0.25, 0.25) * np.sqrt(size)
    return [mask & side, mask & ~side]


if __name__ == "__main__":
    main()

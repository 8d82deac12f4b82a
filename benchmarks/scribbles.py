"""Measure live learning: strokes on one training image, scored on the test images after 10, 30 and 60 seconds.

Beside it a random forest on scikit-image's features, which learns from the same strokes. The strokes are made from the
truth (``scripts/starter/strokes.py``), about 1000 pixels; every seed has an image and strokes of its own::

    python -m benchmarks.scribbles --recipes live forest
    python -m benchmarks.scribbles --recipes live --choose   # scored on other training images: to choose by
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from scripts.starter.strokes import paint
from skimage.io import imread

from benchmarks.accuracy.lines import (
    Line,
    append_line,
    combinations,
    load,
    machine,
    missing,
    now,
    versions,
)
from benchmarks.accuracy.recipes.forest import features_of
from benchmarks.accuracy.sets import SETS, BenchmarkSet, image_files
from benchmarks.accuracy.task import ROOT, cores

RESULTS = ROOT / "benchmarks" / "results" / "scribbles.jsonl"
DATA = ROOT.parent / "shared" / "data"
MARKS = (10.0, 30.0, 60.0)
PIXELS = 1000
TREES = 100
RECIPES = ("live", "scratch", "forest")
"""As the plugin does it; the same without the starter, for 10 s only; a random forest."""

LEARNING = ("src/napari_unet", "scripts/starter")
"""What learns, and what makes strokes."""

CHOSEN = 5
"""Other training images that are scored on with ``--choose``."""


@dataclass(frozen=True)
class Subject:
    """What is told from the rest: values of a set, and the score of 20 minutes with full annotation."""

    values: tuple[int, ...]
    title: str


SUBJECTS = {
    "isbi2012": Subject((0,), "membrane"),
    "monuseg": Subject((1,), "nuclei"),
    "epfl6": Subject((2, 3), "mitochondria with boundary"),
    "dsb2018_histology": Subject((1,), "nuclei"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    wanted = combinations(options, MARKS[-1] / 60, [*LEARNING, "benchmarks/scribbles.py"])
    for each in wanted if options.choose else missing(options.results, wanted):
        line = measure(each, options.data, choose=options.choose)
        print(f"{now()} {each['set']} {each['recipe']} seed {each['seed']}: {line['dice']}", flush=True)
        if not options.choose:
            append_line(options.results, line)


def measure(wanted: Line, data: Path, *, choose: bool) -> Line:
    """Paint, learn and score."""
    measured, subject = SETS[wanted["set"]], SUBJECTS[wanted["set"]]
    random = np.random.default_rng(wanted["seed"])
    train = image_files(data / measured.folder / "train" / "images")
    painted = train.pop(int(random.integers(len(train))))
    spread = np.linspace(0, len(train) - 1, min(CHOSEN, len(train))).round().astype(int)
    tests = [train[i] for i in spread] if choose else image_files(data / measured.folder / "test" / "images")
    strokes = paint(random, _truth(measured, subject, painted).astype(np.int64), PIXELS)
    before = load()
    learn = _forest if wanted["recipe"] == "forest" else _live
    dice, facts = learn(wanted, painted, strokes, tests, lambda path: _truth(measured, subject, path))
    return {
        **wanted,
        "date": now(),
        "machine": machine() | {"load_before": before},
        "versions": versions(("torch", "scikit-image", "scikit-learn")),
        "image": painted.name,
        "painted": int((strokes >= 0).sum()),
        "dice": dice,
        "facts": facts,
    }


def _truth(measured: BenchmarkSet, subject: Subject, image: Path) -> np.ndarray:
    """Whether each pixel is what is looked for, bool (Y, X)."""
    (labels,) = (image.parents[1] / "labels").glob(f"{image.stem}.*")
    return np.isin(measured.target(labels), subject.values)


def _live(
    wanted: dict[str, Any], painted: Path, strokes: np.ndarray, tests: Sequence[Path], truth: Any
) -> tuple[dict[str, float], dict[str, Any]]:
    """Learn as the dock does, with the whole image in view; the clock starts with the strokes and stops for scoring."""
    from napari_unet.api import predict_files
    from napari_unet.events import Finished, LiveState, ModelSaved, Started
    from napari_unet.images import read_image
    from napari_unet.jobs import run_inline
    from napari_unet.labels import default_annotation
    from napari_unet.requests import Keep, LiveRequest, Looking, Painted
    from napari_unet.settings import LiveSettings

    whole = tuple((0, size) for size in strokes.shape)
    inbox: SimpleQueue[Any] = SimpleQueue()
    steps: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        marks = MARKS if wanted["recipe"] == "live" else MARKS[:1]
        kept = {mark: folder / f"{mark:g}.safetensors" for mark in marks}
        settings = LiveSettings(seed=wanted["seed"], starter=wanted["recipe"] == "live")
        request = LiveRequest(
            (read_image(painted),),
            default_annotation("scribbles", [1, 2]),
            settings,
            folder / "live.safetensors",
        )
        started, step = time.monotonic(), 0
        due = list(marks)
        for event in run_inline(request, lambda: not due, inbox):
            if isinstance(event, Started):
                inbox.put(Looking(0, whole))
                inbox.put(Painted(0, whole, (strokes + 1).astype(np.uint8)))
                started = time.monotonic()
            elif isinstance(event, LiveState):
                step = event.step
            elif isinstance(event, ModelSaved) and due and event.path == str(kept[due[0]]):
                steps[f"{due.pop(0):g}"] = step
            elif isinstance(event, Finished) and due:
                raise RuntimeError("the run ended early")
            if due and time.monotonic() - started >= due[0] and f"{due[0]:g}" not in steps:
                steps[f"{due[0]:g}"] = step
                inbox.put(Keep(kept[due[0]]))
        dice = {}
        for mark, file in kept.items():
            written = predict_files(file, list(tests), folder / f"{mark:g}")
            by_stem = {path.stem: path for path in written}
            dice[f"{mark:g}"] = _dice(
                [imread(by_stem[p.stem]) == 2 for p in tests], [truth(p) for p in tests]
            )
    return dice, {"steps": steps}


def _forest(
    wanted: dict[str, Any], painted: Path, strokes: np.ndarray, tests: Sequence[Path], truth: Any
) -> tuple[dict[str, float], dict[str, Any]]:
    """Fit on every painted pixel; one score, however long it takes."""
    from sklearn.ensemble import RandomForestClassifier

    started = time.monotonic()
    features = features_of(imread(painted))
    forest = RandomForestClassifier(TREES, n_jobs=cores(), random_state=wanted["seed"])
    forest.fit(features[strokes >= 0], strokes[strokes >= 0])
    fitted = time.monotonic() - started
    found = []
    for path in tests:
        features = features_of(imread(path))
        answers = forest.predict(features.reshape(-1, features.shape[-1]))
        found.append(answers.reshape(features.shape[:2]) == 1)
    return {"forest": _dice(found, [truth(path) for path in tests])}, {"seconds": round(fitted, 2)}


def _dice(found: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Of all pixels of all images together."""
    both = sum(int((a & b).sum()) for a, b in zip(found, truth, strict=True))
    total = sum(int(a.sum()) + int(b.sum()) for a, b in zip(found, truth, strict=True))
    return round(2 * both / max(1, total), 5)


if __name__ == "__main__":
    sys.exit(main())

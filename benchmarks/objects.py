"""Measure objects: train on train folders, score every object of the test folders once, append one result line each.

``python -m benchmarks.objects --sets bbbc039 --recipes flows``; what has a line already is skipped. StarDist is
trained beside it with ``--recipes stardist --stardist-python PYTHON``, the Python of an environment with
``requirements-stardist.txt``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

from benchmarks.accuracy.lines import (
    Line,
    append_line,
    commit_of,
    load,
    machine,
    missing,
    now,
    versions,
)
from benchmarks.accuracy.recipes import RECIPES
from benchmarks.accuracy.sets import image_files
from benchmarks.accuracy.task import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "objects.jsonl"
DATA = ROOT.parent / "shared" / "data"
TARGETS = ("flows", "borders", "distances", "weights")
STARDIST = "stardist"


@dataclass(frozen=True)
class ObjectSet:
    """Images with numbered objects, and what has to be reached on them.

    Attributes
    ----------
    folder : str
        Inside the data.
    minutes : float
        Of training.
    bars : dict
        By score: what to reach.
    held_out : tuple of int
        Of a set without a test folder: which of its images, in the order of their names, are the test.
    """

    folder: str
    minutes: float
    bars: dict[str, float]
    held_out: tuple[int, ...] = ()

    def parts(self, data: Path) -> tuple[list[Path], list[Path]]:
        """Images to train on, images to test on; each has its labels beside it, see :func:`labels_of`."""
        train = image_files(data / self.folder / "train" / "images")
        if not self.held_out:
            return train, image_files(data / self.folder / "test" / "images")
        return (
            [path for i, path in enumerate(train) if i not in self.held_out],
            [train[i] for i in self.held_out],
        )


SETS = {
    "bbbc039": ObjectSet("bbbc039_nuclei", 30, {"f1_50": 0.96, "ap_50_95": 0.80}),
    "dsb2018_fluo": ObjectSet("dsb2018_fluo_nuclei", 30, {"ap_50": 0.86}),
    "dsb2018_histology": ObjectSet("dsb2018_histology_rgb", 30, {"f1_50": 0.75}),
    "bbbc050": ObjectSet("bbbc050_embryo_nuclei3d", 15, {"f1_50": 0.60}, held_out=(3, 4)),
}
"""By short name."""


def labels_of(image: Path) -> Path:
    """The label file of an image."""
    (found,) = (image.parents[1] / "labels").glob(f"{image.stem}.*")
    return found


Answer = tuple[dict[str, float], dict[str, Any], dict[str, Path]]
"""Seconds of training and of prediction, facts, and the predicted labels by the stem of the image."""


def ours(wanted: Line, images: Sequence[Path], tests: Sequence[Path], folder: Path) -> Answer:
    """Train and predict with the plugin; the recipe is what is learnt of objects."""
    from napari_unet import train
    from napari_unet.api import predict_files

    file = folder / "model.safetensors"
    started = time.perf_counter()
    record = train(
        images,
        [labels_of(path) for path in images],
        file,
        labels_are="objects",
        minutes=wanted["minutes"],
        seed=wanted["seed"],
        object_targets=wanted["recipe"],
    ).record
    trained = time.perf_counter()
    written = {path.stem: path for path in predict_files(file, tests, folder / "predictions")}
    seconds = {
        "training_seconds": round(trained - started, 1),
        "prediction_seconds": round(time.perf_counter() - trained, 1),
    }
    facts = {
        "plan": {key: value for key, value in record.plan.items() if value is not None},
        "objects": None if record.objects is None else record.objects.model_dump(),
        "validation_ap": record.validation.object_ap,
        "steps": record.history[-1].step if record.history else None,
    }
    return seconds, facts, written


def stardist(
    wanted: Line, images: Sequence[Path], tests: Sequence[Path], folder: Path, python: str
) -> Answer:
    """Train and predict with StarDist, in the environment of that Python."""
    task = {
        "images": [str(path) for path in images],
        "labels": [str(labels_of(path)) for path in images],
        "tests": [str(path) for path in tests],
        "minutes": wanted["minutes"],
        "seed": wanted["seed"],
        "output": str(folder),
    }
    request = folder / "task.json"
    request.write_text(json.dumps(task))
    started = time.perf_counter()
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    subprocess.run(
        [python, "-m", "benchmarks.stardist_2d", str(request)],
        check=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    seconds = {"total_seconds": round(time.perf_counter() - started, 1)}
    facts = json.loads((folder / "facts.json").read_text())
    return seconds, facts, {path.stem: folder / f"{path.stem}.tif" for path in tests}


def measure(wanted: Line, measured: ObjectSet, data: Path, stardist_python: str | None = None) -> Line:
    """Train, predict, score; returns the whole result line."""
    from napari_unet.scores.objects import score_image, summarize

    before = load()
    images, tests = measured.parts(data)
    with tempfile.TemporaryDirectory() as folder:
        if wanted["recipe"] == STARDIST:
            if stardist_python is None:
                raise SystemExit("StarDist needs --stardist-python.")
            seconds, facts, written = stardist(wanted, images, tests, Path(folder), stardist_python)
        else:
            seconds, facts, written = ours(wanted, images, tests, Path(folder))
        found = summarize(
            score_image(imread(written[path.stem]), np.asarray(imread(labels_of(path))).astype(np.int64))
            for path in tests
        )
    return {
        **wanted,
        "date": now(),
        "machine": machine() | {"load_before": before},
        "versions": versions(("torch", "scikit-image")),
        **seconds,
        "facts": facts,
        "scores": _scores(found),
    }


def _scores(found: Any) -> dict[str, float]:
    scores = {"ap_50": found.ap[0], "f1_50": found.f1[0], "ap_50_95": found.ap_50_95, "pq": found.pq}
    counts = {"labelled": found.n_labelled, "predicted": found.n_predicted}
    return {name: round(float(value), 5) for name, value in scores.items()} | counts


def _wanted(options: argparse.Namespace) -> Iterator[Line]:
    for seed in options.seed:
        for recipe in options.recipes:
            own = recipe != STARDIST
            sources = RECIPES["ours"].sources if own else ("benchmarks/stardist_2d.py",)
            for name in options.sets:
                minutes = float(options.minutes or SETS[name].minutes)
                yield {
                    "set": name,
                    "recipe": recipe,
                    "minutes": minutes,
                    "seed": seed,
                    "commit": commit_of([*sources, "benchmarks/objects.py"]),
                }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and not measured yet."""
    parser = argparse.ArgumentParser("python -m benchmarks.objects", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--recipes", nargs="+", choices=(*TARGETS, STARDIST), default=["flows"])
    parser.add_argument("--stardist-python", help="Python of the environment that StarDist is installed in")
    parser.add_argument("--minutes", type=float, help="instead of each set's own")
    parser.add_argument("--seed", nargs="+", type=int, default=[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the annotated images")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file the result lines are appended to")
    options = parser.parse_args(arguments)
    for wanted in missing(options.results, _wanted(options)):
        print(f"{now()} {wanted}", flush=True)
        line = measure(wanted, SETS[wanted["set"]], options.data, options.stardist_python)
        append_line(options.results, line)
        print(f"  {line['scores']}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

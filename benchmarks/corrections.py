"""Measure what ten rounds of correcting and training further do to the first image: nothing may be forgotten.

A network learns from strokes on one training image. Then strokes are painted where its prediction is wrong, on three
images in turn, and it is trained further on the image just corrected. After every round it is scored on what was held
out of the first image, and every annotation is compared with what it was before the round. Test images are not used::

    python -m benchmarks.corrections
    python -m benchmarks.corrections --recipes rehearsal forgetful --sets isbi2012 epfl6
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
from benchmarks.accuracy.sets import SETS, image_files
from benchmarks.accuracy.task import ROOT
from benchmarks.scribbles import DATA, LEARNING, SUBJECTS

RESULTS = ROOT / "benchmarks" / "results" / "corrections.jsonl"
RECIPES = ("rehearsal", "forgetful")
"""As the plugin does it; without the earlier annotations."""

N_IMAGES, ROUNDS = 3, 10
FIRST_PIXELS, PIXELS = 1000, 300
"""Painted to begin with, and in each round."""

FIRST_MINUTES, MINUTES = 2.0, 0.5
"""Of the first training, and of each further one."""


@dataclass(frozen=True, eq=False)
class Subject:
    """One image: its file, whether each pixel is what is looked for, and what is painted, all (Y, X)."""

    path: Path
    truth: NDArray[np.bool_]
    strokes: NDArray[np.uint8]

    def paint(self, random: np.random.Generator, where: NDArray[np.bool_], n_pixels: int) -> int:
        """Paint strokes of the right class (1: not looked for, 2: looked for) in a part; returns how many pixels."""
        free = where & (self.strokes == 0)
        drawn = paint(random, np.where(free, self.truth, -1).astype(np.int64), n_pixels)
        self.strokes[drawn >= 0] = drawn[drawn >= 0] + 1
        return int((drawn >= 0).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SUBJECTS, default=["isbi2012"])
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["rehearsal"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--frozen-layers", default="none")
    parser.add_argument("--learning-rate", type=float, help="of further training, instead of what is chosen")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    for wanted in missing(options.results, _wanted(options)):
        line = measure(wanted, options.data)
        print(
            f"{now()} {wanted['set']} {wanted['recipe']} seed {wanted['seed']}: "
            f"largest fall {line['largest_fall']}, strokes lost {line['strokes_lost']}",
            flush=True,
        )
        append_line(options.results, line)


def _wanted(options: argparse.Namespace) -> Iterator[Line]:
    more = {name: getattr(options, name) for name in ("rounds", "frozen_layers", "learning_rate")}
    for each in combinations(options, options.minutes, [*LEARNING, "benchmarks/corrections.py"]):
        yield each | more


def measure(wanted: Line, data: Path) -> Line:
    """Paint, learn, and correct round after round."""
    from napari_unet.api import fine_tune, train

    before_load = load()
    random = np.random.default_rng(wanted["seed"])
    subjects = read_subjects(wanted["set"], data)
    first = subjects[0]
    first.paint(random, np.ones(first.truth.shape, bool), FIRST_PIXELS)
    options: dict[str, Any] = {"labels_are": "scribbles", "seed": wanted["seed"]}
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "round 0.safetensors"
        record = train(first.path, first.strokes, model, minutes=FIRST_MINUTES, **options).record
        region = held_out_of(next(iter(record.validation.regions.values())), first.truth.shape)
        rounds.append({"round": 0, "dice": dice(predict(model, first, folder), first.truth, region)})
        for number in range(1, wanted["rounds"] + 1):
            subject = subjects[(number - 1) % len(subjects)]
            found = predict(model, subject, folder)
            n_painted = subject.paint(random, found != subject.truth, PIXELS)
            painted = [s.strokes.copy() for s in subjects]
            child = folder / f"round {number}.safetensors"
            record = fine_tune(
                model,
                subject.path,
                subject.strokes,
                child,
                minutes=wanted["minutes"],
                rehearsal=wanted["recipe"] == "rehearsal",
                frozen_layers=wanted["frozen_layers"],
                learning_rate=wanted["learning_rate"],
                **options,
            ).record
            changed = [int((s.strokes != old).sum()) for s, old in zip(subjects, painted, strict=True)]
            model = child
            line = {
                "round": number,
                "image": subject.path.name,
                "painted": n_painted,
                "dice": dice(predict(model, first, folder), first.truth, region),
                "wrong_before": round(float((found != subject.truth).mean()), 5),
                "wrong_after": round(float((predict(model, subject, folder) != subject.truth).mean()), 5),
                "before": record.validation.mean_dice_before,
                "after": record.validation.mean_dice,
                "strokes_changed": sum(changed),
                "strokes_not_kept": not_kept(model, subjects),
            }
            rounds.append(line)
            print(f"{now()} {line}", flush=True)
    scores = [line["dice"] for line in rounds]
    falls = [max(scores[: i + 1]) - score for i, score in enumerate(scores)]
    return {
        **wanted,
        "date": now(),
        "machine": machine() | {"load_before": before_load},
        "versions": versions(("torch", "scikit-image")),
        "held_out_pixels": int(region.sum()),
        "largest_fall": round(max(falls), 5),
        "fall_from_start": round(max(scores[0] - score for score in scores), 5),
        "strokes_lost": sum(line.get("strokes_changed", 0) for line in rounds)
        + rounds[-1]["strokes_not_kept"],
        "history": rounds,
    }


def read_subjects(name: str, data: Path) -> list[Subject]:
    """Three training images, evenly spread, with nothing painted."""
    measured = SETS[name]
    files = image_files(data / measured.folder / "train" / "images")
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, N_IMAGES).round().astype(int)]
    subjects = []
    for path in chosen:
        (labels,) = (path.parents[1] / "labels").glob(f"{path.stem}.*")
        truth = np.isin(measured.target(labels), SUBJECTS[name].values)
        subjects.append(Subject(path, truth, np.zeros(truth.shape, np.uint8)))
    return subjects


def held_out_of(boxes: Sequence[Sequence[tuple[int, int]]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels lie in one of these boxes.

    Raises
    ------
    ValueError
        If there is none: then nothing can be measured.
    """
    region = np.zeros(shape, bool)
    for box in boxes:
        region[tuple(slice(*bounds) for bounds in box)] = True
    if not region.any():
        raise ValueError("nothing of the first image was held out: paint more, or take another seed")
    return region


def predict(model: Path, subject: Subject, folder: Path) -> NDArray[np.bool_]:
    """Whether each pixel is found to be what is looked for."""
    from napari_unet.api import predict_files

    (written,) = predict_files(model, [subject.path], folder / "found")
    return np.asarray(imread(written)) == 2


def not_kept(model: Path, subjects: list[Subject]) -> int:
    """Painted pixels that are not among what the model keeps beside it."""
    from napari_unet.models.examples import read_examples

    kept = [np.zeros_like(subject.strokes) for subject in subjects]
    by_name = {subject.path.name: i for i, subject in enumerate(subjects)}
    for example in read_examples(model):
        corner = zip(example.origin.start, example.labels.shape, strict=True)
        part = tuple(slice(start, start + size) for start, size in corner)
        kept[by_name[example.origin.image]][part] = example.labels
    return sum(int((s.strokes != k).sum()) for s, k in zip(subjects, kept, strict=True))


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_], region: NDArray[np.bool_]) -> float:
    """Of the pixels of a region."""
    both = int((found & truth & region).sum())
    return round(2 * both / max(1, int((found & region).sum()) + int((truth & region).sum())), 5)


if __name__ == "__main__":
    main()

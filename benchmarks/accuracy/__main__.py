"""Measure accuracy: train on train folders, score test folders once, append one result line each; resumable."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
from benchmarks.accuracy.recipes import ABLATION_SETS, RECIPES, VARIANTS
from benchmarks.accuracy.scoring import score_folder
from benchmarks.accuracy.sets import SETS, BenchmarkSet
from benchmarks.accuracy.task import ROOT, Task, run_task

RESULTS = ROOT / "benchmarks" / "results" / "accuracy.jsonl"
DATA = ROOT.parent / "shared" / "data"


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for and not measured yet; returns 1 if something failed."""
    options = _parser().parse_args(arguments)
    failed = 0
    for wanted in missing(options.results, _wanted(options), options.any_commit):
        title = "{set} {recipe}, {minutes:g} min, seed {seed}, commit {commit}".format(**wanted)
        if options.dry_run:
            print(f"would run {title}")
            continue
        print(f"{now()} {title}", flush=True)
        try:
            line = measure(wanted, SETS[wanted["set"]], options.data)
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            print(f"  failed: {error}", flush=True)
            failed += 1
            continue
        append_line(options.results, line)
        found = {h.title: line["scores"][h.measure][h.name] for h in SETS[wanted["set"]].headlines}
        print(f"  {found}, {line['training_seconds']} + {line['prediction_seconds']} s", flush=True)
    return 1 if failed else 0


def measure(wanted: Line, measured: BenchmarkSet, data: Path) -> Line:
    """Train and predict in a fresh process, then score; returns the whole result line."""
    folder = data / measured.folder
    recipe = RECIPES[wanted["recipe"]]
    before = load()
    with tempfile.TemporaryDirectory() as output:
        task = Task(
            recipe=wanted["recipe"],
            train_images=str(folder / "train" / "images"),
            train_labels=str(folder / "train" / "labels"),
            test_images=str(folder / "test" / "images"),
            labels_are=measured.labels_are,
            n_classes=len(measured.classes),
            minutes=wanted["minutes"],
            seed=wanted["seed"],
            output=output,
        )
        spent = run_task(task)
        scores = score_folder(measured, Path(output), folder / "test" / "labels")
    return {
        **wanted,
        "date": now(),
        "machine": machine() | {"load_before": before},
        "versions": versions(recipe.packages),
        **spent,
        "scores": scores,
    }


def _wanted(options: argparse.Namespace) -> Iterator[Line]:
    """Keys of all measurements, shortest budgets first; the commit is looked up when a key is reached."""
    usual = [name for name in RECIPES if name not in VARIANTS]
    wanted = [
        (minutes, seed, recipe, name)
        for recipe in options.recipes or (VARIANTS if options.ablation else usual)
        for minutes in options.minutes or RECIPES[recipe].minutes
        for seed in options.seed
        for name in options.sets or (ABLATION_SETS if options.ablation else SETS)
    ]
    for minutes, seed, recipe, name in sorted(wanted, key=lambda one: one[:2]):
        yield {
            "set": name,
            "recipe": recipe,
            "minutes": float(minutes),
            "seed": seed,
            "commit": commit_of(_sources(recipe)),
        }


def _sources(recipe: str) -> list[str]:
    """Everything whose change makes an older line one of something else."""
    chosen = RECIPES[recipe]
    module = chosen.module.replace(".", "/") + ".py"
    here = "benchmarks/accuracy"
    return [
        *chosen.sources,
        module,
        f"{here}/child.py",
        f"{here}/scoring.py",
        f"{here}/sets.py",
        f"{here}/task.py",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, help="all unless given")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, help="all but the ablation")
    parser.add_argument("--ablation", action="store_true", help="one thing changed each, on two sets")
    parser.add_argument("--minutes", nargs="+", type=float, help="budgets, instead of each recipe's own")
    parser.add_argument("--seed", nargs="+", type=int, default=[0])
    parser.add_argument("--any-commit", action="store_true", help="skip what any commit has a line of")
    parser.add_argument("--dry-run", action="store_true", help="only print what would run")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the annotated images")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file the result lines are appended to")
    return parser


if __name__ == "__main__":
    sys.exit(main())

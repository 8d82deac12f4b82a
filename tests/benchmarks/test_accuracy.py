from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy.lines import append_line, is_done, read_lines
from benchmarks.accuracy.recipes import RECIPES, VARIANTS
from benchmarks.accuracy.sets import BenchmarkSet, image_files
from benchmarks.accuracy.task import Task
from skimage.io import imsave


class Runner:
    """Instead of a process: predicts nothing but background, and notes what it was asked."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.fails = False

    def __call__(self, task: Task) -> dict[str, object]:
        self.tasks.append(task)
        if self.fails:
            raise subprocess.CalledProcessError(1, ["child"])
        for path in image_files(Path(task.test_images)):
            imsave(Path(task.output) / path.name, np.zeros((96, 112), np.uint8), check_contrast=False)
        return {"training_seconds": 1.0, "prediction_seconds": 0.5, "facts": {}}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    runner = Runner()
    monkeypatch.setattr(accuracy, "run_task", runner)
    monkeypatch.setattr(accuracy, "commit_of", lambda paths: "abc")
    return runner


def command(data: Path, *more: str) -> list[str]:
    return ["--sets", "toy", "--data", str(data), "--results", str(data / "results.jsonl"), *more]


@pytest.mark.usefixtures("toy")
def test_what_has_a_line_is_not_measured_again(
    runner: Runner, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert accuracy.main(command(data, "--recipes", "otsu", "ours", "--minutes", "0.5", "0.1")) == 0
    asked = [(task.recipe, task.minutes) for task in runner.tasks]
    assert asked == [("otsu", 0.1), ("ours", 0.1), ("otsu", 0.5), ("ours", 0.5)]
    accuracy.main(command(data, "--recipes", "otsu", "ours", "--minutes", "0.5", "0.1"))
    assert len(runner.tasks) == 4
    accuracy.main(command(data, "--recipes", "otsu", "--minutes", "0.5", "--seed", "0", "1"))
    assert [task.seed for task in runner.tasks[4:]] == [1]
    monkeypatch.setattr(accuracy, "commit_of", lambda paths: "def")
    accuracy.main(command(data, "--recipes", "otsu", "--minutes", "0.5", "--any-commit"))
    assert len(runner.tasks) == 5
    accuracy.main(command(data, "--recipes", "otsu", "--minutes", "0.5"))
    assert len(runner.tasks) == 6


@pytest.mark.usefixtures("toy")
def test_a_failure_leaves_no_line_and_is_tried_again(runner: Runner, data: Path) -> None:
    runner.fails = True
    assert accuracy.main(command(data, "--recipes", "otsu")) == 1
    assert read_lines(data / "results.jsonl") == []
    runner.fails = False
    assert accuracy.main(command(data, "--recipes", "otsu")) == 0
    (line,) = read_lines(data / "results.jsonl")
    wanted = {"set": "toy", "recipe": "otsu", "minutes": 5.0, "seed": 0, "commit": "abc"}
    assert {name: line[name] for name in wanted} == wanted
    assert line["scores"]["dice"]["disc"] == 0
    assert line["machine"]["cores"] >= 1


@pytest.mark.usefixtures("toy")
def test_dry_run_measures_nothing(runner: Runner, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(command(data, "--ablation", "--dry-run")) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[3].rstrip(",") for line in printed] == list(VARIANTS)
    assert runner.tasks == []
    assert not (data / "results.jsonl").exists()


@pytest.mark.usefixtures("toy")
def test_a_line_names_neither_this_computer_nor_its_folders(runner: Runner, data: Path) -> None:
    accuracy.main(command(data, "--recipes", "otsu"))
    text = (data / "results.jsonl").read_text()
    assert str(data) not in text
    assert "/" not in json.dumps(json.loads(text)["machine"])


@pytest.mark.usefixtures("toy")
def test_a_recipe_is_not_told_where_the_test_labels_are(runner: Runner, data: Path) -> None:
    accuracy.main(command(data, "--recipes", "otsu"))
    (task,) = runner.tasks
    assert str(data / "toy_folder" / "test" / "labels") not in vars(task).values()


def test_a_line_that_was_cut_off_by_nothing_is_read_back(tmp_path: Path) -> None:
    line = {"set": "toy", "recipe": "ours", "minutes": 1.0, "seed": 0, "commit": "abc"}
    append_line(tmp_path / "new" / "lines.jsonl", line)
    append_line(tmp_path / "new" / "lines.jsonl", line | {"seed": 1})
    lines = read_lines(tmp_path / "new" / "lines.jsonl")
    assert is_done(lines, line | {"seed": 1})
    assert is_done(lines, line | {"commit": "def"}, any_commit=True)
    for other in ({"minutes": 2.0}, {"commit": "def"}, {"learning_rate": 0.1}):
        assert not is_done(lines, line | other)


@pytest.mark.parametrize(
    "recipe", ["otsu", "forest", "ours", "pytorch_unet", "monai_basicunet", "monai_unet", "no_skips"]
)
def test_every_recipe_in_its_own_process(recipe: str, toy: BenchmarkSet, data: Path) -> None:
    for package in RECIPES[recipe].packages:
        pytest.importorskip({"scikit-image": "skimage", "scikit-learn": "sklearn"}.get(package, package))
    wanted = {"set": "toy", "recipe": recipe, "minutes": 1 / 60, "seed": 0, "commit": "abc"}
    line = accuracy.measure(wanted, toy, data)
    assert line["training_seconds"] > 0
    assert line["prediction_seconds"] > 0
    assert set(line["scores"]["per_image"]) == {"0", "1"}
    if recipe in ("otsu", "forest"):  # the others have no time to learn
        assert line["scores"]["dice"]["disc"] > 0.95
    else:
        assert line["facts"]["steps"] >= 1
        assert line["facts"]["parameters"] > 1e5

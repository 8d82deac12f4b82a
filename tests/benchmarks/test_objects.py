from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmarks.accuracy.lines import read_lines

from benchmarks import objects

RIVAL = """#!{python}
import json, sys
from pathlib import Path
from skimage.io import imread, imsave

module, request = sys.argv[2:4]
assert module == "benchmarks.stardist_2d"
task = json.loads(Path(request).read_text())
assert len(task["images"]) == len(task["labels"]) == 3
for test in map(Path, task["tests"]):
    (labels,) = (test.parents[1] / "labels").glob(test.stem + ".*")
    imsave(Path(task["output"]) / (test.stem + ".tif"), imread(labels).astype("int32"), check_contrast=False)
(Path(task["output"]) / "facts.json").write_text('{{"steps": 7}}')
"""


@pytest.fixture
def toy_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(objects.SETS, "toy", objects.ObjectSet("toy_folder", 1, {"f1_50": 0.9}))


@pytest.mark.skipif(sys.platform == "win32", reason="runs a script by its first line")
def test_a_rival_in_its_own_environment_is_scored_once(toy_objects: None, data: Path, tmp_path: Path) -> None:
    python, results = tmp_path / "python", tmp_path / "results.jsonl"
    python.write_text(RIVAL.format(python=sys.executable))
    python.chmod(0o755)
    command = ["--sets", "toy", "--recipes", "stardist", "--stardist-python", str(python)]
    for _ in range(2):
        assert objects.main([*command, "--data", str(data), "--results", str(results)]) == 0
    (line,) = read_lines(results)
    assert line["facts"] == {"steps": 7}
    assert line["minutes"] == 1
    assert line["scores"]["f1_50"] == line["scores"]["ap_50_95"] == 1
    assert line["scores"]["labelled"] == line["scores"]["predicted"] > 0


def test_the_rival_needs_its_environment(toy_objects: None, data: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--stardist-python"):
        objects.main(
            ["--sets", "toy", "--recipes", "stardist", "--data", str(data), "--results", str(tmp_path / "r")]
        )


def test_whole_images_are_held_out_where_there_is_no_test_folder(data: Path) -> None:
    some = objects.ObjectSet("toy_folder", 1, {}, held_out=(1,))
    train, test = some.parts(data)
    every, _ = objects.ObjectSet("toy_folder", 1, {}).parts(data)
    assert test == [every[1]]
    assert train == [every[0], every[2]]

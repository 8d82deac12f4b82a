"""napari-unet evaluate on objects."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from napari_unet.cli.app import run
from napari_unet.images import write_labels


def test_objects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = np.kron(np.array([[1, 0, 1], [0, 0, 0], [1, 0, 0]], np.uint8), np.ones((5, 5), np.uint8))
    write_labels(tmp_path / "labels" / "a.png", truth)
    write_labels(tmp_path / "predictions" / "a.png", np.where(np.arange(15) < 8, truth, 0))
    line = [
        "evaluate", "--predictions", str(tmp_path / "predictions"), "--labels", str(tmp_path / "labels"),
        "--labels-are", "masks",
    ]  # fmt: skip
    details = tmp_path / "objects.csv"
    assert run([*line, "--objects-csv", str(details)]) == 1
    assert "--components" in capsys.readouterr().err
    assert not details.exists()
    scores = tmp_path / "scores.json"
    assert (
        run([*line, "--components", "--no-volume", "--objects-csv", str(details), "--json", str(scores)]) == 0
    )
    assert "F1 50" in capsys.readouterr().out
    objects = json.loads(scores.read_text())["objects"]
    assert objects["f1_50"] == pytest.approx(4 / 5)
    assert objects["n_labelled"] == 3
    with details.open(encoding="utf-8") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["missed", "matched", "matched"]

"""``napari-unet find-rate`` at toy size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unet.cli.app import FAILED, MISUSED, run
from napari_unet.cli.find_rate import curve_text
from napari_unet.events import RateFound
from napari_unet.images import write_labels

TOY = (
    "--width=4", "--depth=2", "--patch-size=32", "--batch-size=2",
    "--device=cpu", "--threads=1", "--precision=fp32",
)  # fmt: skip


@pytest.fixture
def line(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 72), np.uint8)
    for y, x in rng.integers(0, 50, (6, 2)):
        mask[y : y + 12, x : x + 12] = 1
    write_labels(
        tmp_path / "images" / "a.png", (40 + 120 * mask + rng.normal(0, 10, mask.shape)).astype(np.uint8)
    )
    write_labels(tmp_path / "labels" / "a.tif", mask)
    folders = ["--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels")]
    return ["find-rate", *folders, "--labels-are", "masks", *TOY]


def test_it_prints_a_curve_and_a_suggestion_and_writes_json(
    line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.rglob("*"))
    assert run([*line, "--tries", "40", "--json", str(tmp_path / "rate.json")]) == 0
    told = capsys.readouterr()
    content = json.loads((tmp_path / "rate.json").read_text())
    assert f"Suggested learning rate: {content['suggestion']:.1e}" in told.out
    assert f"--learning-rate {content['suggestion']:g}" in told.out
    assert "1.0e-06" in told.out
    assert len(content["learning_rates"]) == len(content["losses"]) == len(content["smoothed"]) <= 40
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "rate.json"}


def test_options_from_a_file(line: list[str], tmp_path: Path) -> None:
    (tmp_path / "options.toml").write_text("[find-rate]\ntries = 12\n[train]\nminutes = 2\n")
    options = ["--config", str(tmp_path / "options.toml"), "--json", str(tmp_path / "rate.json")]
    run([*line, *options])
    assert len(json.loads((tmp_path / "rate.json").read_text())["losses"]) <= 12


def test_errors_are_sentences(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*line, "--tries", "3"]) == FAILED
    assert "at least 10" in capsys.readouterr().err
    assert run([*line, "--recipe", "classic"]) == FAILED
    assert "of its own" in capsys.readouterr().err
    assert run([*line, "--output", "model.safetensors"]) == MISUSED


def test_no_suggestion_is_no_success(
    line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = RateFound(None, "None stands out.", *np.ones((3, 2)), diverged=False)
    monkeypatch.setattr("napari_unet.api.find_learning_rate", lambda *_, **__: nothing)
    assert run(line) == FAILED
    assert "None stands out." in capsys.readouterr().err


def test_the_curve_in_words() -> None:
    rates = np.geomspace(1e-6, 1, 61)
    losses = np.linspace(1, 0.5, 61)
    text = curve_text(RateFound(None, "", rates, losses, losses, False)).splitlines()
    assert len(text) == 1 + 13
    assert text[1].split()[:2] == ["1.0e-06", "1.000"]
    assert text[-1].split()[1] == "0.500"
    assert len(text[-1].split()[2]) * 2 == len(text[1].split()[2])
    empty = np.zeros(0)
    assert curve_text(RateFound(None, "", empty, empty, empty, False)) == "Nothing was tried."

"""The commands from end to end, at toy size."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_unet import load_model
from napari_unet.cli.app import INTERRUPTED, run
from napari_unet.events import DeviceReport
from napari_unet.images import read_labels, write_labels

TOY = (
    "--width=4", "--depth=2", "--patch-size=32", "--batch-size=2",
    "--device=cpu", "--threads=1", "--precision=fp32",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``images`` and ``labels`` of squares, the first image without labels, the last labels without image."""
    rng = np.random.default_rng(0)
    for name in "abcde":
        mask = np.zeros((64, 72), np.uint8)
        for y, x in rng.integers(0, 50, (6, 2)):
            mask[y : y + 12, x : x + 12] = 1
        image = (40 + 120 * mask + rng.normal(0, 10, mask.shape)).astype(np.uint8)
        if name != "e":
            write_labels(tmp_path / "images" / f"{name}.png", image)
        if name != "a":
            write_labels(tmp_path / "labels" / f"{name}.tif", mask)
    return tmp_path


def training(folder: Path, *options: str) -> list[str]:
    """Command line of a toy training."""
    return [
        "train", "--images", str(folder / "images"), "--labels", str(folder / "labels"),
        "--output", str(folder / "m.safetensors"), *TOY, *options,
    ]  # fmt: skip


def test_train_predict_evaluate_info(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(training(folder, "--steps", "120", "--seed", "3", "--labels-are", "masks")) == 0
    told = capsys.readouterr()
    assert "3 images are paired" in told.out
    assert "a.png" in told.out
    assert "e.tif" in told.out
    assert "Saved" in told.out
    assert "Training on CPU" in told.err
    assert "\r" not in told.err
    record = load_model(folder / "m.safetensors").record
    assert record.training is not None
    assert (record.training.seed, record.training.steps) == (3, 120)

    images, predictions = str(folder / "images"), str(folder / "predictions")
    assert run(["predict", str(folder / "m.safetensors"), "--images", images, "--output", predictions]) == 0
    assert "Wrote 4 label images" in capsys.readouterr().out
    assert set(np.unique(read_labels(folder / "predictions" / "b.png")[...])) <= {0, 1}

    scores, table = folder / "scores.json", folder / "scores.csv"
    line = [
        "evaluate",
        "--predictions",
        predictions,
        "--labels",
        str(folder / "labels"),
        "--labels-are",
        "masks",
    ]
    assert run([*line, "--json", str(scores)]) == 1
    assert json.loads(scores.read_text())["missing_predictions"] == ["e.tif"]
    assert "No prediction belongs to e.tif" in capsys.readouterr().err
    (folder / "labels" / "e.tif").unlink()
    assert run([*line, "--json", str(scores), "--csv", str(table)]) == 0
    content = json.loads(scores.read_text())
    assert set(content["classes"]) == {"0", "1"}
    assert content["foreground"]["dice"] > 0.5
    assert set(content["per_image"]) == {"b", "c", "d"}
    assert table.read_text().startswith("image,")
    assert "foreground" in capsys.readouterr().out

    line = [
        "info",
        str(folder / "m.safetensors"),
        "--trace",
        str(folder / "images" / "b.png"),
        "--pixel",
        "10,20",
    ]
    assert run(line) == 0
    shown = capsys.readouterr().out
    assert "width 4, depth 2" in shown
    assert "down2" in shown
    assert "(10, 20)" in shown
    assert "probabilities" in shown


def test_fine_tuning_from_the_command_line(folder: Path) -> None:
    assert run(training(folder, "--steps", "2", "--labels-are", "masks")) == 0
    line = training(folder, "--steps", "1", "--labels-are", "masks", "--from", str(folder / "m.safetensors"))
    line[line.index("--output") + 1] = str(folder / "tuned.safetensors")
    assert run(line) == 0
    assert len(load_model(folder / "tuned.safetensors").record.parents) == 1


def test_the_same_seed_and_steps_give_the_same_file(folder: Path) -> None:
    weights = []
    for _ in range(2):
        assert run(training(folder, "--steps", "3", "--seed", "5", "--labels-are", "masks")) == 0
        weights.append(load_model(folder / "m.safetensors").network.state_dict())
    assert all(bool((weights[0][name] == weights[1][name]).all()) for name in weights[0])


@pytest.mark.parametrize(("word", "parameters"), [("paper", "31,030,658"), ("padded", "31,042,434")])
def test_named_configurations_are_counted(
    word: str, parameters: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["info", word]) == 0
    assert parameters in capsys.readouterr().out


def test_a_named_device_that_does_not_work_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    none = DeviceReport("cpu", "CPU, 1 thread", "no_gpu", "There is no GPU for 'cuda'.")
    monkeypatch.setattr("napari_unet.device.probe", lambda wanted: none)
    assert run(["device", "cuda"]) == 1
    assert "cannot be used here. There is no GPU for 'cuda'." in capsys.readouterr().err


def test_the_device_is_probed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["device", "cpu"]) == 0
    assert capsys.readouterr().out.startswith("cpu: ")


def test_an_unused_gpu_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = DeviceReport("cpu", "CPU, 2 threads", "gpu_full", "Other programs hold 23 of 24 GB.")
    monkeypatch.setattr("napari_unet.device.probe", lambda wanted: full)
    assert run(training(folder, "--steps", "1", "--labels-are", "masks")) == 0
    assert "although there is a GPU. Other programs hold 23 of 24 GB." in capsys.readouterr().err


def test_an_unclear_kind_names_the_flag(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unclear = np.zeros((64, 72), np.uint8)
    unclear[5:15, 5:15], unclear[30:40, 30:40] = 1, 2
    for path in (folder / "labels").iterdir():
        write_labels(path, unclear)
    assert run(training(folder, "--steps", "1")) == 1
    error = capsys.readouterr().err
    assert "--labels-are scribbles, masks or objects" in error
    assert not (folder / "m.safetensors").exists()


def test_swapped_folders_are_noticed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = training(folder, "--steps", "1", "--labels-are", "masks")
    line[2], line[4] = line[4], line[2]
    assert run(line) == 1
    assert "wrong way round" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        ["predict", "absent.safetensors", "--images", "images", "--output", "out"],
        ["predict", "broken.safetensors", "--images", "images", "--output", "out"],
        ["evaluate", "--predictions", "absent", "--labels", "labels"],
        ["train", "--images", "absent", "--labels", "labels", "--output", "m"],
        ["info", "broken.safetensors"],
        ["info", "paper", "--pixel", "1,2"],
        ["info", "paper", "--trace", "images/b.png", "--pixel", "nine"],
        ["info", "paper", "--trace", "images/b.png", "--pixel", "900,2"],
        ["demo", "--minutes", "0", "--no-viewer"],
    ],
)
def test_what_cannot_be_done_fails_in_one_sentence(
    folder: Path, line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    assert run(line) == 1
    told = capsys.readouterr()
    assert told.err.startswith("Error: ")
    assert "Traceback" not in told.err
    assert not (folder / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_saves_the_best_weights_and_is_no_success(folder: Path) -> None:
    line = [sys.executable, "-m", "napari_unet", *training(folder, "--minutes", "5", "--labels-are", "masks")]
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        deadline = time.monotonic() + 60
        while not (folder / "m.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "Stopping" in told
    assert "Traceback" not in told
    assert load_model(folder / "m.safetensors").record.annotation.values == (0, 1)


def test_the_program_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "napari_unet", "--version"],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    assert result.returncode == 0
    assert result.stdout.strip()


def test_a_real_folder(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = shared_data / "axondeepseg_myelin_sem"
    model, out = str(tmp_path / "m.safetensors"), str(tmp_path / "out")
    line = [
        "train",
        "--images",
        str(real / "train/images"),
        "--labels",
        str(real / "train/labels"),
        "--output",
        model,
    ]
    assert run([*line, "--labels-are", "masks", "--steps", "3", *TOY]) == 0
    assert run(["predict", model, "--images", str(real / "test/images"), "--output", out]) == 0
    capsys.readouterr()
    line = [
        "evaluate",
        "--predictions",
        out,
        "--labels",
        str(real / "test/labels"),
        "--json",
        str(tmp_path / "s.json"),
    ]
    assert run([*line, "--labels-are", "masks"]) == 0
    assert set(json.loads((tmp_path / "s.json").read_text())["classes"]) == {"0", "1", "2"}

"""The command line's tables of objects."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_unet.cli.app import run
from napari_unet.images import write_labels

LABELS = np.zeros((2, 6, 8), np.uint8)
LABELS[:, 1:3, 1:4], LABELS[1, 4:, 6:] = 1, 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, labels in (("b", LABELS), ("a10", LABELS[0]), ("a9", np.zeros((3, 3), np.uint8))):
        write_labels(tmp_path / f"labels/{name}.tif", labels)
        write_labels(tmp_path / f"images/{name}.tif", labels + 1)
    return tmp_path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_one_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "objects.csv"
    assert (
        run(["measure", str(folder / "labels"), "--image", str(folder / "images"), "--output", str(out)]) == 0
    )
    told = capsys.readouterr()
    assert told.out == f"3 rows in {out}\n"
    assert "a9.tif: 0 rows" in told.err
    lines = table(out)
    assert [(line["image"], line["label"]) for line in lines] == [
        ("a10.tif", "1"),
        ("b.tif", "1"),
        ("b.tif", "5"),
    ]
    assert [line["pixels"] for line in lines] == ["6", "", ""]
    assert [line["voxels"] for line in lines] == ["", "12", "4"]
    assert [line["mean_intensity"] for line in lines] == ["2", "2", "6"]


def test_sizes_frames_and_slices(folder: Path) -> None:
    out, labels = folder / "objects.csv", str(folder / "labels/b.tif")
    size = ["--scale", "0.5", "0.5", "--unit", "µm"]
    assert run(["measure", labels, "--output", str(out), "--axes", "TYX", *size]) == 0
    assert [(line["frame"], line["area"], line["unit"]) for line in table(out)] == [
        ("0", "1.5", "µm"), ("1", "1.5", "µm"), ("1", "1", "µm")
    ]  # fmt: skip
    assert run(["measure", labels, "--output", str(out), "--no-volume"]) == 0
    assert [line["slice"] for line in table(out)] == ["0", "1", "1"]


def test_folders_of_channels(folder: Path) -> None:
    for name, factor in (("DAPI", 2), ("GFP", 3)):
        write_labels(folder / f"{name}/b.tif", LABELS * factor)
    out = str(folder / "objects.csv")
    line = ["measure", str(folder / "labels/b.tif"), "--output", out]
    dapi, gfp = str(folder / "DAPI"), str(folder / "GFP")
    for images in (["--image", dapi, gfp], ["--image", dapi, "--image", gfp]):
        assert run([*line, *images]) == 0
        assert [(row["mean_DAPI"], row["mean_GFP"]) for row in table(Path(out))] == [("2", "3"), ("10", "15")]


def test_pieces_of_masks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_labels(folder / "mask.tif", (LABELS[1] > 0).astype(np.uint8))
    line = ["measure", str(folder / "mask.tif"), "--output", str(folder / "objects.csv")]
    assert run(line) == 0
    assert "Warning: mask.tif: The labels look like masks" in capsys.readouterr().err
    assert len(table(folder / "objects.csv")) == 1
    assert run([*line, "--components"]) == 0
    assert "Warning" not in capsys.readouterr().err
    assert [row["pixels"] for row in table(folder / "objects.csv")] == ["6", "4"]


@pytest.mark.parametrize(
    "line",
    [
        ["absent", "--output", "o.csv"],
        ["labels", "--image", "images/b.tif", "--output", "o.csv"],
        ["labels", "--scale", "0", "1", "--output", "o.csv"],
        ["labels/b.tif", "--image", "images", "--channels", "a", "b", "--output", "o.csv"],
        ["labels", "--image", "images", "images", "--output", "o.csv"],
    ],
)
def test_what_cannot_be_done_fails_in_one_sentence(
    folder: Path, line: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(["measure", *line]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: ")
    assert not (folder / "o.csv").exists()


def test_real_nuclei(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "stardist_sample_nuclei2d" / "train"
    line = [
        "measure",
        str(folder / "labels"),
        "--image",
        str(folder / "images"),
        "--output",
        str(tmp_path / "o.csv"),
    ]
    assert run(line) == 0
    found = table(tmp_path / "o.csv")
    assert len(found) == 89
    assert all(float(row["mean_intensity"]) > 0 for row in found)

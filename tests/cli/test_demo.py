"""The demo: its parts, and the whole of it with a toy network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from napari_unet import api, calculate_metrics, load_model
from napari_unet.cli import demo
from napari_unet.cli.app import run
from napari_unet.images import read_image, read_labels
from napari_unet.samples import sample


def test_the_whole_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = api.train

    def train_a_toy(*arguments: Any, minutes: float, **options: Any) -> Any:
        assert minutes == 2.0
        return train(*arguments, **options, steps=2, width=4, depth=2, patch_size=64, device="cpu")

    monkeypatch.setattr(api, "train", train_a_toy)
    output = tmp_path / "out"
    assert run(["demo", "--output", str(output), "--no-viewer"]) == 0
    told = capsys.readouterr().out
    assert "U-Net" in told
    assert "Otsu's threshold" in told
    assert {path.name for path in output.iterdir()} == {
        "image.png", "labels.png", "overlay.png", "prediction.png", "vessels.safetensors",
        "vessels.examples.safetensors",
    }  # fmt: skip
    assert [c.name for c in load_model(output / "vessels.safetensors").record.annotation.classes][
        1
    ] == "vessel"
    held_out, _ = sample("vessels_held_out").pairs()[0]
    assert held_out.stem not in {path.stem for path, _ in sample("vessels").pairs()}
    assert read_labels(output / "prediction.png").shape == read_image(held_out).label_shape


def test_otsu_is_what_the_plain_threshold_reaches() -> None:
    image_path, labels_path = sample("vessels_held_out").pairs()[0]
    image = np.asarray(read_image(image_path).channels[0][...])
    score = calculate_metrics(image > demo.otsu_threshold(image), np.asarray(read_labels(labels_path)[...]))
    assert 0.1 < score["dice"] < 0.25


def test_the_overlay_tells_right_missed_and_wrong_apart(tmp_path: Path) -> None:
    found, truth = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    demo.write_overlay(tmp_path / "o.png", np.full((1, 4), 90, np.uint8), found, truth)
    pixels = imagecodecs.png_decode((tmp_path / "o.png").read_bytes())
    assert pixels.shape == (1, 4, 3)
    right, wrong, missed, rest = pixels[0].astype(int)
    assert right[2] > right[0]
    assert wrong[0] > wrong[2]
    assert wrong[1] > missed[1]
    assert missed[0] > missed[2]
    assert rest[0] == rest[1] == rest[2]


@pytest.mark.skipif(sys.platform != "linux", reason="there is always a display")
def test_without_a_display_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert demo.open_viewer(tmp_path) == "There is no display, so napari is not opened."


def test_a_viewer_that_cannot_open_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    # An empty folder: the viewer's process ends with an error before any window.
    assert str(tmp_path / "napari.log") in demo.open_viewer(tmp_path)
    assert "vessels.safetensors" in (tmp_path / "napari.log").read_text()

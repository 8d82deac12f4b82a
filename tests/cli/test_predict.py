"""napari-unet predict: how objects are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_unet.cli.app import run
from napari_unet.settings import ObjectChoice, PredictSettings

LINE = ["predict", "cells.safetensors", "--images", "images", "--output", "predictions", "--device", "cpu"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[PredictSettings]:
    """The settings of each prediction, none of which is made."""
    settings: list[PredictSettings] = []

    def note(*_: Any, **keywords: Any) -> list[Path]:
        settings.append(keywords["settings"])
        return []

    monkeypatch.setattr("napari_unet.api.predict_files", note)
    return settings


def test_how_slices_are_linked_is_said_by_options(asked: list[PredictSettings]) -> None:
    options = [
        "--objects.least-slices",
        "1",
        "--objects.slice-overlap=0.4",
        "--objects.slices-bridged",
        "auto",
    ]
    assert run([*LINE, *options]) == 0
    assert asked[0].objects == ObjectChoice(least_slices=1, slice_overlap=0.4)
    assert asked[0].link_slices
    assert run([*LINE, "--no-link-slices"]) == 0
    assert asked[1].objects == ObjectChoice()
    assert not asked[1].link_slices


def test_how_slices_are_linked_is_said_in_a_file(tmp_path: Path, asked: list[PredictSettings]) -> None:
    file = tmp_path / "options.toml"
    file.write_text("[predict.objects]\nleast_slices = 1\n")
    assert run([*LINE, "--config", str(file)]) == 0
    assert asked[0].objects == ObjectChoice(least_slices=1)


def test_options_that_make_no_sense(asked: list[PredictSettings], capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--objects.least-slices=0", "--objects.slice-overlap=0", "--objects.slices-bridged=-1"):
        assert run([*LINE, option]) == 2
        assert option.split("=")[0].removeprefix("--") in capsys.readouterr().err.replace("_", "-")
    assert not asked

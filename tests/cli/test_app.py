"""The program: exit statuses, messages, options from models and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_unet.cli import app, main, train
from napari_unet.cli.options import COMMANDS
from napari_unet.errors import InputError, UNetError
from napari_unet.settings import AugmentationSettings, TrainSettings


def settings_of(*options: str) -> TrainSettings:
    """Settings that a command line stands for."""
    line = ["train", "--images", "a", "b", "--labels", "c", "--output", "m", *options]
    command, bound, _ = app.build_app().parse_args(line)
    assert command is train.train
    assert bound.arguments["images"] == [Path("a"), Path("b")]
    settings = bound.arguments.get("settings", TrainSettings())
    assert isinstance(settings, TrainSettings)
    return settings


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([command, "--help"]) == 0
    assert "Usage: napari-unet " + command in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(command in listed for command in COMMANDS)


def test_every_setting_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    app.run(["train", "--help"])
    listed = capsys.readouterr().out
    for name in TrainSettings.model_fields:
        assert f"--{name}".replace("_", "-") in listed
    for name in AugmentationSettings.model_fields:
        assert f"--augmentation.{name}" in listed


def test_defaults_are_those_of_the_settings() -> None:
    assert settings_of() == TrainSettings()


def test_nested_options_and_words_for_none() -> None:
    settings = settings_of(
        "--augmentation.elastic", "1.5", "--augmentation.no-flips", "--norm", "none", "--width", "auto"
    )
    assert settings.augmentation.elastic == 1.5
    assert not settings.augmentation.flips
    assert settings.norm is None
    assert settings.width is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flat.toml", 'minutes = 2\nlabels_are = "masks"\n[augmentation]\nelastic = 1.5\n'),
        ("flat.json", json.dumps({"minutes": 2, "labels-are": "masks", "augmentation": {"elastic": 1.5}})),
        (
            "tables.toml",
            "[predict]\ntile_size = 64\n"
            '[train]\nminutes = 2\nlabels_are = "masks"\n[train.augmentation]\nelastic = 1.5\n',
        ),
    ],
)
def test_options_come_from_a_file_and_flags_win(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    settings = settings_of("--config", str(path))
    assert (settings.minutes, settings.labels_are, settings.augmentation.elastic) == (2, "masks", 1.5)
    assert settings.augmentation.contrast == AugmentationSettings().contrast
    settings = settings_of("--config", str(path), "--minutes", "7", "--augmentation.elastic", "3")
    assert (settings.minutes, settings.labels_are, settings.augmentation.elastic) == (7, "masks", 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "-3"], "--minutes: Input should be greater than 0 (it is -3)"),
        (["--augmentation.elastic", "99"], "--augmentation.elastic: Input should be less than"),
        (["--labels-are", "cells"], "'scribbles', 'masks' or 'objects'"),
        (["--stepz", "3"], "--stepz"),
        (["--minutes", "auto"], "give the length of the training"),
    ],
)
def test_nonsense_is_explained_in_one_line(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = app.run(["train", "--images", "a", "--labels", "b", "--output", "m", *options])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith("Error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.toml", None, "cannot be read"),
        ("broken.toml", "minutes =", "is not TOML"),
        ("broken.json", "{", "is not JSON"),
        ("list.json", "[1]", "holds no options"),
        ("unknown.toml", "minuets = 2", "minuets"),
        ("bounds.toml", "minutes = -1", "--minutes: Input should be greater than 0"),
    ],
)
def test_a_bad_file_of_options_is_explained(
    tmp_path: Path, name: str, text: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    line = ["train", "--images", "a", "--labels", "b", "--output", "m", "--config", str(path)]
    assert app.run(line) != 0
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert message in error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("It is blue.", "Make it red."), 1, "Error: It is blue. Make it red.\n"),
        (ZeroDivisionError("oh"), 1, "Error: ZeroDivisionError: oh"),
        (KeyboardInterrupt(), 130, "Stopped."),
    ],
)
def test_errors_end_with_a_sentence_and_a_status(
    error: BaseException,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("napari_unet.api.open_network", fail)
    assert app.run(["info", "m"]) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    app.run(["info", "m", "--debug"])
    if status == 1:
        assert "Traceback" in capsys.readouterr().err


def test_an_unforeseen_failure_points_to_its_details(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = UNetError("Something went wrong that should not have.", "Please report it, with the details.")
    error.add_note("line 7 of fit")

    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr("napari_unet.api.open_network", fail)
    assert app.run(["info", "m"]) == 1
    assert "--debug" in capsys.readouterr().err
    app.run(["info", "m", "--debug"])
    assert "line 7 of fit" in capsys.readouterr().err


def test_main_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["napari-unet", "info", "nothing.safetensors"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1

"""Options that every command has, and options from a file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import App, Parameter
from cyclopts.argument import ArgumentCollection
from cyclopts.config import Dict

from napari_unet.errors import InputError

COMMANDS = {
    "train": "Train a U-Net on images and their labels.",
    "find-rate": "Find a learning rate for a training.",
    "predict": "Segment images with a saved model.",
    "evaluate": "Score predictions against labels: Dice, IoU, and matches of objects.",
    "measure": "Measure objects: size, place, shape and intensity of each, as a table.",
    "info": "Show a saved model: blocks, parameters, classes, scores; follow one pixel.",
    "demo": "Train on vessel images that come with the program, and show how well it went.",
    "device": "Say where training and prediction would run.",
}
"""What the program can do."""

PathList = Annotated[list[Path], Parameter(consume_multiple=True, negative=())]
"""A folder, a file, or several: ``--images a.tif b.tif``."""


@Parameter(name="*")
@dataclass(frozen=True)
class ProgramOptions:
    """How the program behaves, whatever it does."""

    config: Annotated[Path | None, Parameter(name="--config")] = None
    """TOML or JSON file with options, at its top level or in a table named after the command; flags win."""
    debug: Annotated[bool, Parameter(name="--debug", negative=())] = False
    """On an error show where in the program it happened."""


def complete_options(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fill what the command line left open from the file of ``--config``; understand ``auto`` and ``none``.

    Raises
    ------
    InputError
        If the file cannot be read.
    cyclopts.CycloptsError
        If it holds an option that the command does not have.
    """
    path = next((a.tokens[-1].value for a in arguments if a.name == "--config" and a.tokens), None)
    if path is not None and commands:
        options = _read(Path(path))
        if any(isinstance(options.get(verb), dict) for verb in COMMANDS):
            options = options.get(commands[-1], {})  # the file serves several commands, by a table each
        Dict(options, use_commands_as_keys=False, source=str(path))(app, commands, arguments)
    for argument in arguments:
        if type(None) in get_args(argument.hint):
            for index, token in enumerate(argument.tokens):
                if token.value in ("auto", "none"):
                    argument.tokens[index] = token.evolve(implicit_value=None)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        options = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"The file of options {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise InputError(f"The file of options {path} is not {kind}: {error}.") from error
    if not isinstance(options, dict):
        raise InputError(f"The file of options {path} holds no options.", "Write for example: minutes = 2")
    return options

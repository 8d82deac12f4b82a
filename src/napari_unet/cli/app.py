"""The program itself: which commands there are, and how an error ends it."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from cyclopts import App
from cyclopts.exceptions import CycloptsError
from pydantic import ValidationError

from napari_unet.cli.options import COMMANDS, complete_options
from napari_unet.device.hardware import short_waits
from napari_unet.errors import AmbiguousAnnotationError, UNetError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT
"""Exit statuses: success, an error, options that make no sense, Ctrl+C."""


def _version() -> str:
    try:
        return version("napari-unet-live")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def build_app() -> App:
    """Return the command-line parser; commands are imported when they are used."""
    app = App(
        name="napari-unet",
        help="Teach a U-Net to segment your images, and use it on any number of them.",
        version=_version,
        config=complete_options,
        help_format="plaintext",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for position, (verb, purpose) in enumerate(COMMANDS.items()):
        function = verb.replace("-", "_")
        app.command(f"napari_unet.cli.{function}:{function}", name=verb, help=purpose, sort_key=position)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str
        What follows the program's name.

    Returns
    -------
    int
        The exit status.
    """
    debug = "--debug" in arguments
    try:
        status = build_app()(list(arguments))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `napari-unet info model | head`
        sys.stderr.close()
        return FAILED
    except CycloptsError as error:
        _say(_usage_problem(error), debug)
        return MISUSED
    except ValidationError as error:
        _say(_settings_problem(error), debug)
        return MISUSED
    except AmbiguousAnnotationError as error:
        _say(f"{error.problem} Say which with --labels-are scribbles, masks or objects.", debug)
        return FAILED
    except UNetError as error:
        unforeseen = type(error) is UNetError and hasattr(error, "__notes__") and not debug
        _say(f"{error} Run again with --debug to see them." if unforeseen else str(error), debug)
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches the user unasked
        _say(f"{type(error).__name__}: {error} Run again with --debug for a report to send us.", debug)
        return FAILED
    return status if isinstance(status, int) else DONE


def main() -> NoReturn:
    """Run the program on the command line's arguments and exit."""
    os.environ.update(short_waits(os.environ))  # torch is not loaded yet
    sys.exit(run(sys.argv[1:]))


def _say(problem: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"Error: {problem}", file=sys.stderr)


def _usage_problem(error: CycloptsError) -> str:
    """One line; the settings' own checks name the option."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return _settings_problem(cause)
    return " ".join(str(error).split())


def _settings_problem(error: ValidationError) -> str:
    sentences = []
    for detail in error.errors():
        option = "--" + ".".join(str(part) for part in detail["loc"]).replace("_", "-")
        message = detail["msg"].removeprefix("Value error, ")
        given = f" (it is {detail['input']})" if detail["loc"] else ""
        sentences.append(f"{option}: {message}{given}." if detail["loc"] else f"{message}.")
    return " ".join(sentences)

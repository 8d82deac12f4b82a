"""``napari-unet find-rate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from napari_unet.cli.device import warn_if_gpu_is_unused
from napari_unet.cli.interrupt import stopping_on_signals
from napari_unet.cli.options import PathList, ProgramOptions
from napari_unet.cli.report import Reporter
from napari_unet.errors import InputError
from napari_unet.events import RateFound
from napari_unet.settings import TrainSettings

_DEFAULTS = TrainSettings()
_PROGRAM = ProgramOptions()
_BAR = 40


def find_rate(
    *,
    images: PathList,
    labels: PathList,
    axes: str | None = None,
    start_from: Annotated[Path | None, Parameter(name="--from")] = None,
    tries: int | None = None,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    settings: Annotated[TrainSettings, Parameter(name="*")] = _DEFAULTS,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Find a learning rate for a training, with a short one of 40 steps; no model is written.

    Parameters
    ----------
    images
        A folder, a file or several files.
    labels
        The label images, likewise; they belong to the images of the same name without its ending.
    axes
        One letter per dimension of the images, for example TCYX, where the files do not tell.
    start_from
        The saved model that would be trained further; it is only read.
    tries
        How many rates are tried, one step each; by default 40. More of them give a smoother curve and a lower
        suggestion.
    json_file
        Also write the suggestion and the curve here.
    settings
        How you would train.
    program
        How the program behaves.
    """
    from napari_unet import api
    from napari_unet.images import check_direction, pair_files, write_atomically

    pairing = pair_files(images, labels)
    print("\n".join(pairing.summary()))
    check_direction(pairing.pairs)
    with Reporter("Search") as report, stopping_on_signals() as stop:
        warn_if_gpu_is_unused(settings.device, report)
        found = api.find_learning_rate(
            [image for image, _ in pairing.pairs],
            [label for _, label in pairing.pairs],
            settings=settings,
            start_from=start_from,
            axes=axes,
            tries=tries,
            progress=report,
            stop=stop,
        )
    print(curve_text(found))
    if json_file is not None:
        content = json.dumps(found.to_dict(), indent=1, allow_nan=False)
        write_atomically(json_file, lambda file: file.write(content.encode()))
    if found.suggestion is None:
        raise InputError(found.reason)
    print(found.reason)
    print(
        f"Suggested learning rate: {found.suggestion:.1e}. Use it with --learning-rate {found.suggestion:g}"
    )


def curve_text(found: RateFound) -> str:
    """The smoothed loss at every half decade of the learning rate, as numbers and bars."""
    if not len(found.losses):
        return "Nothing was tried."
    decades = np.log10(found.learning_rates)
    wanted = np.arange(decades[0], decades[-1] + 0.01, 0.5)
    rows = np.unique(np.abs(decades - wanted[:, None]).argmin(1))
    highest = max(float(found.smoothed.max()), 1e-9)
    lines = ["learning rate   loss"]
    for row in rows:
        loss = float(found.smoothed[row])
        lines.append(f"{found.learning_rates[row]:13.1e} {loss:6.3f} {'█' * round(_BAR * loss / highest)}")
    return "\n".join(lines)

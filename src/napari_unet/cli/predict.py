"""``napari-unet predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_unet.cli.device import warn_if_gpu_is_unused
from napari_unet.cli.interrupt import stopping_on_signals
from napari_unet.cli.options import PathList, ProgramOptions
from napari_unet.cli.report import Reporter
from napari_unet.settings import PredictSettings

_DEFAULTS = PredictSettings()
_PROGRAM = ProgramOptions()


def predict(
    model: Path,
    *,
    images: PathList,
    output: Path,
    axes: str | None = None,
    settings: Annotated[PredictSettings, Parameter(name="*")] = _DEFAULTS,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Segment images with a saved model.

    Parameters
    ----------
    model
        A model file.
    images
        A folder, a file or several files.
    output
        Folder for the label images: of the same name, lossless, with the values of the training labels. Earlier
        predictions are replaced, label images from elsewhere never.
    axes
        One letter per dimension of the images, for example TCYX, where the files do not tell.
    settings
        How to predict.
    program
        How the program behaves.
    """
    from napari_unet import api

    with Reporter("Segmenting") as report, stopping_on_signals() as stop:
        warn_if_gpu_is_unused(settings.device, report)
        written = api.predict_files(
            model, images, output, axes=axes, settings=settings, progress=report, stop=stop
        )
    print(f"Wrote {len(written)} label images to {output}.")

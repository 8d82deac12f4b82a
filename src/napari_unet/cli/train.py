"""``napari-unet train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_unet.cli.device import warn_if_gpu_is_unused
from napari_unet.cli.interrupt import stopping_on_signals
from napari_unet.cli.options import PathList, ProgramOptions
from napari_unet.cli.report import Reporter
from napari_unet.settings import TrainSettings

_DEFAULTS = TrainSettings()
_PROGRAM = ProgramOptions()


def train(
    *,
    images: PathList,
    labels: PathList,
    output: Path,
    axes: str | None = None,
    start_from: Annotated[Path | None, Parameter(name="--from")] = None,
    settings: Annotated[TrainSettings, Parameter(name="*")] = _DEFAULTS,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Train a U-Net on images and their labels.

    Parameters
    ----------
    images
        A folder, a file or several files.
    labels
        The label images, likewise; they belong to the images of the same name without its ending.
    output
        Where the model goes, usually NAME.safetensors.
    axes
        One letter per dimension of the images, for example TCYX, where the files do not tell.
    start_from
        A saved model to train further; other classes get a new output layer.
    settings
        How to train.
    program
        How the program behaves.
    """
    from napari_unet import api
    from napari_unet.images import check_direction, pair_files

    pairing = pair_files(images, labels)
    print("\n".join(pairing.summary()))
    check_direction(pairing.pairs)
    with Reporter("Training") as report, stopping_on_signals() as stop:
        warn_if_gpu_is_unused(settings.device, report)
        model = api.train(
            [image for image, _ in pairing.pairs],
            [label for _, label in pairing.pairs],
            output,
            settings=settings,
            start_from=start_from,
            axes=axes,
            progress=report,
            stop=stop,
        )
    print(f"Saved {output} ({model.record.validation.found}).")

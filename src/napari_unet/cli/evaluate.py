"""``napari-unet evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_unet.cli.options import PathList, ProgramOptions
from napari_unet.errors import InputError
from napari_unet.labels import AnnotationKind

_PROGRAM = ProgramOptions()


def evaluate(
    *,
    predictions: PathList,
    labels: PathList,
    labels_are: AnnotationKind | None = None,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    csv_file: Annotated[Path | None, Parameter(name="--csv")] = None,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Score predictions against labels: Dice and IoU per class, pooled over all pixels of all images.

    Parameters
    ----------
    predictions
        A folder, a file or several files with label images.
    labels
        The truth, likewise; of the same name without its ending.
    labels_are
        masks: every value, 0 included, is a class. scribbles: 0 is ignored. objects: only the foreground
        counts. auto: found from the labels.
    json_file
        Also write the scores here, undefined ones as null.
    csv_file
        Also write them here, also per image and slice.
    program
        How the program behaves.
    """
    from napari_unet import api
    from napari_unet.images import write_atomically

    evaluation = api.evaluate(predictions, labels, labels_are)
    print(evaluation.to_text())
    if json_file is not None:
        write_atomically(json_file, lambda file: file.write(evaluation.to_json().encode()))
    if csv_file is not None:
        write_atomically(csv_file, lambda file: file.write(evaluation.to_csv().encode()))
    if not evaluation.complete:
        missing = ", ".join(evaluation.missing_predictions)
        raise InputError(
            f"No prediction belongs to {missing}.", "Predict them too, or leave their labels out."
        )

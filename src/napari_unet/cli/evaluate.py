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
    objects_csv: Path | None = None,
    components: Annotated[bool, Parameter(negative=())] = False,
    volume: bool | None = None,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Score predictions against labels: Dice and IoU per class; AP, F1 and panoptic quality of objects.

    Dice and IoU are pooled over all pixels of all images; scores of objects are means over images, matched within
    each image or volume.

    Parameters
    ----------
    predictions
        A folder, a file or several files with label images.
    labels
        The truth, likewise; of the same name without its ending.
    labels_are
        masks: every value, 0 included, is a class. scribbles: 0 is ignored. objects: every value above
        0 is an object. auto: found from the labels.
    json_file
        Also write the scores here, undefined ones as null.
    csv_file
        Also write them here, also per image and slice.
    objects_csv
        Also write a table of all objects here: ids, matched, missed, spurious, split or merged, IoU, size, place.
    components
        Every connected piece of equal value, in labels and predictions, is an object: scores the objects of masks.
    volume
        Objects go through the slices of a stack, or (--no-volume) every slice is an image of its own. auto: found
        from the labels.
    program
        How the program behaves.
    """
    from napari_unet import api
    from napari_unet.images import write_atomically

    evaluation = api.evaluate(predictions, labels, labels_are, components=components, volume=volume)
    details = None if objects_csv is None else evaluation.objects_to_csv()
    print(evaluation.to_text())
    if json_file is not None:
        write_atomically(json_file, lambda file: file.write(evaluation.to_json().encode()))
    if csv_file is not None:
        write_atomically(csv_file, lambda file: file.write(evaluation.to_csv().encode()))
    if objects_csv is not None and details is not None:
        write_atomically(objects_csv, lambda file: file.write(details.encode()))
    if not evaluation.complete:
        missing = ", ".join(evaluation.missing_predictions)
        raise InputError(
            f"No prediction belongs to {missing}.", "Predict them too, or leave their labels out."
        )

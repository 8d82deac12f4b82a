"""Prediction from scripts and the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unet.api.inputs import ImageSource, as_image
from napari_unet.api.running import ProgressCallback, StopCallback, merged, run_to_end
from napari_unet.axes import default_axes
from napari_unet.errors import InputError, UNetError
from napari_unet.events import Event, PredictedObjects, PredictedRegion
from napari_unet.images import (
    Image,
    image_paths,
    is_written_here,
    label_suffix,
    write_atomically,
    write_labels,
)
from napari_unet.images.files import PROGRAM
from napari_unet.models.header import read_record
from napari_unet.models.record import ModelRecord
from napari_unet.requests import PredictionRequest
from napari_unet.settings import PredictSettings

if TYPE_CHECKING:
    import torch

    from napari_unet.models.files import Model

_PROBABILITIES = "_probabilities.tif"
"""Ending of the files that hold probabilities."""


@overload
def predict(
    model: torch.nn.Module, image: torch.Tensor, device: torch.device | str | None = None
) -> torch.Tensor: ...


@overload
def predict(
    model: Model | Path | str,
    image: ImageSource,
    device: str | None = None,
    *,
    axes: str | None = None,
    settings: PredictSettings | None = None,
    progress: ProgressCallback | None = None,
    stop: StopCallback | None = None,
    **overrides: Any,
) -> Any: ...


def predict(
    model: Any,
    image: Any,
    device: Any = None,
    *,
    axes: str | None = None,
    settings: PredictSettings | None = None,
    progress: ProgressCallback | None = None,
    stop: StopCallback | None = None,
    **overrides: Any,
) -> Any:
    """Segment an image.

    With a saved model this is what the Segment dock does: normalised as in training, tiled without seams, any
    size and any leading axes. With a bare network it is the classic function on tensors.

    Parameters
    ----------
    model : Model, Path or torch.nn.Module
        A trained model or its file; or a network.
    image : array, Path, Image or torch.Tensor
        An image or its file for a model. For a network a tensor of shape ``(C, H, W)`` or ``(N, C, H, W)``,
        as the network expects it: nothing is normalised.
    device : str or torch.device, optional
        Where to compute; chosen if not given, the network's own for a network.
    axes : str, optional
        One letter per dimension of the image, for example ``"TCYX"``; for a model only.
    settings : PredictSettings, optional
        How to predict; for a model only.
    progress, stop : callable, optional
        As for :func:`~napari_unet.train`; for a model only.
    **overrides
        Fields of :class:`PredictSettings`, for example ``probabilities=True``.

    Returns
    -------
    ndarray or torch.Tensor
        For a model the label array: class values as painted, uint8 or uint16, of the image's shape without
        channels; with ``probabilities=True`` a tuple of it and the probabilities, float16, classes first. For
        a network an int64 tensor of class indices ``(H, W)`` or ``(N, H, W)``: argmax over several logits,
        sigmoid > 0.5 for one.

    Raises
    ------
    InputError
        If the image does not fit the model.
    ModelFileError, DeviceError
        If the model cannot be read, or the device cannot do it.
    """
    from torch import nn

    from napari_unet.models.files import Model, save_model

    if isinstance(model, nn.Module):
        return _predict_classic(model, image, device)
    if device is not None:
        overrides["device"] = str(device)
    chosen = merged(settings or PredictSettings(), overrides)
    with ExitStack() as stack:
        if isinstance(model, Model):  # a request names a file: what it asks for can run in another process
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            path, record = Path(folder) / "model.safetensors", model.record
            save_model(model, path)
        else:
            path, record = Path(model), read_record(model)
        picture = as_image(image, axes, record.network.n_channels)
        results: list[_Result] = []
        _run(
            PredictionRequest(path, (picture,), chosen),
            record,
            lambda _, result: results.append(result),
            progress,
            stop,
        )
    if not results:
        raise UNetError("The prediction was stopped before it was complete.", "Run it again.")
    return (results[0].labels, results[0].probabilities) if chosen.probabilities else results[0].labels


def predict_files(
    model: Path | str,
    images: Path | str | list[Path],
    output: Path | str,
    *,
    axes: str | None = None,
    settings: PredictSettings | None = None,
    progress: ProgressCallback | None = None,
    stop: StopCallback | None = None,
) -> list[Path]:
    """Segment image files into label files of the same stem.

    Parameters
    ----------
    model : Path
        A model file.
    images : Path or list of Path
        A folder, a file or several files.
    output : Path
        Folder for the results: PNG for 2D, otherwise TIFF, lossless; probabilities, if asked for, beside them
        as ``STEM_probabilities.tif``, classes first.
    axes, settings, progress, stop
        As for :func:`predict`.

    Returns
    -------
    list of Path
        The label files that were written; fewer than the images if it was stopped.

    Raises
    ------
    InputError
        If an image does not fit the model, two share a stem, the output is the folder of the images, or it holds
        files of these names that were not predicted here: somebody's annotation is not overwritten.
    StorageError
        If a file cannot be written; an older one survives.
    """
    output = Path(output)
    sources = image_paths(images)
    record = read_record(model)
    stems = [_stem(path) for path in sources]
    repeated = {stem for stem in stems if stems.count(stem) > 1}
    if repeated:
        raise InputError(
            f"Several images are called {sorted(repeated)[0]}.", "Predict them into different folders."
        )
    if any(path.absolute().parent.resolve() == output.absolute().resolve() for path in sources):
        raise InputError("The predictions would lie among the images.", "Choose another output folder.")
    chosen = settings or PredictSettings()
    endings = [".png", ".tif", *([_PROBABILITIES] if chosen.probabilities else [])]
    for stem in stems:
        for old in (output / f"{stem}{ending}" for ending in endings):
            if old.exists() and not is_written_here(old):
                raise InputError(
                    f"{old} exists and was not written by napari-unet, so it is not overwritten.",
                    "Choose another output folder.",
                )
    pictures = tuple(as_image(path, axes, record.network.n_channels) for path in sources)
    written: list[Path] = []

    def write(index: int, result: _Result) -> None:
        target = output / f"{stems[index]}{label_suffix(result.labels)}"
        write_labels(target, result.labels)
        if result.probabilities is not None:
            _write_probabilities(output / f"{stems[index]}{_PROBABILITIES}", result.probabilities)
        written.append(target)

    _run(PredictionRequest(Path(model), pictures, chosen), record, write, progress, stop)
    return written


class _Result:
    """The prediction of one image, filled region by region."""

    def __init__(self, image: Image, record: ModelRecord, with_probabilities: bool) -> None:
        values = record.annotation.values
        self._is_object = record.annotation.kind == "objects"
        small = np.uint8 if max(values) < 256 else np.uint16
        self.labels: NDArray[np.integer[Any]] = np.zeros(
            image.label_shape, np.int32 if self._is_object else small
        )
        self.probabilities: NDArray[np.float16] | None = (
            np.zeros((len(values), *image.label_shape), np.float16) if with_probabilities else None
        )
        self._missing = self.labels.size

    def add(self, event: PredictedRegion | PredictedObjects) -> bool:
        """Take a region; returns whether the image is complete now."""
        key = tuple(slice(start, stop) for start, stop in event.region)
        if isinstance(event, PredictedObjects):
            self.labels[key] = event.objects
            self._missing -= event.objects.size * event.final
            return self._missing <= 0
        if self.probabilities is not None and event.probabilities is not None:
            self.probabilities[(slice(None), *key)] = event.probabilities
        if not self._is_object:
            self.labels[key] = event.labels
            self._missing -= event.labels.size
        return self._missing <= 0


def _run(
    request: PredictionRequest,
    record: ModelRecord,
    complete: Callable[[int, _Result], None],
    progress: ProgressCallback | None,
    stop: StopCallback | None,
) -> None:
    """Run a request; hand every image to ``complete`` once it is done, and keep only unfinished ones."""
    unfinished: dict[int, _Result] = {}

    def collect(event: Event) -> None:
        if isinstance(event, (PredictedRegion, PredictedObjects)):
            index = event.image
            if index not in unfinished:
                unfinished[index] = _Result(request.images[index], record, request.settings.probabilities)
            if unfinished[index].add(event):
                complete(index, unfinished.pop(index))
        if progress is not None:
            progress(event)

    run_to_end(request, collect, stop)


def _predict_classic(network: torch.nn.Module, image: Any, device: Any) -> torch.Tensor:
    import torch

    from napari_unet.inference.classic import predict as predict_tensor

    if not isinstance(image, torch.Tensor):
        raise InputError(
            "A bare network predicts tensors only.",
            "Pass a tensor (C, H, W), or a saved model for images and files.",
        )
    if device is None:
        device = next((p.device for p in network.parameters()), torch.device("cpu"))
    return predict_tensor(network, image, device)


def _write_probabilities(path: Path, probabilities: NDArray[np.float16]) -> None:
    axes = "C" + default_axes(probabilities.ndim - 1)

    def write(file: BinaryIO) -> None:
        tifffile.imwrite(
            file,
            probabilities,
            compression="zlib",
            photometric="minisblack",
            software=PROGRAM,
            metadata={"axes": axes},
        )

    write_atomically(path, write)


def _stem(path: Path) -> str:
    return path.name[: -len(".ome.tif")] if path.name.lower().endswith(".ome.tif") else path.stem

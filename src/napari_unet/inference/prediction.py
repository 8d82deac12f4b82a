"""Predicting images with a saved model: the job behind the dock, the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unet.axes import spatial_letters
from napari_unet.device import choose_device, choose_precision, choose_threads, probe
from napari_unet.errors import InputError
from napari_unet.events import (
    Box,
    Event,
    Finished,
    Notice,
    PredictedObjects,
    PredictedRegion,
    Progress,
    Started,
)
from napari_unet.images import Image
from napari_unet.images.normalisation import IntensityStatistics
from napari_unet.inference.adaptation import image_share, sample_blocks
from napari_unet.inference.labelling import ToLabels, class_values, label_type
from napari_unet.inference.objects import ObjectFinder
from napari_unet.inference.pieces import Read
from napari_unet.inference.tiled import TiledNetwork
from napari_unet.inference.tiles import distance
from napari_unet.models.files import Model, load_model
from napari_unet.models.record import ModelRecord
from napari_unet.nets.outputs import object_maps
from napari_unet.requests import PredictionRequest
from napari_unet.settings import PredictSettings

_PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def predict(request: PredictionRequest, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Predict the images of a request, tile by tile.

    Statistics for the normalisation are always those of the whole image, also where only a part is predicted.

    Parameters
    ----------
    request : PredictionRequest
        Model file, images, regions and settings.
    stop : callable
        Asked after every tile; what was predicted by then has been yielded.

    Yields
    ------
    Started, Notice, PredictedRegion, Progress, and one Finished at the end
        Each pixel asked for is in exactly one :class:`~napari_unet.events.PredictedRegion`.

    Raises
    ------
    ModelFileError
        If the model cannot be read.
    InputError
        If an image has other channels or axes than the model was trained on.
    DeviceError, OutOfMemoryError
        If the device cannot be used, or the smallest tile does not fit into its memory.
    """
    model = load_model(request.model)
    yield from _predict(model, request.images, request.regions, request.centres, request.settings, stop)


def predict_array(
    model: Model,
    array: NDArray[Any],
    settings: PredictSettings | None = None,
    axes: str | None = None,
) -> tuple[NDArray[np.integer[Any]], NDArray[np.float16] | None]:
    """Predict an image in memory.

    Parameters
    ----------
    model : Model
        See :func:`napari_unet.load_model`.
    array : ndarray
        Raw values, as in the file.
    settings : PredictSettings, optional
        How to predict.
    axes : str, optional
        A letter per dimension, see :mod:`napari_unet.axes`. If not given: the spatial axes, and ``C`` before
        them where there is one dimension more.

    Returns
    -------
    labels : ndarray of uint8 or uint16, int32 for a model for objects
        Class values as painted, or numbers of objects, in the image's axes without ``C``.
    probabilities : ndarray of float16 or None
        Classes first, then as ``labels``; if the settings ask for them.

    Raises
    ------
    InputError, DeviceError, OutOfMemoryError
        As :func:`predict`.
    """
    settings = settings or PredictSettings()
    spatial = spatial_letters(model.record.network.ndim)
    image = Image("The image", (array,), axes or ("C" * (array.ndim - len(spatial)) + spatial))
    values = class_values(model.record)
    is_object = model.record.annotation.kind == "objects"
    labels = np.zeros(image.label_shape, np.int32 if is_object else label_type(values))
    probabilities = (
        np.zeros((len(values), *image.label_shape), np.float16) if settings.probabilities else None
    )
    for event in _predict(model, (image,), None, None, settings, lambda: False):
        if isinstance(event, PredictedRegion):
            key = tuple(slice(start, stop) for start, stop in event.region)
            if not is_object:
                labels[key] = event.labels
            if probabilities is not None and event.probabilities is not None:
                probabilities[(slice(None), *key)] = event.probabilities
        elif isinstance(event, PredictedObjects):
            labels[tuple(slice(start, stop) for start, stop in event.region)] = event.objects
    return labels, probabilities


def _predict(
    model: Model,
    images: Sequence[Image],
    regions: Sequence[Box | None] | None,
    centres: Sequence[Sequence[float] | None] | None,
    settings: PredictSettings,
    stop: Callable[[], bool],
) -> Iterator[Event]:
    boxes = _check(model.record, images, regions)
    looks = _check_centres(images, centres)
    report = probe(settings.device)
    device = choose_device(settings.device, report)
    if report.needs_confirmation:
        yield Notice(report.advice, "warning")
    threads_before = torch.get_num_threads()
    threads = choose_threads(settings.threads)
    torch.set_num_threads(threads)
    try:
        precision = choose_precision(device, settings.precision)
        network = TiledNetwork(
            model.network,
            device,
            precision,
            settings.tile_size,
            checked=settings.precision == "auto",
            turns=None if settings.average_turns else 1,
            compiled=settings.compile_network,
        )
        n = model.record.network.ndim
        tile_size = network.choose_tile_size(images[0].label_shape[-n:]) if images else settings.tile_size
        plan = {"precision": _PRECISION_NAMES[precision], "threads": threads, "tile_size": tile_size}
        yield Started(report.name, plan)
        if settings.compile_network and device.type != "cuda":
            yield Notice("Networks are compiled only on NVIDIA GPUs; this one runs as it is.")
        yield from _run(network, model, images, boxes, looks, settings, stop)
    finally:
        torch.set_num_threads(threads_before)


def _check(
    record: ModelRecord, images: Sequence[Image], regions: Sequence[Box | None] | None
) -> tuple[Box, ...]:
    """Check that the images fit the model; returns what to predict of each."""
    wanted = record.network
    spatial = spatial_letters(wanted.ndim)
    for image in images:
        if image.n_channels != wanted.n_channels:
            raise InputError(
                f"{image.name} has {_channels(image.n_channels)}, but the model was trained on images with "
                f"{_channels(wanted.n_channels)}.",
                "Choose the channels it was trained on, or train a model on images like this one.",
            )
        if not image.label_axes.endswith(spatial):
            raise InputError(
                f"{image.name} has the axes {image.axes}, but the model needs {spatial} at their end.",
                "Choose a stack, or name its axes.",
            )
    given = regions or (None,) * len(images)
    if len(given) != len(images):
        raise InputError(f"There are {len(images)} images, but regions for {len(given)}.")
    return tuple(
        region or tuple((0, size) for size in image.label_shape)
        for image, region in zip(images, given, strict=True)
    )


def _check_centres(
    images: Sequence[Image], centres: Sequence[Sequence[float] | None] | None
) -> tuple[Sequence[float] | None, ...]:
    given = tuple(centres or (None,) * len(images))
    fits = len(given) == len(images) and all(
        centre is None or len(centre) == len(image.label_shape)
        for image, centre in zip(images, given, strict=True)
    )
    if not fits:
        raise InputError(
            "The centres of view do not fit the images.", "Give one per image, a number per axis."
        )
    return given


def _run(
    network: TiledNetwork,
    model: Model,
    images: Sequence[Image],
    boxes: Sequence[Box],
    centres: Sequence[Sequence[float] | None],
    settings: PredictSettings,
    stop: Callable[[], bool],
) -> Iterator[Event]:
    record = model.record
    n = record.network.ndim
    to_labels = ToLabels(class_values(record), record.network.outputs, settings.probabilities)
    of_objects = record.annotation.kind == "objects"
    directed = record.network.is_directed
    linked = "Z" * settings.link_slices + "T" * settings.link_frames
    decoding = settings.objects.over(record.objects)
    # A live network predicts as its preview did, which is better, too: docs/decisions/0013.
    adaptable = (
        settings.adapt_to_image and record.network.norm == "batch" and record.plan.get("recipe") != "live"
    )
    share = image_share(len(record.images)) if adaptable else 0.0
    total = sum(prod(b - a for a, b in box) for box in boxes)
    done = 0
    start = perf_counter()

    def finished(stopped: bool) -> Finished:
        seconds = round(perf_counter() - start, 3)
        return Finished(stopped, summary={"images": len(images), "pixels": done, "seconds": seconds})

    for index, (image, box, centre) in enumerate(zip(images, boxes, centres, strict=True)):
        if stop():
            yield finished(True)
            return
        statistics = record.normalisation.statistics(image)
        if statistics.fault:
            yield Notice(f"{image.name} {statistics.fault}.", "warning")
        if share and not all(statistics.constant):
            network.adapt(sample_blocks(model.network, image, statistics), share)
        positions = _positions(box[:-n], centre[:-n] if centre is not None else None)
        reads = (_reader(image, statistics, leading) for leading in positions)
        view = centre[-n:] if centre is not None else None
        finder = None
        if of_objects:
            finder = ObjectFinder(index, box, image.label_axes, n, decoding, linked, directed)
        for item in network.stack(reads, image.label_shape[-n:], box[-n:], view):
            if isinstance(item, Notice):
                yield item
                continue
            plane, core, logits = item
            yield to_labels.event(index, (*positions[plane], *core), logits)
            if finder is not None:
                maps = object_maps(logits[None], record.network.outputs)[0].cpu().numpy()
                if (objects := finder.add(positions[plane], core, maps)) is not None:
                    yield objects
            done += prod(b - a for a, b in core)
            seconds_left = (perf_counter() - start) * (total - done) / done
            yield Progress(done / total, seconds_left, f"image {index + 1} of {len(images)}")
            if stop() and done < total:
                yield finished(True)
                return
        if finder is not None:
            yield from finder.finish()
    yield finished(False)


def _positions(box: Box, centre: Sequence[float] | None) -> list[Box]:
    """The planes of a stack (volumes, for a 3D network), those nearest to the centre first."""
    planes = [
        tuple((i, i + 1) for i in position)
        for position in product(*(range(first, last) for first, last in box))
    ]
    return planes if centre is None else sorted(planes, key=lambda plane: distance(plane, centre))


def _reader(image: Image, statistics: IntensityStatistics, leading: Box) -> Read:
    def read(box: Box) -> NDArray[np.float32]:
        block = statistics.apply(image.read((*leading, *box)))
        return block.reshape(block.shape[0], *block.shape[1 + len(leading) :])

    return read


def _channels(n: int) -> str:
    return "1 channel" if n == 1 else f"{n} channels"

"""A live run, from its request to its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from napari_unet.device import choose_device, choose_precision, choose_threads, probe
from napari_unet.events import Event, Started
from napari_unet.requests import LiveRequest
from napari_unet.training.live.session import LiveSession
from napari_unet.training.optimisation import torch_threads
from napari_unet.training.preparation import check_writable


def learn_live(request: LiveRequest, stop: Callable[[], bool], inbox: SimpleQueue[Any]) -> Iterator[Event]:
    """Learn from what is painted until asked to stop.

    Parameters
    ----------
    request : LiveRequest
        What is painted on, and how to learn.
    stop : callable
        Asked at least four times a second.
    inbox : SimpleQueue
        Of what :class:`LiveRequest` names.

    Yields
    ------
    Event
        ``Started``; ``LiveState``, ``Preview``, ``Suggestion`` and ``ModelSaved`` as they come; ``Finished``.

    Raises
    ------
    InputError
        If the images cannot be learnt from together.
    ModelFileError, StorageError, DeviceError, OutOfMemoryError, TrainingDivergedError
        If the model to start from, the output, the device or the learning fails.
    """
    check_writable(request.output)
    threads = choose_threads(request.settings.threads)
    with torch_threads(threads):
        report = probe(request.settings.device)
        device = choose_device(request.settings.device, report)
        precision = choose_precision(device, request.settings.precision)
        yield Started(report.name, {"threads": threads, "device": device.type})
        yield from LiveSession(request, device, precision, stop, inbox).events()

"""Speed of training: a step of the 31M-parameter network, and the trainer as a whole against a bare loop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

from napari_unet.device import choose_precision, probe
from napari_unet.events import Finished, Started
from napari_unet.images import AnnotatedImage
from napari_unet.images.files import read_image, read_labels
from napari_unet.nets import UNet, init_weights
from napari_unet.requests import TrainingRequest
from napari_unet.samples import sample
from napari_unet.settings import TrainSettings
from napari_unet.training.assembly import Parts, assemble
from napari_unet.training.batches import Batch, Batches
from napari_unet.training.fit import fit
from napari_unet.training.muon import take_gradients
from napari_unet.training.preparation import prepare
from napari_unet.training.sizing import settle_plan

CPU = torch.device("cpu")
SAMPLE = "myelin"
BARE_SECONDS = 40.0
"""Of the bare loop before a training, and after it."""

READY = 4
"""Batches that the bare loop takes in turn."""


def request(output: Path, **options: Any) -> TrainingRequest:
    """To train on images that come with the package."""
    source = sample(SAMPLE)
    images = tuple(AnnotatedImage(read_image(i), read_labels(j)) for i, j in source.pairs())
    return TrainingRequest(images, source.annotation, TrainSettings(device="cpu", **options), output)


def parts_of(wanted: TrainingRequest) -> Parts:
    """What the trainer's steps are made of."""
    preparation = prepare(wanted)
    precision = choose_precision(CPU, wanted.settings.precision)
    plan = settle_plan(wanted, preparation, CPU, precision, probe("cpu"))
    return assemble(wanted, preparation, plan, CPU, precision)


def step_ratio(rounds: int, threads: int) -> dict[str, Any]:
    """Step of the 31M-parameter network, batch 4, 256²: ours with augmentation over plain fp32 on a ready batch."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        wanted = request(
            Path(folder) / "m.safetensors",
            width=64,
            patch_size=256,
            batch_size=4,
            threads=threads,
            consistency=0.0,  # second views would spare reading half of the patches
        )
        parts = parts_of(wanted)
    network = UNet.padded(1, len(wanted.annotation.classes))
    init_weights(network)
    optimizer, criterion = (
        torch.optim.Adam(network.parameters(), lr=1e-4),
        nn.CrossEntropyLoss(ignore_index=-1),
    )
    with parts.batches as batches:
        ready = batches.next()
        images, classes = ready.images.contiguous(), ready.targets.long()

        def ours() -> None:
            parts.optimisation.step(*batches.next())

        def plain() -> None:
            optimizer.zero_grad()
            criterion(network(images), classes).backward()
            optimizer.step()

        def augmented() -> None:
            batches.next()

        seconds = alternate({"ours": ours, "plain_fp32": plain, "batch": augmented}, rounds)
    ours_s, plain_s = seconds["ours"], seconds["plain_fp32"]
    return {
        "batch": 4,
        "patch": 256,
        "width": 64,
        "seconds": {name: median(values) for name, values in seconds.items()},
        "ours_to_plain_fp32": median(a / b for a, b in zip(ours_s, plain_s, strict=True)),
        "batch_share_of_step": median(a / b for a, b in zip(seconds["batch"], ours_s, strict=True)),
    }


def alternate(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, taken in turns so that what else the machine does hits all; a first turn is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name in list(works)[:: 1 if turn % 2 else -1]:
            start = perf_counter()
            works[name]()
            if turn:
                seconds[name].append(perf_counter() - start)
    return seconds


def trainer_share(seconds: float, threads: int, **options: Any) -> dict[str, Any]:
    """Steps per second of a whole training, validation and all, over those of a bare loop before and after it."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        wanted = request(Path(folder) / "m.safetensors", minutes=seconds / 60, threads=threads, **options)
        parts = parts_of(wanted)
        with parts.batches as batches:
            ready = [batches.next() for _ in range(READY)]
            batch_seconds = drawing(batches)
        before = bare(parts, ready, BARE_SECONDS)
        plan: dict[str, Any] = {}
        rate = float("nan")
        for event in fit(wanted, lambda: False):
            if isinstance(event, Started):
                plan = event.plan
            elif isinstance(event, Finished):
                rate = event.summary["steps_per_second"]
        after = bare(parts, ready, BARE_SECONDS)
    return {
        "width": plan["width"],
        "patch": plan["patch_size"],
        "batch": plan["batch_size"],
        "precision": plan["precision"],
        "seconds": seconds,
        "steps_per_second": rate,
        "bare_before": before,
        "bare_after": after,
        "share": rate / ((before + after) / 2),
        "batch_share": batch_seconds * (before + after) / 2,
    }


def drawing(batches: Batches, n: int = 50) -> float:
    """Seconds that a batch takes to read and vary, with nothing else to do meanwhile."""
    batches.next()
    start = perf_counter()
    for _ in range(n):
        batches.next()
    return (perf_counter() - start) / n


def bare(parts: Parts, ready: list[Batch], seconds: float) -> float:
    """Steps per second of forward, loss, backward and optimizer on ready batches, in the trainer's format."""
    optimisation = parts.optimisation
    step, start = 0, 0.0
    while step < 3 or perf_counter() - start < seconds:
        if step == 1:
            start = perf_counter()  # the first makes the optimizer's state
        optimisation.network.zero_grad(set_to_none=True)
        optimisation.losses(*ready[step % len(ready)])[1].backward()
        take_gradients(optimisation.optimizers)
        for optimizer in optimisation.optimizers:
            optimizer.step()
        step += 1
    return (step - 1) / (perf_counter() - start)

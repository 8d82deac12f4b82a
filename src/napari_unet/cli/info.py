"""``napari-unet info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.cli.options import ProgramOptions
from napari_unet.errors import InputError

if TYPE_CHECKING:
    from napari_unet.models.record import ModelRecord

_PROGRAM = ProgramOptions()


def info(
    model: str,
    *,
    trace: Path | None = None,
    pixel: str | None = None,
    axes: str | None = None,
    program: ProgramOptions = _PROGRAM,
) -> None:
    """Show a model: every block's output shape and parameters, its classes and scores.

    Parameters
    ----------
    model
        A model file; or one of the words paper and padded for the two named configurations.
    trace
        An image to send through the network.
    pixel
        Follow this pixel of the image, given as Y,X: its value, logits, probabilities and class.
    axes
        One letter per dimension of the image, for example TCYX, where the file does not tell.
    program
        How the program behaves.
    """
    position = None if pixel is None else _position(pixel)
    if position is not None and trace is None:
        raise InputError("A pixel is followed through an image.", "Name the image with --trace IMAGE.")

    from napari_unet import api

    network, record = api.open_network(model)
    if record is not None:
        print(record_text(record), end="\n\n")
    followed = api.trace_network(network, record, trace, position, axes)
    print(followed.to_text(None if record is None else [c.name for c in record.annotation.classes]))


def record_text(record: ModelRecord) -> str:
    """What a model says about itself, line by line."""
    network, validation = record.network, record.validation
    classes = ", ".join(f"{c.value} {c.name} ({c.color})" for c in record.annotation.classes)
    lines = [
        f"{record.name or 'U-Net'}, created {record.created or 'at an unknown time'}",
        f"network: {network.ndim}D, width {network.width}, depth {network.depth}, padding {network.padding}, "
        f"norm {network.norm or 'none'}",
        f"input: {network.n_channels} channel(s), trained on axes {record.axes or 'unknown'}",
        f"classes ({record.annotation.kind}): {classes}",
        f"trained on: {len(record.images)} image(s)"
        + (f", {len(record.parents)} model(s) before it" * bool(record.parents)),
    ]
    lines += [f"  {name}: {value}" for name, value in record.plan.items()]
    if record.objects is not None:
        found = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in record.objects)
        lines.append(f"objects are found by: {found}")
    lines.append(f"validation: {validation.found}. {validation.method}".rstrip())
    if validation.honest:
        for value, score in validation.scores.items():
            lines.append(f"  class {value}: Dice {_number(score.dice)}, IoU {_number(score.iou)}")
    return "\n".join(lines)


def _number(score: float | None) -> str:
    return "undefined" if score is None else f"{score:.3f}"


def _position(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{text} is no pixel.", "Give it as Y,X, for example 120,64.") from error

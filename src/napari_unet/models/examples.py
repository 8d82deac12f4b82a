"""What a model learnt from, beside its file: annotated pieces of images, so that training further forgets nothing.

``NAME.safetensors`` has its examples in ``NAME.examples.safetensors``: pixels as they are, labels as painted, and in
the header a JSON text that says where each piece comes from. Free of torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter
from safetensors import SafetensorError
from safetensors.numpy import load, save

from napari_unet.errors import InputError, ModelFileError
from napari_unet.events import Box
from napari_unet.images import AnnotatedImage, Image, IntensityStatistics, write_atomically
from napari_unet.labels import AnnotationKind
from napari_unet.models.header import EXAMPLES_KEY, read_header

FORMAT_VERSION = 1
"""Raised when an older program could misread a newer file."""


class Origin(BaseModel):
    """Where a piece comes from, and what its labels mean.

    Attributes
    ----------
    image, hash : str
        Name of the image, and its fingerprint.
    start : tuple of int
        Where the piece begins, along every label axis of the image.
    kind : AnnotationKind
        What the labels are.
    values : tuple of int
        The classes there were, as painted.
    regions : tuple of Box
        What of the piece was held out, to be scored: within the piece, along its spatial axes.
    excluded : tuple of Box
        What of it is never learnt from: the same with the guard around it.
    offset, scale : tuple of float
        Per channel, of the whole image: what the piece is normalised by.
    """

    model_config = ConfigDict(frozen=True)

    image: str
    hash: str
    start: tuple[int, ...]
    kind: AnnotationKind
    values: tuple[int, ...]
    regions: tuple[tuple[tuple[int, int], ...], ...] = ()
    excluded: tuple[tuple[tuple[int, int], ...], ...] = ()
    offset: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Example:
    """An annotated piece of an image, of a plane or of a volume.

    Attributes
    ----------
    origin : Origin
        Where it comes from.
    pixels : ndarray, (C, *spatial)
        Raw values, spatial being YX or ZYX.
    labels : ndarray of int, (*spatial)
        As painted.
    """

    origin: Origin
    pixels: NDArray[Any]
    labels: NDArray[np.integer[Any]]

    @property
    def nbytes(self) -> int:
        """Room it takes in the file."""
        return self.pixels.nbytes + self.labels.nbytes

    @property
    def annotated(self) -> AnnotatedImage:
        """The piece as an image of its own.

        Raises
        ------
        InputError
            If pixels and labels do not belong together.
        """
        axes = {2: "CYX", 3: "CZYX"}.get(self.labels.ndim, "")
        return AnnotatedImage(Image(self.origin.image, (self.pixels,), axes), self.labels)

    @property
    def statistics(self) -> IntensityStatistics:
        """Of the whole image that it comes from."""
        offset, scale = self.origin.offset, self.origin.scale
        return IntensityStatistics(
            np.array(offset, np.float32), np.array(scale, np.float32), (False,) * len(offset), 0, 1
        )


@dataclass(frozen=True)
class ExamplesSummary:
    """What there is beside a model.

    Attributes
    ----------
    images : dict
        Name of every image by its hash.
    nbytes : int
        Size of the file.
    """

    images: dict[str, str]
    nbytes: int


def examples_path(model: Path) -> Path:
    """Where the examples of a model file are."""
    return model.with_name(f"{model.stem}.examples.safetensors")


def compact(labels: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """The same values in the smallest type that holds them."""
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    kinds = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")
    bounds = ((kind, np.iinfo(np.dtype(kind))) for kind in kinds)
    smallest = next(kind for kind, bound in bounds if bound.min <= lowest and highest <= bound.max)
    return labels.astype(smallest)


def write_examples(model: Path, examples: Sequence[Example]) -> None:
    """Write what a model learnt from beside it; without any, remove what is there.

    Raises
    ------
    StorageError
        If the file cannot be written; an older one survives.
    """
    path = examples_path(model)
    if not examples:
        path.unlink(missing_ok=True)
        return
    tensors: dict[str, NDArray[Any]] = {}
    for index, example in enumerate(examples):
        tensors[f"{index}.pixels"] = np.ascontiguousarray(example.pixels)
        tensors[f"{index}.labels"] = np.ascontiguousarray(example.labels)
    content = {
        "format_version": FORMAT_VERSION,
        "examples": [example.origin.model_dump(mode="json") for example in examples],
    }
    data = save(tensors, metadata={EXAMPLES_KEY: json.dumps(content)})
    write_atomically(path, lambda file: file.write(data))


def read_examples(model: Path) -> tuple[Example, ...]:
    """Read what a model learnt from. The file holds numbers and text only: no code is ever executed.

    Raises
    ------
    ModelFileError
        If there is no such file, or it is damaged, or was written by a newer version.
    """
    path = examples_path(model)
    origins = _read_origins(path)
    try:
        tensors = load(path.read_bytes())  # not mapped: Windows could not replace the file
        examples = tuple(
            Example(origin, tensors[f"{index}.pixels"], tensors[f"{index}.labels"])
            for index, origin in enumerate(origins)
        )
        for example in examples:
            _check(example)
    except (OSError, SafetensorError, KeyError, ValueError, InputError) as error:
        raise _damaged(path) from error
    return examples


def summarize_examples(model: Path) -> ExamplesSummary | None:
    """What there is beside a model, from the header alone; ``None`` if there is nothing that could be used."""
    path = examples_path(model)
    try:
        origins = _read_origins(path)
        return ExamplesSummary({o.hash: o.image for o in origins}, path.stat().st_size)
    except (ModelFileError, OSError):
        return None


def copy_examples(model: Path, copy: Path) -> None:
    """Copy what a model learnt from beside a copy of it.

    Raises
    ------
    StorageError
        If it cannot be written; an older file survives.
    OSError
        If it cannot be read.
    """
    source = examples_path(model)
    if source.is_file():
        data = source.read_bytes()
        write_atomically(examples_path(copy), lambda file: file.write(data))
    else:
        examples_path(copy).unlink(missing_ok=True)  # of a model that was replaced


def within(boxes: Sequence[Box], piece: Box) -> tuple[Box, ...]:
    """What boxes of an image cover of a piece of it, counted from where the piece begins."""
    found = []
    for box in boxes:
        common = tuple(
            (max(low, first) - first, min(high, last) - first)
            for (low, high), (first, last) in zip(box, piece, strict=True)
        )
        if all(low < high for low, high in common):
            found.append(common)
    return tuple(found)


def _read_origins(path: Path) -> list[Origin]:
    header, expected, size = read_header(path)
    try:
        content = json.loads(header["__metadata__"][EXAMPLES_KEY])
        if content["format_version"] > FORMAT_VERSION:
            raise ModelFileError(
                f"{path.name} was written by a newer version of napari-unet.", "Update napari-unet to use it."
            )
        origins = TypeAdapter(list[Origin]).validate_python(content["examples"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # pydantic's is a ValueError
        raise _damaged(path) from error
    if size < expected:
        raise _damaged(path)
    return origins


def _check(example: Example) -> None:
    """Refuse what could not be learnt from, before anything is."""
    statistics = example.statistics
    n_channels = example.annotated.image.n_channels
    if {len(statistics.offset), len(statistics.scale)} != {n_channels}:
        raise ValueError("the statistics are of other channels")
    if not (np.isfinite(statistics.offset).all() and (statistics.scale > 0).all()):
        raise ValueError("the statistics are no numbers")
    for box in (*example.origin.regions, *example.origin.excluded):
        bounds = zip(box, example.labels.shape, strict=True)
        if not all(0 <= low < high <= size for (low, high), size in bounds):
            raise ValueError("a held-out region lies outside of its piece")


def _damaged(path: Path) -> ModelFileError:
    return ModelFileError(f"{path.name} is damaged.", "Use another copy of the file.")

"""The record of a model file, read from its header alone: no torch, no weights loaded.

A safetensors file is: eight bytes with the length of the header (little-endian), the header as JSON, the
weights (https://huggingface.co/docs/safetensors). Our record is the JSON text under
``__metadata__.napari_unet``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_unet.errors import ForeignModelError, ModelFileError
from napari_unet.models.record import FORMAT_VERSION, ModelRecord

METADATA_KEY = "napari_unet"
EXAMPLES_KEY = "napari_unet_examples"
"""Of the file beside a model, see :mod:`napari_unet.models.examples`."""

_LARGEST_HEADER = 100_000_000  # safetensors' own limit


def read_record(path: Path | str) -> ModelRecord:
    """Read what a model file says about itself.

    Parameters
    ----------
    path : Path
        A file written by :func:`napari_unet.models.files.save_model`.

    Raises
    ------
    ModelFileError
        If the file is missing, cannot be read, is no model or another program's, is truncated, is damaged, or
        was written by a newer version.
    """
    path = Path(path)
    header, expected, size = read_header(path)
    metadata = header.get("__metadata__")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if text is None and isinstance(metadata, dict) and EXAMPLES_KEY in metadata:
        raise ModelFileError(
            f"{path.name} is no model, but what one learnt from.",
            "Choose the file of the same name without “.examples”.",
        )
    if text is None:
        raise ForeignModelError(
            f"{path.name} holds weights, but was not written by napari-unet.",
            "Choose a model trained with napari-unet.",
        )
    try:
        content = json.loads(text)
        version = content["format_version"]
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise ModelFileError(
                f"{path.name} was written by a newer version of napari-unet.", "Update napari-unet to use it."
            )
        record = ModelRecord.model_validate(content)
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # pydantic's is a ValueError
        raise ModelFileError(
            f"The record of {path.name} is damaged: it does not describe a model.",
            "Use another copy of the file.",
        ) from error
    if size < expected:
        raise _truncated(path, size, expected)
    return record


def read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    """Read what a safetensors file says of its arrays.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    header : dict
        As in the file.
    expected, size : int
        Bytes the file should have by its header, and those it has.

    Raises
    ------
    ModelFileError
        If it cannot be read, or is none of the format.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
            length = int.from_bytes(start[:8], "little")
            looks_right = len(start) == 9 and start[8:] == b"{" and 2 <= length <= _LARGEST_HEADER
            rest = file.read(length - 1) if looks_right else b""
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no file {path}.", "Choose another model file.") from error
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: {error.strerror}.", "Choose another model file."
        ) from error
    if not looks_right:
        if path.suffix == ".safetensors" and size <= 8:
            raise _truncated(path, size, None)
        raise ModelFileError(
            f"{path.name} is not a model file.", "Choose a .safetensors file saved by napari-unet."
        )
    if len(rest) < length - 1:
        raise _truncated(path, size, 8 + length)
    try:
        header = json.loads(b"{" + rest)
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return header, 8 + length + max(ends, default=0), size
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path.name} is not a model file, or it is damaged.",
            "Choose a .safetensors file saved by napari-unet.",
        ) from error


def _truncated(path: Path, size: int, expected: int | None) -> ModelFileError:
    of = f" of at least {expected:,}" if expected else ""
    return ModelFileError(
        f"{path.name} is truncated: only {size:,}{of} bytes are there.",
        "It was not copied or downloaded completely; use another copy.",
    )

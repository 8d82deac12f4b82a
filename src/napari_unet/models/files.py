"""Model files: the network's weights and its record in one safetensors file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from napari_unet.errors import ModelFileError, TrainingDivergedError
from napari_unet.images.storage import write_atomically
from napari_unet.models.header import METADATA_KEY, read_record
from napari_unet.models.record import ModelRecord
from napari_unet.nets import UNet


@dataclass(frozen=True, eq=False)
class Model:
    """A network and what it was trained for.

    Attributes
    ----------
    network : UNet
        In evaluation mode, float32, on the CPU when loaded.
    record : ModelRecord
        Classes, normalisation, training history, scores.
    """

    network: UNet
    record: ModelRecord


def save_model(model: Model, path: Path | str) -> None:
    """Write a model; what was at ``path`` survives until the new file is complete on disk.

    Parameters
    ----------
    model : Model
        Its weights are stored as float32.
    path : Path
        Usually ending in ``.safetensors``. Missing folders are made.

    Raises
    ------
    TrainingDivergedError
        If a weight is NaN or infinite; nothing is written.
    StorageError
        Without permission, or on a full disk; the old file survives.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in model.network.state_dict().items():
        if tensor.is_floating_point():
            tensor = tensor.to("cpu", torch.float32)
            if not bool(torch.isfinite(tensor).all()):
                raise TrainingDivergedError(
                    "The model holds weights that are not finite, so it was not saved.",
                    "Train again with a lower learning rate, in 32-bit precision.",
                )
        tensors[name] = tensor.to("cpu").contiguous().clone()
    data = save(tensors, metadata={METADATA_KEY: model.record.model_dump_json()})
    write_atomically(Path(path), lambda file: file.write(data))


def load_model(path: Path | str) -> Model:
    """Read a model. The file holds numbers and text only: no code is ever executed.

    Raises
    ------
    ModelFileError
        If the file is not a model that this version can use; see
        :func:`~napari_unet.models.header.read_record`.
    """
    path = Path(path)
    record = read_record(path)
    try:
        # copies: the file must not stay mapped, Windows could not replace it
        tensors = {
            name: tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
            for name, tensor in load_file(path, device="cpu").items()
        }
        # without memory of its own, so that a record cannot ask for more than the file holds
        with torch.device("meta"):
            network = UNet.from_settings(record.network)
        network.load_state_dict(tensors, assign=True)
    except (OSError, SafetensorError, RuntimeError, OverflowError, TypeError) as error:
        raise ModelFileError(
            f"The weights in {path.name} are damaged: they do not fit its network.",
            "Use another copy of the file.",
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelFileError(
            f"{path.name} holds weights that are no numbers (NaN or infinite).",
            "Use another copy, or train anew.",
        )
    return Model(network.eval(), record)


def model_hash(path: Path | str) -> str:
    """Fingerprint of a model file's bytes: 32 hexadecimal digits, BLAKE2b.

    Raises
    ------
    ModelFileError
        If it cannot be read.
    """
    digest = blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise ModelFileError(f"{os.fspath(path)} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()

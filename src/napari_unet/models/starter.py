"""The starter network: features learnt from many kinds of images, by which a few strokes tell classes apart.

It lies inside the package, in half precision; STARTER.md beside it says what it was trained on, and what it is worth.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from napari_unet.images.storage import write_atomically
from napari_unet.nets import UNet, init_weights, shorten_kernels
from napari_unet.settings import NetworkSettings

FILE = Path(__file__).with_name("starter.safetensors")
_KEY = "napari_unet_starter"
_FIRST = "inc.0.weight"
"""The kernels that see the image: of three channels."""


def starter_for(n_channels: int, n_classes: int = 2, path: Path = FILE) -> UNet | None:
    """The starter for images with so many channels; its output layer has learnt nothing. ``None`` if there is none.

    Kernels for one grey channel are the sum of those for three, as if it were shown three times; more channels share
    them alike. Kernels are as short as new ones, so that it learns as fast; batch norm has met no image yet.
    """
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()[_KEY])
    settings = NetworkSettings.model_validate(facts["network"])
    network = UNet.from_settings(
        settings.model_copy(update={"n_channels": n_channels, "n_classes": n_classes})
    )
    init_weights(network)
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    if n_channels != 3:
        tensors[_FIRST] = tensors[_FIRST].sum(1, keepdim=True).repeat(1, n_channels, 1, 1) / n_channels
    found = network.load_state_dict(tensors, strict=False)
    learnt = {name for name, _ in network.named_parameters() if not name.startswith("outc.")}
    if learnt & set(found.missing_keys) or found.unexpected_keys:
        raise ValueError(f"{path} does not fit the network it names")
    shorten_kernels(network)
    return network.eval()


def write_starter(network: UNet, path: Path) -> None:
    """Write a network of three channels in half precision, without its output layer and what batch norm has met."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous().clone()
        for name, tensor in network.state_dict().items()
        if not name.startswith("outc.") and "num_batches" not in name and "running" not in name
    }
    data = save(tensors, metadata={_KEY: json.dumps({"network": network.settings.model_dump()})})
    write_atomically(path, lambda file: file.write(data))

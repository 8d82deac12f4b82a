"""The starter network: features learnt from many kinds of images, with which a few strokes are enough to begin.

Its place is inside the package, in half precision. None ships yet: the first one was no better to begin with than a
network that has learnt nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from napari_unet.images.storage import write_atomically
from napari_unet.nets import UNet
from napari_unet.settings import NetworkSettings

FILE = Path(__file__).with_name("starter.safetensors")
_KEY = "napari_unet_starter"
_FIRST = "inc.0.weight"
"""The kernels that see the image: of three channels."""


@dataclass(frozen=True, eq=False)
class Starter:
    """A network without its last layer, and how that is found for a task.

    Attributes
    ----------
    network : UNet
        Of images with three channels; its output layer has learnt nothing.
    strength, scale : float
        Of the ridge regression that gives the output layer, and of the logits that this gives; see
        :mod:`napari_unet.training.live.head`.
    """

    network: UNet
    strength: float
    scale: float

    def network_for(self, n_channels: int, n_classes: int) -> UNet:
        """A network for other images and classes; its output layer has learnt nothing.

        Kernels for one grey channel are the sum of those for three, as if it were shown three times; more channels
        share them alike.
        """
        settings = self.network.settings.model_copy(update={"n_channels": n_channels, "n_classes": n_classes})
        network = UNet.from_settings(settings)
        weights = network.state_dict()
        for name, tensor in self.network.state_dict().items():
            if name == _FIRST and n_channels != 3:
                tensor = tensor.sum(1, keepdim=True).repeat(1, n_channels, 1, 1) / n_channels
            if not name.startswith("outc."):
                weights[name] = tensor
        network.load_state_dict(weights)
        return network


def read_starter(path: Path = FILE) -> Starter | None:
    """The starter that ships with the package; ``None`` if there is none."""
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()[_KEY])
    network = UNet.from_settings(NetworkSettings.model_validate(facts["network"]))
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()}, strict=False)
    return Starter(network.eval(), facts["strength"], facts["scale"])


def write_starter(starter: Starter, path: Path) -> None:
    """Write a starter in half precision, without its output layer and what batch norm met in training."""
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous().clone()
        for name, tensor in starter.network.state_dict().items()
        if not name.startswith("outc.") and "num_batches" not in name
    }
    facts = {
        "network": starter.network.settings.model_dump(),
        "strength": starter.strength,
        "scale": starter.scale,
    }
    data = save(tensors, metadata={_KEY: json.dumps(facts)})
    write_atomically(path, lambda file: file.write(data))

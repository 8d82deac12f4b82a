"""MONAI's networks, transforms, loss and sliding window, put together as its 2D segmentation tutorial does.

Random 96² patches around pixels of every class alike, 4 from each of 2 images per step, flips and 90° turns, values
normalised per channel, Adam at 1e-3, ``DiceCELoss``, sliding window of 96², overlap 0.25, Gaussian weights.
Where the tutorial keeps the rate constant and picks the epoch that validates best, the rate falls by a cosine to 0 over
the minutes and every image is trained on: in short runs that is the better choice for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

from benchmarks.accuracy.deadline import Deadline
from benchmarks.accuracy.task import Predictor, Task, cores

PATCH = 96
IMAGES_PER_STEP, PATCHES_PER_IMAGE = 2, 4
RATE = 1e-3


def prepare() -> None:
    """Load what is not part of the training, and use every core."""
    import monai  # noqa: F401
    import torch

    torch.set_num_threads(cores())


def train(task: Task) -> tuple[Predictor, dict[str, Any]]:
    """Train until the minutes are over."""
    import torch
    from monai.inferers import sliding_window_inference
    from monai.losses import DiceCELoss
    from monai.transforms import Compose, RandCropByLabelClassesd, RandFlipd, RandRotate90d
    from monai.utils import set_determinism

    deadline = Deadline(task.minutes)
    set_determinism(task.seed)
    samples = _samples(task)
    network = _network(task.recipe, samples[0]["image"].shape[0], task.n_classes)
    criterion = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    both = ["image", "label"]
    vary = Compose(
        [
            RandCropByLabelClassesd(
                both,
                "label",
                spatial_size=(PATCH, PATCH),
                num_classes=task.n_classes,
                num_samples=PATCHES_PER_IMAGE,
                indices_key="indices",
                warn=False,
            ),
            RandFlipd(both, prob=0.5, spatial_axis=0),
            RandRotate90d(both, prob=0.5),
        ]
    )
    vary.set_random_state(task.seed)
    random = np.random.default_rng(task.seed)
    network.train()
    steps = 0
    while not (steps and deadline.is_over):
        drawn = random.choice(len(samples), min(IMAGES_PER_STEP, len(samples)), replace=False)
        patches = [patch for index in drawn for patch in vary(samples[index])]
        image, target = (torch.stack([patch[key].as_tensor() for patch in patches]) for key in both)
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * deadline.fraction)) / 2
        optimizer.zero_grad(set_to_none=True)
        criterion(network(image), target).backward()
        optimizer.step()
        steps += 1
    network.eval()

    @torch.no_grad()
    def predict(files: Sequence[Path]) -> list[np.ndarray]:
        found = []
        for path in files:
            image = torch.from_numpy(_normalised(imread(path)))[None]
            logits = sliding_window_inference(
                image, (PATCH, PATCH), 4, network, overlap=0.25, mode="gaussian"
            )
            found.append(logits.argmax(1)[0].numpy().astype(np.uint8))
        return found

    return predict, {"steps": steps, "parameters": sum(p.numel() for p in network.parameters())}


def _network(recipe: str, n_channels: int, n_classes: int) -> Any:
    from monai.networks.nets import BasicUNet, UNet

    if recipe == "monai_basicunet":
        return BasicUNet(spatial_dims=2, in_channels=n_channels, out_channels=n_classes)
    return UNet(
        spatial_dims=2,
        in_channels=n_channels,
        out_channels=n_classes,
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
    )


def _samples(task: Task) -> list[dict[str, Any]]:
    """Images, labels and where each class is, looked up once."""
    from monai.data import MetaTensor
    from monai.transforms import ClassesToIndices

    find = ClassesToIndices(num_classes=task.n_classes)
    return [
        {
            "image": MetaTensor(_normalised(image)),
            "label": MetaTensor(target[None]),
            "indices": find(target[None]),
        }
        for image, target in task.pairs()
    ]


def _normalised(image: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 in every channel, float32 (C, Y, X)."""
    from monai.transforms import NormalizeIntensity

    channels = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
    return np.asarray(NormalizeIntensity(channel_wise=True)(channels.astype(np.float32)), np.float32)

"""The recipe of milesial/Pytorch-UNet, written from its documentation.

Whole images at scale 0.5, one per step; U-Net of base width 64 with transposed convolutions; RMSprop, rate 1e-5, weight
decay 1e-8, momentum 0.999; cross-entropy plus soft Dice; gradients clipped at norm 1; no augmentation; fp32. A tenth of
the images is held out, scored five times an epoch, and the rate falls tenfold after six scores without improvement.
The last weights are used. It counts epochs; here it goes on until the minutes are over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from skimage.io import imread
from torch import Tensor, nn

from benchmarks.accuracy.deadline import Deadline
from benchmarks.accuracy.task import Predictor, Task, cores

SCALE = 0.5
HELD_OUT = 0.1
SCORES_PER_EPOCH = 5


def prepare() -> None:
    """Use every core there is."""
    torch.set_num_threads(cores())


def train(task: Task) -> tuple[Predictor, dict[str, Any]]:
    """Train until the minutes are over."""
    deadline = Deadline(task.minutes)
    torch.manual_seed(task.seed)
    random = np.random.default_rng(task.seed)
    samples = [_sample(image, target) for image, target in task.pairs()]
    random.shuffle(samples)
    n_held_out = int(len(samples) * HELD_OUT)
    held_out, samples = samples[:n_held_out], samples[n_held_out:]
    network = Network(samples[0][0].shape[1], task.n_classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.RMSprop(
        network.parameters(), lr=1e-5, weight_decay=1e-8, momentum=0.999, foreach=True
    )
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=5)
    score_every = len(samples) // SCORES_PER_EPOCH
    steps = 0
    for image, target in _shuffled_for_ever(samples, random):
        if steps and deadline.is_over:
            break
        network.train()
        logits = network(image)
        loss = F.cross_entropy(logits, target) + dice_loss(logits.softmax(1), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        steps += 1
        if held_out and score_every and steps % score_every == 0:
            scheduler.step(_score(network, held_out))

    def predict(files: Sequence[Path]) -> list[np.ndarray]:
        network.eval()
        return [_predict(network, imread(path)) for path in files]

    return predict, {"steps": steps, "parameters": sum(p.numel() for p in network.parameters())}


class Network(nn.Module):
    """U-Net of depth 4: padded 3×3 convolutions without bias, batch norm, transposed convolutions."""

    def __init__(self, n_channels: int, n_classes: int, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.first = _double(n_channels, width)
        self.down = nn.ModuleList(_double(above, below) for above, below in pairwise(widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * one, one, kernel_size=2, stride=2) for one in reversed(widths[:-1])
        )
        self.join = nn.ModuleList(_double(2 * one, one) for one in reversed(widths[:-1]))
        self.last = nn.Conv2d(width, n_classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        features = self.first(image)
        skips = []
        for down in self.down:
            skips.append(features)
            features = down(F.max_pool2d(features, 2))
        for up, join in zip(self.up, self.join, strict=True):
            skip, features = skips.pop(), up(features)
            rows, columns = (skip.shape[axis] - features.shape[axis] for axis in (2, 3))
            pads = [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2]
            features = join(torch.cat([skip, F.pad(features, pads)], dim=1))
        return self.last(features)  # type: ignore[no-any-return]


def dice_loss(probabilities: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice of probabilities (N, K, Y, X): one Dice per class and image, averaged, background included."""
    wanted = F.one_hot(target, probabilities.shape[1]).movedim(-1, 1).float()
    overlap = 2 * (probabilities * wanted).sum((2, 3))
    total = probabilities.sum((2, 3)) + wanted.sum((2, 3))
    total = torch.where(total == 0, overlap, total)
    return 1 - ((overlap + 1e-6) / (total + 1e-6)).mean()


def _double(n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n in (n_in, n_out):
        layers += [
            nn.Conv2d(n, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _image(pixels: np.ndarray) -> Tensor:
    """Scaled image, values 0 to 1, (1, C, Y, X)."""
    channels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    tensor = torch.from_numpy(np.ascontiguousarray(channels)).float()[None] / 255
    size = [int(side * SCALE) for side in tensor.shape[2:]]
    resized = F.interpolate(tensor, size, mode="bicubic", antialias=True).clamp(0, 1)
    return resized.contiguous(memory_format=torch.channels_last)


def _sample(pixels: np.ndarray, target: np.ndarray) -> tuple[Tensor, Tensor]:
    image = _image(pixels)
    labels = torch.from_numpy(target)[None, None].float()
    return image, F.interpolate(labels, image.shape[2:], mode="nearest")[:, 0].long()


def _shuffled_for_ever(samples: list[Any], random: np.random.Generator) -> Iterator[Any]:
    while True:
        for index in random.permutation(len(samples)):
            yield samples[index]


@torch.no_grad()
def _score(network: nn.Module, held_out: list[tuple[Tensor, Tensor]]) -> float:
    """Mean Dice of the predicted classes above the background."""
    network.eval()
    scores = []
    for image, target in held_out:
        logits = network(image)
        predicted = F.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).float()
        both = (predicted * F.one_hot(target, logits.shape[1]).movedim(-1, 1)).sum((2, 3))[:, 1:]
        total = predicted.sum((2, 3))[:, 1:] + torch.stack(
            [(target == value).sum().float() for value in range(1, logits.shape[1])]
        )
        scores.append(float(((2 * both + 1e-6) / (total + 1e-6)).mean()))
    return float(np.mean(scores))


@torch.no_grad()
def _predict(network: nn.Module, pixels: np.ndarray) -> np.ndarray:
    logits = F.interpolate(network(_image(pixels)), pixels.shape[:2], mode="bilinear")
    return logits.argmax(1)[0].numpy().astype(np.uint8)

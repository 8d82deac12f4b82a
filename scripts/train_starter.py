"""Train the starter network that ships inside the wheel: features with which a few strokes are enough to begin.

Needs ``../shared/data``, of which only the training folders of sets that may ship are read, and images made up here::

    python scripts/train_starter.py --minutes 60 --output src/napari_unet/models/starter.safetensors

Every step sets tasks as a person does: strokes on one part of an image, from which the last layer follows in closed
form (``starter/head.py``), and the loss is what that gets wrong on other parts, and on another image of the same kind.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.starter import real, synthetic
from scripts.starter.episodes import Episode, draw
from scripts.starter.head import solve

from napari_unet.models.starter import starter_for, write_starter
from napari_unet.nets import UNet, init_weights
from napari_unet.nets.blocks import OutConv
from napari_unet.training.muon import default_optimizers, set_learning_rate, take_gradients

ROOT = Path(__file__).resolve().parents[1]
EPISODES = 4
"""Per step."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.003)
    parser.add_argument("--pool", type=int, default=3000, help="made-up images")
    parser.add_argument("--start-from", type=Path, help="a starter to go on with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, required=True)
    wanted = parser.parse_args()
    torch.manual_seed(wanted.seed)
    made = make_pool(wanted.pool, wanted.seed)
    sets = [list(real.read(wanted.data, name)) for name in (*real.OBJECT_SETS, *real.MASK_SETS)]
    print(f"{len(made)} made, {[len(examples) for examples in sets]} real", flush=True)
    body = UNet(3, 2, width=wanted.width, depth=wanted.depth)
    init_weights(body)
    if wanted.start_from is not None:
        earlier = starter_for(3, path=wanted.start_from)
        if earlier is None:
            parser.error(f"there is no {wanted.start_from}")
        body = earlier.train()
    learner = Learner(body)
    episodes = stream(np.random.default_rng(wanted.seed), made, sets)
    train(learner, episodes, wanted.minutes, wanted.rate)
    body.outc = OutConv(body.settings.width, 2, 2)
    write_starter(body, wanted.output)


class Learner(nn.Module):
    """A U-Net without its last layer, which every episode solves for."""

    def __init__(self, body: UNet) -> None:
        super().__init__()
        body.outc = nn.Identity()
        self.body = body.to(memory_format=torch.channels_last)
        self.strength = nn.Parameter(torch.tensor(math.log(0.01)))
        self.scale = nn.Parameter(torch.tensor(math.log(3.0)))

    def forward(self, episode: Episode) -> Tensor:
        """Logits (PATCHES, K, SIDE, SIDE)."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = self.body(episode.images.contiguous(memory_format=torch.channels_last))
        features = features.float().movedim(1, -1)
        painted = episode.strokes >= 0
        weights = solve(features[painted], episode.strokes[painted], episode.n_classes, self.strength.exp())
        return ((features @ weights[:-1] + weights[-1]) * self.scale.exp()).movedim(-1, 1)


def loss_of(logits: Tensor, classes: Tensor) -> Tensor:
    """Half cross-entropy, rare classes up to ten times heavier, half Dice of the classes that are there."""
    known = classes >= 0
    n = logits.shape[1]
    share = torch.bincount(classes[known], minlength=n).float() / known.sum()
    weight = share.clamp(min=0.02).rsqrt()
    cross = F.cross_entropy(logits, classes, weight / weight.mean(), ignore_index=-1)
    chances = logits.softmax(1).movedim(1, -1)[known]
    truth = F.one_hot(classes[known], n).float()
    dice = (2 * (chances * truth).sum(0) + 1) / (chances.sum(0) + truth.sum(0) + 1)
    return 0.5 * cross + 0.5 * (1 - dice[share > 0].mean())


def train(learner: Learner, episodes: Iterator[Episode], minutes: float, rate: float) -> None:
    """One cycle of the learning rate, as long as there is time."""
    optimizers = default_optimizers(learner.body, rate, torch.bfloat16)
    extra = torch.optim.Adam([learner.strength, learner.scale], 0.003)
    started, shown, step, recent = time.monotonic(), time.monotonic(), 0, []
    while (fraction := (time.monotonic() - started) / (60 * minutes)) < 1:
        now = min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * fraction))
        set_learning_rate(optimizers, rate * now)
        for optimizer in (*optimizers, extra):
            optimizer.zero_grad(set_to_none=True)
        learner.body.zero_grad(set_to_none=True)
        for _ in range(EPISODES):
            episode = next(episodes)
            loss = loss_of(learner(episode), episode.classes)
            if torch.isfinite(loss):
                (loss / EPISODES).backward()
                recent.append(float(loss.detach()))
        take_gradients(optimizers)
        nn.utils.clip_grad_norm_([w for o in optimizers for g in o.param_groups for w in g["params"]], 1.0)
        for optimizer in (*optimizers, extra):
            optimizer.step()
        step += 1
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print(
                f"{fraction:.2f} step {step} loss {np.mean(recent):.4f} "
                f"strength {float(learner.strength.detach().exp()):.4f} "
                f"scale {float(learner.scale.detach().exp()):.2f}",
                flush=True,
            )
            recent = []


def stream(
    random: np.random.Generator, made: list[synthetic.Example], sets: list[list[synthetic.Example]]
) -> Iterator[Episode]:
    """Half made up, half real, the sets as often as each other."""
    while True:
        if random.random() < 0.55:
            chosen = [made[random.integers(len(made))]]
        else:
            group = sets[random.integers(len(sets))]
            chosen = [real.varied(random, group[random.integers(len(group))]) for _ in range(1)]
            if random.random() < 0.5:
                chosen.append(real.varied(random, group[random.integers(len(group))]))
        episode = draw(random, chosen)
        if episode is not None:
            yield episode


def make_pool(n: int, seed: int) -> list[synthetic.Example]:
    """Made-up images, drawn on both cores."""
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(_make, range(seed * n, (seed + 1) * n), chunksize=50))


def _make(seed: int) -> synthetic.Example:
    image, classes = synthetic.make(np.random.default_rng(seed))
    return synthetic.Example(image.astype(np.float16), classes)


if __name__ == "__main__":
    main()

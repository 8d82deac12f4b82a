"""StarDist 2D (Schmidt et al. 2018), trained from scratch with the settings of its documentation.

Runs in an environment of its own (``requirements-stardist.txt``): ``python -m benchmarks.stardist_2d TASK``, see
:mod:`benchmarks.objects`. TASK is a JSON file: ``images``, ``labels`` and ``tests`` (file names), ``minutes``,
``seed``, ``output`` (folder for one TIFF of labels per test image, and ``facts.json``).

Its defaults are a patch of 256², batches of 4, 100 steps per epoch, Adam with 3e-4, the weights of the best epoch.
What its example notebook adds is here too: 32 rays on a grid of 2 × 2, percentile normalisation per image, 15 % of the
images for validation, flips, turns and changes of intensity, thresholds optimised at the end. Training ends with the
minutes, which loading, validation and that optimisation are part of.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread, imsave

from benchmarks.accuracy.deadline import Deadline

SHARE_OF_TRAINING = 0.93  # of the minutes; the thresholds take the rest
MOST_EPOCHS = 400


def main(arguments: list[str]) -> int:
    """Train, predict, write."""
    from csbdeep.utils import normalize
    from stardist import fill_label_holes
    from stardist.models import Config2D, StarDist2D

    task = json.loads(Path(arguments[0]).read_text())
    deadline = Deadline(task["minutes"])
    output = Path(task["output"])
    random = np.random.default_rng(task["seed"])
    images = [normalize(imread(path), 1, 99.8, axis=(0, 1)) for path in task["images"]]
    labels = [fill_label_holes(imread(path).astype(np.int32)) for path in task["labels"]]
    order = random.permutation(len(images))
    n_validation = max(1, round(0.15 * len(images)))
    validation, training = order[:n_validation], order[n_validation:]

    channels = 1 if images[0].ndim == 2 else images[0].shape[2]
    config = Config2D(n_rays=32, grid=(2, 2), n_channel_in=channels, train_tensorboard=False)
    model = StarDist2D(config, name="stardist", basedir=str(output))
    model.prepare_for_training()
    steps = _StopInTime(deadline, model)
    model.callbacks.append(steps.callback)
    model.train(
        [images[i] for i in training],
        [labels[i] for i in training],
        validation_data=([images[i] for i in validation], [labels[i] for i in validation]),
        augmenter=lambda x, y: _augmented(x, y, random),
        seed=task["seed"],
        epochs=MOST_EPOCHS,
    )
    trained = 60 * task["minutes"] * deadline.fraction
    model.optimize_thresholds([images[i] for i in validation], [labels[i] for i in validation])
    for path in map(Path, task["tests"]):
        found, _ = model.predict_instances(normalize(imread(path), 1, 99.8, axis=(0, 1)))
        imsave(output / f"{path.stem}.tif", found.astype(np.int32), check_contrast=False)
    facts = {
        "steps": steps.n,
        "seconds_of_steps": round(trained, 1),
        "thresholds": dict(model.thresholds._asdict()),
    }
    (output / "facts.json").write_text(json.dumps(facts, default=float))
    return 0


class _StopInTime:
    """Ends the training, between two steps; StarDist's own count of epochs cannot know how fast a computer is."""

    def __init__(self, deadline: Deadline, model: Any) -> None:
        from csbdeep.utils.tf import keras_import

        self.n = 0

        def after_step(batch: int, logs: Any = None) -> None:
            self.n += 1
            if deadline.fraction >= SHARE_OF_TRAINING:
                model.keras_model.stop_training = True

        lambda_callback = keras_import("callbacks", "LambdaCallback")
        self.callback = lambda_callback(on_train_batch_end=after_step)


def _augmented(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    turns = int(random.integers(4))
    x, y = np.rot90(x, turns), np.rot90(y, turns)
    for axis in (0, 1):
        if random.random() < 0.5:
            x, y = np.flip(x, axis), np.flip(y, axis)
    x = x * random.uniform(0.6, 2) + random.uniform(-0.2, 0.2)
    return x + 0.02 * random.uniform() * random.normal(size=x.shape), y


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

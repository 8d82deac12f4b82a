"""Runs one task: ``python -m benchmarks.accuracy.child TASK.json MEASURED.json``."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

from skimage.io import imsave

from benchmarks.accuracy.recipes import RECIPES
from benchmarks.accuracy.sets import image_files
from benchmarks.accuracy.task import Task


def main(request: str, answer: str) -> None:
    """Train, predict the test images, write what was measured.

    ``training_seconds`` run from reading the first image to the trained model, ``prediction_seconds`` from the
    image files to class values in memory; ``training_cpu_seconds`` of all threads tell whether the cores were shared.
    """
    task = Task(**json.loads(Path(request).read_text()))
    module = import_module(RECIPES[task.recipe].module)
    module.prepare()
    started, used = time.perf_counter(), time.process_time()
    predict, facts = module.train(task)
    trained, used = time.perf_counter(), time.process_time() - used
    files = image_files(Path(task.test_images))
    predictions = predict(files)
    done = time.perf_counter()
    for path, prediction in zip(files, predictions, strict=True):
        imsave(Path(task.output) / f"{path.stem}.png", prediction.astype("uint8"), check_contrast=False)
    measured = {
        "training_seconds": round(trained - started, 4),
        "training_cpu_seconds": round(used, 2),
        "prediction_seconds": round(done - trained, 4),
        "facts": facts,
    }
    Path(answer).write_text(json.dumps(measured))


if __name__ == "__main__":
    main(*sys.argv[1:])

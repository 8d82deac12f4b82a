"""One training and prediction, handed to a fresh process; it never learns where the test labels are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

from benchmarks.accuracy.sets import image_files

ROOT = Path(__file__).resolve().parents[2]

Predictor = Callable[[Sequence[Path]], Sequence[np.ndarray]]
"""From image files to class values, uint8 (Y, X)."""


@dataclass(frozen=True)
class Task:
    """What a recipe gets: where to train, how long, with which random numbers.

    ``minutes`` is a budget: recipes that need less stop earlier.
    """

    recipe: str
    train_images: str
    train_labels: str
    test_images: str
    labels_are: str
    n_classes: int
    minutes: float
    seed: int
    output: str

    def pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Read the training images, uint8 (Y, X) or (Y, X, C), and the class of every pixel, int64 (Y, X)."""
        found = []
        for path in image_files(Path(self.train_images)):
            labels = np.asarray(imread(Path(self.train_labels) / path.name)).astype(np.int64)
            found.append(
                (imread(path), (labels > 0).astype(np.int64) if self.labels_are == "objects" else labels)
            )
        return found


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_task(task: Task) -> dict[str, Any]:
    """Run a task in a fresh process on the cores of this one; predictions lie in ``task.output`` afterwards.

    Returns
    -------
    dict
        What was measured, see ``child.py``.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails; what it wrote to standard error is shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder) / "task.json", Path(folder) / "measured.json"
        request.write_text(json.dumps(asdict(task)))
        paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        # What the caller's shell says about threads is not the default of any recipe: the cores count.
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, "-m", "benchmarks.accuracy.child", str(request), str(answer)]
        subprocess.run(command, check=True, env=environment, cwd=folder)
        return dict(json.loads(answer.read_text()))

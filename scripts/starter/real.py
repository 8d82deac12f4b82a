"""Real annotated images that may ship with the project, as examples for the starter. Training folders only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scripts.starter.synthetic import Example, Random
from skimage.io import imread
from skimage.segmentation import find_boundaries

OBJECT_SETS = ("dsb2018_fluo_nuclei", "dsb2018_histology_rgb", "bbbc039_nuclei")
MASK_SETS = ("chase_retinal_vessels", "axondeepseg_myelin_sem")
"""Those of ``shared/data`` whose terms let weights trained on them be given away."""


def read(data: Path, name: str) -> Iterator[Example]:
    """All training images of a set; of objects 0 is outside, 1 inside, 2 where two touch or nearly do."""
    for path in sorted((data / name / "train" / "images").iterdir()):
        (labels,) = (data / name / "train" / "labels").glob(f"{path.stem}.*")
        numbers = np.asarray(imread(labels)).astype(np.int64)
        classes = _with_borders(numbers) if name in OBJECT_SETS else numbers.astype(np.uint8)
        yield Example(standardised(np.asarray(imread(path))), classes)


def standardised(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """(3, Y, X), each channel of mean 0 and deviation 1 between its percentiles, as the plugin does."""
    planes = np.stack([image] * 3) if image.ndim == 2 else np.moveaxis(image[..., :3], -1, 0)
    found = []
    for plane in planes.astype(np.float32):
        cut = np.clip(plane, *np.percentile(plane, [0.1, 99.9]))
        found.append(np.clip((plane - cut.mean()) / max(float(cut.std()), 1e-6), -100, 100))
    return np.stack(found).astype(np.float32)


def varied(random: Random, example: Example) -> Example:
    """The same at another size, turned, with another contrast or sign."""
    image, classes = example
    zoom = float(np.exp(random.uniform(np.log(0.5), np.log(2.0))))
    zoom = max(zoom, 136 / min(classes.shape))
    height = int(min(classes.shape[0], 192 / zoom + 1))
    width = int(min(classes.shape[1], 192 / zoom + 1))
    top = int(random.integers(0, classes.shape[0] - height + 1))
    left = int(random.integers(0, classes.shape[1] - width + 1))
    part = (slice(top, top + height), slice(left, left + width))
    grid = [np.linspace(0, n - 1, max(130, round(n * zoom))) for n in (height, width)]
    where = np.meshgrid(*grid, indexing="ij")
    image = np.stack([ndimage.map_coordinates(c[part], where, order=1, mode="nearest") for c in image])
    classes = ndimage.map_coordinates(classes[part], where, order=0, mode="nearest")
    if random.random() < 0.3:
        image = -image
    if random.random() < 0.5:
        low, high = image.min(), image.max()
        image = ((image - low) / max(float(high - low), 1e-6)) ** np.exp(random.uniform(-0.5, 0.5))
        image = (image - image.mean()) / max(float(image.std()), 1e-6)
    image = image + random.exponential(0.08) * random.standard_normal(image.shape)
    return Example(image.astype(np.float32), classes)


def _with_borders(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    classes = (numbers > 0).astype(np.uint8)
    grown = [
        ndimage.grey_dilation(numbers, size=5),
        -ndimage.grey_dilation(-np.where(numbers, numbers, 1 << 40), size=5),
    ]
    between = (grown[0] != grown[1]) & (grown[0] > 0) & (grown[1] < 1 << 40)
    classes[between & ((numbers == 0) | find_boundaries(numbers, mode="inner"))] = 2
    return classes

"""The annotated images that are measured on, and which score of each one counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from skimage.io import imread


@dataclass(frozen=True)
class Headline:
    """A score that counts: ``scores[measure][name]`` of a result line, and what 20 minutes have to reach."""

    title: str
    measure: str
    name: str
    bar: float


@dataclass(frozen=True)
class BenchmarkSet:
    """Images in ``folder/{train,test}/{images,labels}``, equal stems.

    Attributes
    ----------
    name, folder : str
        Short name, and folder inside the data.
    labels_are : {"masks", "objects"}
        Objects are scored as foreground against background.
    classes : tuple of str
        Names of the values 0, 1, ...
    headlines : tuple of Headline
        The scores that count.
    merged : dict
        Further scores, of several values taken as one class.
    cells : int, optional
        The value whose 4-connected components are objects, for the Rand F-score.
    """

    name: str
    folder: str
    labels_are: str
    classes: tuple[str, ...]
    headlines: tuple[Headline, ...]
    merged: dict[str, tuple[int, ...]] = field(default_factory=dict)
    cells: int | None = None

    def target(self, path: Path) -> np.ndarray:
        """Read the class index of every pixel from a label file."""
        labels = np.asarray(imread(path))
        return (labels > 0).astype(np.uint8) if self.labels_are == "objects" else labels


def _dice(title: str, name: str, bar: float) -> Headline:
    return Headline(title, "dice", name, bar)


_NUCLEI = ("background", "nuclei")

SETS = {
    one.name: one
    for one in (
        BenchmarkSet(
            "isbi2012",
            "isbi2012_em_membrane",
            "masks",
            ("membrane", "cell"),
            (_dice("membrane Dice", "membrane", 0.82), Headline("Rand F", "rand_f", "mean", 0.93)),
            cells=1,
        ),
        BenchmarkSet(
            "chase",
            "chase_retinal_vessels",
            "masks",
            ("background", "vessels"),
            (_dice("vessels Dice", "vessels", 0.80),),
        ),
        BenchmarkSet(
            "dsb2018_histology",
            "dsb2018_histology_rgb",
            "objects",
            _NUCLEI,
            (_dice("foreground Dice", "foreground", 0.905),),
        ),
        BenchmarkSet(
            "monuseg",
            "monuseg_he_nuclei",
            "objects",
            _NUCLEI,
            (_dice("foreground Dice", "foreground", 0.79),),
        ),
        BenchmarkSet(
            "epfl6",
            "epfl6_em_organelles",
            "masks",
            ("rest", "membrane", "mitochondrion", "mitochondrion boundary", "vesicle", "PSD", "axon sheath"),
            (
                _dice("mitochondria with boundary Dice", "mitochondria with boundary", 0.90),
                _dice("mean Dice of 7 classes", "mean", 0.62),
            ),
            merged={"mitochondria with boundary": (2, 3)},
        ),
        BenchmarkSet(
            "axondeepseg",
            "axondeepseg_myelin_sem",
            "masks",
            ("rest", "myelin", "axon"),
            (_dice("mean Dice of 3 classes", "mean", 0.85),),
        ),
    )
}
"""By short name."""


def image_files(folder: Path) -> list[Path]:
    """Image files of a folder in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in {".png", ".tif", ".tiff"})

"""Every recipe that is measured: ``prepare()`` imports, ``train(task) -> (predictor, facts)`` does the work."""

from __future__ import annotations

from dataclasses import dataclass

OUR_MINUTES = (1.0, 5.0, 20.0)
RIVAL_MINUTES = (5.0,)


@dataclass(frozen=True)
class Recipe:
    """A way to train.

    Attributes
    ----------
    module : str
        Where its ``prepare`` and ``train`` are.
    title : str
        What tables call it.
    minutes : tuple of float
        Budgets it is measured with.
    sources : tuple of str
        Paths whose last commit identifies what was measured, besides module and scoring.
    packages : tuple of str
        Distributions whose version matters.
    """

    module: str
    title: str
    minutes: tuple[float, ...] = RIVAL_MINUTES
    sources: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("torch",)

    @property
    def is_ours(self) -> bool:
        """Whether this plugin is what is measured."""
        return bool(self.sources)


_HERE = "benchmarks.accuracy.recipes"
_OURS = tuple(
    f"src/napari_unet/{room}"
    for room in (
        "api",
        "device",
        "images",
        "inference",
        "labels",
        "models",
        "nets",
        "training",
        "settings.py",
    )
)

RECIPES = {
    "ours": Recipe(f"{_HERE}.ours", "napari-unet", OUR_MINUTES, _OURS),
    "otsu": Recipe(f"{_HERE}.otsu", "Otsu", packages=("scikit-image",)),
    "forest": Recipe(f"{_HERE}.forest", "random forest", packages=("scikit-image", "scikit-learn")),
}
"""By name, as in ``--recipes``."""

"""Every recipe that is measured: ``prepare()`` imports, ``train(task) -> (predictor, facts)`` does the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
        Further paths whose last commit identifies what was measured, beside the module.
    packages : tuple of str
        Distributions whose version matters.
    """

    module: str
    title: str
    minutes: tuple[float, ...] = RIVAL_MINUTES
    sources: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("torch",)


_HERE = "benchmarks.accuracy.recipes"
_OWN = "benchmarks/accuracy/recipes/ours.py"
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
        "objects",
        "scores",
        "settings",
        "training",
    )
)


@dataclass(frozen=True)
class Variant:
    """Ours with one thing changed: settings of the plugin, or no skip connections."""

    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    skips: bool = True


VARIANTS = {
    "no_skips": Variant("no skip connections", skips=False),
    "cross_entropy": Variant("cross-entropy only", {"loss": "cross-entropy"}),
    "dice": Variant("Dice loss only", {"loss": "dice"}),
    "no_elastic": Variant("no elastic deformation", {"augmentation": {"elastic": 0.0}}),
    **{f"depth_{depth}": Variant(f"depth {depth}", {"depth": depth}) for depth in (3, 4, 5)},
    **{f"width_{width}": Variant(f"width {width}", {"width": width}) for width in (16, 32, 64)},
}
"""The ablation, by recipe name; compared with ``ours`` at the same minutes."""

ABLATION_SETS = ("isbi2012", "chase")

RECIPES = {
    "ours": Recipe(f"{_HERE}.ours", "napari-unet", OUR_MINUTES, _OURS),
    "pytorch_unet": Recipe(f"{_HERE}.pytorch_unet", "Pytorch-UNet's recipe"),
    "monai_basicunet": Recipe(f"{_HERE}.monai_unet", "MONAI BasicUNet", packages=("torch", "monai")),
    "monai_unet": Recipe(f"{_HERE}.monai_unet", "MONAI UNet", packages=("torch", "monai")),
    "forest": Recipe(f"{_HERE}.forest", "random forest", packages=("scikit-image", "scikit-learn")),
    "otsu": Recipe(f"{_HERE}.otsu", "Otsu", packages=("scikit-image",)),
} | {
    name: Recipe(f"{_HERE}.ablation", variant.title, RIVAL_MINUTES, (*_OURS, _OWN))
    for name, variant in VARIANTS.items()
}
"""By name, as in ``--recipes``."""

"""Train a U-Net: honest split, patches, augmentation, losses, ``fit()``. Lazy: torch loads with the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet.training.loop import fit

__all__ = ["fit"]


def __getattr__(name: str) -> Any:
    if name == "fit":
        from napari_unet.training.loop import fit

        return fit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

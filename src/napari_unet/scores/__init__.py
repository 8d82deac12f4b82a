"""Dice, IoU and confusion matrices, from class indices, label images or folders. Free of torch."""

from napari_unet.scores.confusion import Confusion
from napari_unet.scores.metrics import calculate_metrics

__all__ = ["Confusion", "calculate_metrics"]
